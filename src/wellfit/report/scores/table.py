"""The scores of a fitted estimator on some rows, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wellfit.core._sklearn_compat import check_sample_weight
from wellfit.core.markup import table
from wellfit.core.words import pluralize
from wellfit.report.scores.predictions import Predictions
from wellfit.report.scores.score import (
    ClassScores,
    Score,
    asked_scores,
    class_scores,
    usual_scores,
)


@dataclass(frozen=True)
class ScoreTable:
    """Scores on some rows with 95 % confidence intervals; in a notebook, a table.

    Attributes:
        rows: how many rows were scored.
        weighted: whether they count by weights.
        scores: those that were asked for, then those that are always shown.
        classes: precision, recall and F1 score of each class or label; empty in a regression.
    """

    rows: int
    scores: tuple[Score, ...]
    classes: tuple[ClassScores, ...] = ()
    weighted: bool = False

    def __getitem__(self, name: str) -> Score:
        """Return a score by its name, with or without ``neg_``, or by its title."""
        bare = name.removeprefix("neg_")
        for score in self.scores:
            if bare in (score.name, score.metric.title):
                return score
        known = ", ".join(score.name for score in self.scores)
        raise KeyError(f"no score {name!r}; there are {known}")

    @property
    def _counted(self) -> str:
        return f"{pluralize(self.rows, 'row')}{', weighted' if self.weighted else ''}"

    def __str__(self) -> str:
        """Return the scores, a line for each."""
        lines = [[score.title, *_cells(score)] for score in self.scores]
        lines += [
            [f"{each.name}: {score.title}", *_cells(score)]
            for each in self.classes
            for score in each.scores
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in lines]
        head = f"{self._counted}, 95 % intervals"
        return "\n".join([head, *texts])

    def _repr_html_(self) -> str:
        """Return two tables: of all rows, and of the classes."""
        scores = [[score.title, *_cells(score)] for score in self.scores]
        html = table(scores, ["", self._counted, "95 % interval"])
        if not self.classes:
            return html
        classes = [
            [each.name, f"{each.rows:,}", *(" ".join(_cells(s, "({})")) for s in each.scores)]
            for each in self.classes
        ]
        titles = [score.title for score in self.classes[0].scores]
        return html + table(classes, ["class", "rows", *titles])


def score_table(
    model: Any,
    X: Any,
    y: ArrayLike,
    scoring: Any = None,
    sample_weight: ArrayLike | None = None,
) -> ScoreTable:
    """Score a fitted estimator on rows that it wasn't trained on.

    Args:
        model: a classifier or a regressor.
        X: (rows, columns) the rows.
        y: (rows,) or (rows, outputs) their true targets.
        scoring: names of scorers, or scorers, one or several; None for the estimator's own.
        sample_weight: (rows,) by which each row counts, at least 0; None for all alike. A scorer
            that can't take weights says so in its title, as in "max error (unweighted)".

    Returns:
        The scores with their intervals: those that ``scoring`` asks for, then accuracy, balanced
        accuracy where a class has twice the rows of another, and log loss, or R², RMSE and MAE.
        Intervals of weighted proportions are Wilson's for Kish's effective number of rows, those
        of other weighted scores are by the bootstrap.

    Raises:
        ValueError: weights of other rows, or negative or missing ones.
        UnknownNameError: no such scorer.
        HyperparameterError: a scorer for other targets; names the nearest for these.

    >>> from sklearn.datasets import load_breast_cancer
    >>> from wellfit import MLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=10, random_state=0).fit(X[:400], y[:400])
    >>> scores = score_table(clf, X[400:], y[400:], ["roc_auc", "f1"])
    >>> [score.title for score in scores.scores]
    ['ROC AUC', 'F1 score (1)', 'accuracy', 'balanced accuracy', 'log loss']
    >>> scores["roc_auc"].interval, scores["roc_auc"].value > 0.98
    ('DeLong', True)
    """
    weight = None
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, np.asarray(y), ensure_non_negative=True)
    predictions = Predictions.of(model, X, y, weight)
    asked = getattr(model, "scoring", None) if scoring is None else scoring
    scores = all_scores(predictions, asked, model, X)
    if predictions.probabilities is None:
        return ScoreTable(len(predictions.y), tuple(scores), (), weight is not None)
    classes = class_scores(predictions, map(str, label_names(predictions)))
    return ScoreTable(len(predictions.y), tuple(scores), tuple(classes), weight is not None)


def label_names(predictions: Predictions) -> list[Any]:
    """Return the classes, those that only the truth has at the end; of label sets, the labels."""
    several = predictions.y.ndim > 1
    return np.asarray(predictions.classes).tolist() if several else predictions.all_classes


def all_scores(
    predictions: Predictions,
    scoring: Any = None,
    model: Any = None,
    X: Any = None,
    *,
    intervals: bool = True,
    name_of: Any = str,
) -> list[Score]:
    """Return the scores that are asked for, then those that are always shown, none of them twice.

    The arguments are those of :func:`asked_scores`.
    """
    asked = asked_scores(scoring, predictions, model, X, intervals=intervals, name_of=name_of)
    found: dict[str, Score] = {}
    for score in [*asked, *usual_scores(predictions, intervals=intervals)]:
        found.setdefault(score.title, score)
    return list(found.values())


def _cells(score: Score, form: str = "{}") -> Sequence[str]:
    bounds = form.format(score.bounds) if score.bounds else ""
    return score.text, bounds
