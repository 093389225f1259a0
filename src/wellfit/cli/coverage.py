"""Coverage of calibrated intervals and sets on the test rows, as a terminal shows it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from wellfit.report.coverage import Coverage
from wellfit.report.coverage_texts import coverage_cells, size_title

_SHOWN = 0.8, 0.9, 0.95  # the levels that most ask for; all are in the run folder


def coverage_table(found: Coverage) -> Table:
    """Return coverage and sizes at the usual levels, or at the highest that there is."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for head in ("coverage", "95 % interval", size_title(found.of)):
        table.add_column(head, justify="right", no_wrap=True)
    every = found.plain()["levels"]
    for one in [one for one in every if one["level"] in _SHOWN] or every[-1:]:
        level, share, bounds, size = coverage_cells(one)
        table.add_row(f"{level} {found.of}", Text(share, "bold green"), bounds, size)
    return table
