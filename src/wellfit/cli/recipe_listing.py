"""``wellfit reproduce list`` and ``show``: the recipes, a line each, and one of them in full."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from wellfit.cli.console import screen

if TYPE_CHECKING:
    from wellfit.recipes import Recipe, Reference

_RUNS = {"published": "as published", "better": "the better way (--better)"}


def show_list(found: Sequence[Recipe]) -> None:
    """Print a line for each recipe, source by source: its name and what it does."""
    ordered = sorted(found, key=lambda recipe: recipe.source.key)
    width = max(len(recipe.name) for recipe in found)
    for source, each in groupby(ordered, key=lambda recipe: recipe.source):
        screen().print(Text.assemble((source.key, "bold"), f"  {source.title}"), soft_wrap=True)
        for recipe in each:
            line = Text(f"  {recipe.name:<{width}}  {_summary(recipe)}")
            line.truncate(screen().width, overflow="ellipsis")
            screen().print(line, soft_wrap=True)
        screen().print()
    screen().print("`wellfit reproduce show NAME` shows settings and reference values.")


def show_recipes(found: Sequence[Recipe]) -> None:
    """Print recipes in full: settings, reference values, what differs from the source."""
    for recipe in found:
        screen().print(Text(recipe.name, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", max_width=28)
        table.add_column(overflow="fold")
        for label, text in _details(recipe):
            if text:
                table.add_row(Text(label), Text(text))
        screen().print(table)
        screen().print()


def _details(recipe: Recipe) -> list[tuple[str, str]]:
    """Return what there is to say on a recipe, with a label each."""
    source = recipe.source
    return [
        ("recipe", " ".join(str(inspect.getdoc(type(recipe))).split())),
        ("source", f"{source.title}, by {source.tool}"),
        ("data", recipe.data),
        ("runs", ", ".join(_RUNS[way] for way in recipe.ways)),
        *recipe.settings_text().items(),
        *((one.what, _reference(one)) for one in recipe.figures),
        ("differs", recipe.differs),
        ("better way", recipe.better_way),
        ("note", recipe.remark),
    ]


def _reference(figure: Reference) -> str:
    """Return a reference value with its place in the source."""
    value = figure.reference or "no published value"
    way = "" if figure.way == "both" else f", {_RUNS[figure.way]}"
    return f"{value}{way} [{figure.place}]"


def _summary(recipe: Recipe) -> str:
    return str(inspect.getdoc(type(recipe))).partition("\n")[0]
