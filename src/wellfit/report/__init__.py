"""Floor 5: what a trained model is worth, in figures, pictures and a terminal's characters."""

from wellfit.report.curves import Curves
from wellfit.report.figures import confusion_picture, learning_curve, png, residual_picture
from wellfit.report.pixels import Images
from wellfit.report.scores import (
    Score,
    classification_scores,
    confusion,
    regression_scores,
)

__all__ = [
    "Curves",
    "Images",
    "Score",
    "classification_scores",
    "confusion",
    "confusion_picture",
    "learning_curve",
    "png",
    "regression_scores",
    "residual_picture",
]
