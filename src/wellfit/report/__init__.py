"""Scores, figures and reports of trained models."""

from wellfit.report.pixels import TerminalImages
from wellfit.report.scores import (
    Score,
    classification_scores,
    confusion,
    regression_scores,
)

__all__ = [
    "Score",
    "TerminalImages",
    "classification_scores",
    "confusion",
    "regression_scores",
]
