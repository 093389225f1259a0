"""``wellfit reproduce``: repeat published experiments and compare the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import screen, spinner
from wellfit.cli.files import write_json
from wellfit.core.writing import write

if TYPE_CHECKING:
    from wellfit.recipes import Measured, Recipe, Reproduction


def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of recipes; `list` lists them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All recipes.")] = False,
    source: Annotated[
        str | None, typer.Option(help="All recipes of one source: indaba, cs109b, …")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The shorter version of recipes that have one.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of seeds; default: 3, or 1 with --quick.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="A folder with named data sets; default: WELLFIT_DATA, or a download."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A folder for results.json and images/; it keeps the results of other recipes."
        ),
    ] = None,
) -> None:
    """Repeat published experiments, and compare each result with the published figure.

    The exit code is 1 if a result misses its published figure by more than the tolerance.
    """
    from wellfit.core.declared import refuse_undeclared
    from wellfit.core.errors import InputError

    listed = names == ["list"]
    for name in [] if listed or not names else names:
        refuse_undeclared("recipe", name)
    with spinner("loading recipes"):
        from wellfit.recipes import recipes

        found = recipes([] if listed or not names else names, source)
    if listed:
        _show_list(found)
        return
    if not (names or everything or source):
        raise InputError("nothing to reproduce; expected names of recipes, --source or --all")
    goes = None if seeds is None else range(seeds)
    missed = _reproduce(found, goes, quick, data_dir, out)
    if missed:
        screen().print(f"missed: {', '.join(missed)}")
        raise typer.Exit(1)


def _reproduce(
    wanted: list[Recipe], seeds: range | None, quick: bool, data_dir: Path | None, out: Path | None
) -> list[str]:
    """Run recipes, show the results of each, and return the names of those that missed."""
    from wellfit.recipes import reproduce

    missed: list[str] = []
    count, total = 0, 0.0
    width = max(len(recipe.name) for recipe in wanted)
    try:
        for recipe in wanted:
            with spinner(recipe.name):
                done = reproduce(recipe, data_dir=data_dir, seeds=seeds, quick=quick)
            _show(done, width)
            total += done.seconds * len(done.figures[0].values)
            count += 1
            missed += [] if done.reached else [recipe.name]
            if out is not None:
                _write(out, done)
    finally:  # after Ctrl-C too: finished recipes count
        screen().print(
            f"\n{count} of {len(wanted)} recipes in {total:.0f} s, "
            f"{count - len(missed)} as published"
        )
    return missed


def _show_list(found: list[Recipe]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("recipe", "source", "data", "published"):
        table.add_column(head, overflow="fold")
    for recipe in found:
        texts = [
            f"{figure.what} {figure.told(figure.published)}"
            for figure in recipe.figures
            if figure.published is not None
        ]
        cells = (recipe.name, recipe.source.key, recipe.data, ", ".join(texts))
        table.add_row(*map(Text, cells))
    screen().print(table)


def _show(done: Reproduction, width: int) -> None:
    """Print a line for each figure of a recipe."""
    from rich.text import Text

    for place, measured in enumerate(done.figures):
        name = done.recipe.name if place == 0 else ""
        time = f"{done.seconds:8.1f} s" if place == 0 else " " * 10
        line = (f"{name:{width}}  {time}  ", _mark(measured), f"  {_line(measured)}")
        screen().print(Text.assemble(*line), soft_wrap=True)
    if done.recipe.remark and not done.reached:
        screen().print(f"{'':{width}}  {done.recipe.remark}", soft_wrap=True)


def _mark(measured: Measured) -> tuple[str, str]:
    if measured.figure.published is None:
        return " ", ""
    return ("✓", "green") if measured.reached else ("✗", "red")


def _line(measured: Measured) -> str:
    figure, metric = measured.figure, measured.figure.metric
    ours = figure.told(measured.ours)
    if len(measured.values) > 1:
        spread = metric.scale * measured.spread
        ours += f" ± {spread:.2f}" if metric.is_share else f" ± {spread:.2g}"
    if figure.published is None:
        return f"{figure.what}: {ours}"
    return f"{figure.what}: {ours}, published {figure.told(figure.published)}"


def _results(folder: Path) -> dict[str, Any]:
    """Return the earlier results in a folder, by recipe.

    Raises:
        DataError: the results file is invalid.
    """
    from wellfit.core.errors import DataError

    path = folder / "results.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise DataError(
            f"{path} is not JSON: {error}; remove it, or choose another folder"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path} has no results by recipe; remove it, or choose another folder")
    return found


def _write(folder: Path, done: Reproduction) -> None:
    """Add a recipe's results to the results file, and write its figure."""
    from wellfit.recipes.pictures import picture, small_png

    name = done.recipe.name
    (folder / "images").mkdir(parents=True, exist_ok=True)
    results = _results(folder) | {name: done.to_document()}
    write_json(folder / "results.json", dict(sorted(results.items())))
    write(folder / "images" / f"{name}.png", small_png(picture(done)))
