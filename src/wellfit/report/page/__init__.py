"""The report: a self-contained HTML page.

The page of one run needs its model, and with it PyTorch; a comparison of several doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wellfit.report.page.blocks import Page
from wellfit.report.page.comparison import comparison_page
from wellfit.report.page.render import render_page
from wellfit.report.page.run_data import RunData

if TYPE_CHECKING:
    from wellfit.report.page.training import run_page

__all__ = ["Page", "RunData", "comparison_page", "render_page", "run_page"]


def __getattr__(name: str) -> Any:
    if name == "run_page":
        from wellfit.report.page.training import run_page  # imports PyTorch

        return run_page
    raise AttributeError(f"module 'wellfit.report.page' has no attribute {name!r}")
