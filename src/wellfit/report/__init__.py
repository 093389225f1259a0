"""Floor 5: what a trained model is worth, in figures, pictures and a terminal's characters."""

from wellfit.report.pixels import Images
from wellfit.report.scores import (
    Score,
    classification_scores,
    confusion,
    regression_scores,
)

__all__ = [
    "Images",
    "Score",
    "classification_scores",
    "confusion",
    "regression_scores",
]
