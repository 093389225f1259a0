"""Ensembles: networks that predict by their average, with their disagreement."""

from wellfit.core.registry import discover
from wellfit.model_selection.ensembles.classifier import MLPEnsembleClassifier
from wellfit.model_selection.ensembles.regressor import MLPEnsembleRegressor
from wellfit.model_selection.ensembles.selection import Average, Greedy, Selection

__all__ = ["Average", "Greedy", "MLPEnsembleClassifier", "MLPEnsembleRegressor", "Selection"]

# A selection in a new file of this folder needs no line here.
discover(__name__)
