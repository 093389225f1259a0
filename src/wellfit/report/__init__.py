"""Scores, figures and reports of trained models."""

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
