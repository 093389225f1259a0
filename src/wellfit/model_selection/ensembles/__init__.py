"""Several networks that predict by their average, and say how far they disagree."""

from wellfit.model_selection.ensembles.classifier import MLPEnsembleClassifier
from wellfit.model_selection.ensembles.regressor import MLPEnsembleRegressor
from wellfit.model_selection.ensembles.selection import Average, Greedy, Selection

__all__ = ["Average", "Greedy", "MLPEnsembleClassifier", "MLPEnsembleRegressor", "Selection"]
