"""Scorers of wellfit's own, by name beside those of scikit-learn."""

from wellfit.core.registry import discover
from wellfit.fitting.scorers.base import Scorer
from wellfit.fitting.scorers.calibration import NegativeCalibrationError

__all__ = ["NegativeCalibrationError", "Scorer"]

# A scorer in a new file of this folder needs no line here.
discover(__name__)
