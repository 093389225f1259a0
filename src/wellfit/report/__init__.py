"""Scores, figures and reports of trained models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wellfit.report import scores
from wellfit.report.pixels import TerminalImages
from wellfit.report.scores import confusion

if TYPE_CHECKING:
    from wellfit.report.scores import (
        Score,
        ScoreTable,
        classification_scores,
        regression_scores,
        score_table,
    )

__all__ = [
    "Score",
    "ScoreTable",
    "TerminalImages",
    "classification_scores",
    "confusion",
    "regression_scores",
    "score_table",
]


def __getattr__(name: str) -> Any:
    if name in __all__:  # what imports PyTorch, for the scorers
        return getattr(scores, name)
    raise AttributeError(f"module 'wellfit.report' has no attribute {name!r}")
