"""The report: a self-contained HTML page."""

from wellfit.report.page.blocks import Page
from wellfit.report.page.comparison import comparison_page
from wellfit.report.page.render import render_page
from wellfit.report.page.run_data import RunData
from wellfit.report.page.training import run_page

__all__ = ["Page", "RunData", "comparison_page", "render_page", "run_page"]
