"""Figures for notebooks: ``clf.plot.learning_curve()``, ``search.plot.slices()`` and so forth."""

from wellfit.report.plotting.model import ModelPlots
from wellfit.report.plotting.search import SearchPlots

__all__ = ["ModelPlots", "SearchPlots"]
