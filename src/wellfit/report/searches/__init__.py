"""Figures of a search: candidates, scores by parameter, parameter importance."""

from wellfit.report.searches.candidate_curves import AllHistories, learning_curves
from wellfit.report.searches.candidates import candidates
from wellfit.report.searches.coordinates import parallel_coordinates
from wellfit.report.searches.importances import Importances, importance, importance_picture
from wellfit.report.searches.search_table import Results
from wellfit.report.searches.slicing import slices

__all__ = [
    "AllHistories",
    "Importances",
    "Results",
    "candidates",
    "importance",
    "importance_picture",
    "learning_curves",
    "parallel_coordinates",
    "slices",
]
