"""Summaries of data: the types and values of columns, the classes of a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from wellfit.core.words import percent, pluralize, short
from wellfit.datasets import Column, Summary, Target

_MOST_NAMED = 4
_MOST_COLUMNS = 100
_FIRST_YEAR, _LAST_YEAR = 1000, 2999


def types(summary: Summary) -> str:
    """Return the number of columns of each type."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.kinds.items())
    return kinds if len(summary.kinds) == 1 else f"{len(summary.columns):,}: {kinds}"


def missing_values(summary: Summary) -> str:
    """Return the number of missing cells, and the columns with most of them."""
    if not summary.missing:
        return "none"
    holed = sorted((c for c in summary.columns if c.missing), key=lambda c: -c.missing)
    named = [f"{column.name} {column.missing:,}" for column in holed[:_MOST_NAMED]]
    more = ["…"] if len(holed) > _MOST_NAMED else []
    cells = pluralize(summary.missing, "cell")
    return f"{cells} in {pluralize(len(holed), 'column')}: {', '.join(named + more)}"


def classes(target: Target) -> str:
    """Return a summary of the target: classes with their fractions, or the range of numbers."""
    if target.kind == "regression":
        return f"a number from {_range(target)}"
    counts = target.classes
    noun = "label" if target.kind == "multilabel" else "class"
    if target.kind == "multilabel" or len(counts) > _MOST_NAMED:
        nouns = f"{noun}s" if noun == "label" else f"{noun}es"
        few, many = f"{min(counts.values()):,}", f"{max(counts.values()):,}"
        each = few if few == many else f"{few} to {many}"
        return f"{len(counts):,} {nouns} of {each} rows each"
    rows = sum(counts.values())
    return ", ".join(f"{name} {percent(count / rows)}" for name, count in counts.items())


def columns(summary: Summary) -> Table:
    """Return a table with a line for every column."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("column", overflow="fold", max_width=28)
    for name in ("type", "missing", "distinct"):
        table.add_column(name, justify="right" if name != "type" else "left", no_wrap=True)
    table.add_column("values", overflow="fold")
    for column in summary.columns[:_MOST_COLUMNS]:
        missing = Text(f"{column.missing:,}", "yellow") if column.missing else Text("-", "dim")
        table.add_row(column.name, column.kind, missing, f"{column.distinct:,}", _values(column))
    if len(summary.columns) > _MOST_COLUMNS:
        table.add_row(f"… {len(summary.columns) - _MOST_COLUMNS:,} more")
    return table


def _values(column: Column) -> str:
    if column.low is not None:
        return _range(column)
    shown: Sequence[tuple[str, int]] = column.top[:_MOST_NAMED]
    text = ", ".join(f"{level} {count:,}" for level, count in shown)
    return text + (", …" if column.distinct > len(shown) else "")


def _range(of: Column | Target) -> str:
    low, mean, high = (np.nan if f is None else f for f in (of.low, of.mean, of.high))
    if _FIRST_YEAR <= low <= high <= _LAST_YEAR and low.is_integer() and high.is_integer():
        return f"{low:.0f} to {high:.0f}, mean {mean:.0f}"  # nobody writes 1,984
    return f"{short(low)} to {short(high)}, mean {short(mean)}"
