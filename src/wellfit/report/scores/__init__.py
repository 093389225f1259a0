"""Scores of predictions with 95 % confidence intervals.

Proportions of rows (accuracy, and precision, recall and F1 of a class) have Wilson's interval,
which is accurate near 0 and 100 % too. So has the balanced accuracy, by its classes' recalls. The
area under the ROC curve has DeLong's. The average precision has an interval by the jackknife; all
other scores have a bootstrap interval (BCa, 2000 resamples, of a fixed seed).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wellfit.report.scores.predictions import Predictions, confusion, positions, weighing

if TYPE_CHECKING:
    from wellfit.report.scores.score import (
        ClassScores,
        Score,
        asked_scores,
        class_scores,
        classification_scores,
        regression_scores,
        usual_scores,
    )
    from wellfit.report.scores.table import ScoreTable, all_scores, label_names, score_table

__all__ = [
    "ClassScores",
    "Predictions",
    "Score",
    "ScoreTable",
    "all_scores",
    "asked_scores",
    "class_scores",
    "classification_scores",
    "confusion",
    "label_names",
    "positions",
    "regression_scores",
    "score_table",
    "usual_scores",
    "weighing",
]

# What imports scikit-learn and PyTorch, for the scorers.
_LATER = {
    **dict.fromkeys(("ScoreTable", "all_scores", "label_names", "score_table"), ".table"),
    **dict.fromkeys(("ClassScores", "Score", "asked_scores", "class_scores"), ".score"),
    **dict.fromkeys(("classification_scores", "regression_scores", "usual_scores"), ".score"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module 'wellfit.report.scores' has no attribute {name!r}")
