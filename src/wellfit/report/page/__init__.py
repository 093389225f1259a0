"""The report: one HTML page that needs nothing but a browser."""

from wellfit.report.page.comparison import comparison_page
from wellfit.report.page.material import Material
from wellfit.report.page.parts import Page
from wellfit.report.page.training import run_page
from wellfit.report.page.writing import written

__all__ = ["Material", "Page", "comparison_page", "run_page", "written"]
