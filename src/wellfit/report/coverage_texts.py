"""Texts of the coverage that a run folder stores: for terminal, report and card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellfit.core.metrics import Metric
from wellfit.core.words import percent, short


def size_title(of: str) -> str:
    """Return the head of the sizes' column.

    Args:
        of: ``"intervals"`` or ``"sets"``.
    """
    return "mean classes in a set" if of == "sets" else "mean width"


def coverage_cells(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return the cells of a table's row: level, share, its interval, and the mean size.

    Args:
        one: of the levels of :meth:`wellfit.report.coverage.Coverage.plain`.

    >>> coverage_cells({"level": 0.9, "share": 0.92, "low": 0.9, "high": 0.94, "size": [1.5]})
    ('90 %', '92.0 %', '90.0 % to 94.0 %', '1.5')
    """
    bounds = Metric.of("accuracy").format_interval(one["low"], one["high"])
    size = ", ".join(map(short, one["size"]))
    return percent(one["level"], 0), percent(one["share"]), bounds, size
