"""Weighted scores: a row of weight 2 is a row twice, a row of weight 0 is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import make_scorer, max_error

from wellfit.report import Score
from wellfit.report.scores import Predictions, all_scores, class_scores, score_table
from wellfit.report.scores.predictions import weighing

RNG = np.random.default_rng(0)
ROWS = 120
TWICE = RNG.integers(0, 3, ROWS)
CLASSES = [
    "roc_auc_ovr",
    "top_k_accuracy",
    "matthews_corrcoef",
    "f1_macro",
    "recall_macro",
    "precision_micro",
    "jaccard_weighted",
    "balanced_accuracy",
]
BINARY = ["roc_auc", "average_precision", "f1", "neg_brier_score", "d2_log_loss_score"]
NUMBERS = ["explained_variance", "neg_mean_squared_error"]


def of_classes(count: int) -> Predictions:
    chances = RNG.dirichlet(np.ones(count), ROWS)
    y = np.array([RNG.choice(count, p=p) for p in chances])
    return Predictions(y, chances.argmax(axis=1), chances, np.arange(count))


def of_numbers(outputs: int | None = None) -> Predictions:
    y = RNG.normal(size=ROWS if outputs is None else (ROWS, outputs))
    return Predictions(y, y + RNG.normal(size=y.shape))


def labels() -> Predictions:
    chances = RNG.random((ROWS, 3))
    y = (RNG.random((ROWS, 3)) < chances).astype(int)
    return Predictions(y, (chances > 0.5).astype(int), chances, np.arange(3))


CASES: dict[str, tuple[Predictions, list[str]]] = {
    "binary": (of_classes(2), BINARY),
    "multiclass": (of_classes(3), CLASSES),
    "labels": (labels(), ["f1_macro"]),
    "numbers": (of_numbers(), NUMBERS),
    "outputs": (of_numbers(2), ["r2"]),
}


def rows(predictions: Predictions, which: Any) -> Predictions:
    parts = {"y": predictions.y[which], "predicted": predictions.predicted[which]}
    if predictions.probabilities is not None:
        parts["probabilities"] = predictions.probabilities[which]
    return replace(predictions, **parts)


def scores_of(predictions: Predictions, scoring: list[Any], **more: Any) -> dict[str, Score]:
    return {score.title: score for score in all_scores(predictions, scoring, **more)}


@pytest.mark.parametrize("case", CASES)
def test_a_weight_counts_a_row_so_often(case: str) -> None:
    predictions, scoring = CASES[case]
    repeated = scores_of(
        rows(predictions, np.repeat(np.arange(ROWS), TWICE)), scoring, intervals=False
    )
    weighted = replace(predictions, weight=TWICE.astype(float))
    found = scores_of(weighted, scoring, intervals=False)
    assert found.keys() == repeated.keys()
    for title, score in repeated.items():
        assert found[title].value == pytest.approx(score.value, rel=1e-9), title


@pytest.mark.parametrize("case", CASES)
def test_equal_weights_leave_intervals_as_they_are(case: str) -> None:
    predictions, scoring = CASES[case]
    scoring = [name for name in scoring if not name.startswith(("roc_auc", "average_precision"))]
    equal = scores_of(replace(predictions, weight=np.full(ROWS, 3.0)), scoring)
    for title, score in scores_of(predictions, scoring).items():
        same = [equal[title].value, equal[title].low, equal[title].high]
        expected = [score.value, score.low, score.high]
        # The share of the top k hits is rounded to rows where these have no weights.
        np.testing.assert_allclose(same, expected, rtol=1e-6, err_msg=title)
        assert equal[title].interval == score.interval


def test_rows_without_weight_make_no_interval_narrower() -> None:
    predictions, _ = CASES["multiclass"]
    half = np.arange(ROWS) < ROWS // 2
    weighted = replace(predictions, weight=half.astype(float))
    names = ["a", "b", "c"]
    pairs = zip(
        class_scores(weighted, names), class_scores(rows(predictions, half), names), strict=True
    )
    for found, expected in pairs:
        assert found.scores == expected.scores
    all_rows, of_half = (scores_of(each, []) for each in (weighted, rows(predictions, half)))
    for title in ("accuracy", "log loss"):  # by Wilson, and by resamples of other rows
        found, expected = all_rows[title], of_half[title]
        bounds = [expected.low, expected.high]
        np.testing.assert_allclose([found.low, found.high], bounds, rtol=0.05)


def test_ranks_have_an_interval_by_the_bootstrap() -> None:
    predictions, _ = CASES["binary"]
    found = scores_of(replace(predictions, weight=RNG.exponential(size=ROWS)), ["roc_auc"])[
        "ROC AUC"
    ]
    assert found.interval == "bootstrap"
    assert found.low < found.value < found.high


def test_a_score_that_takes_no_weights_says_so() -> None:
    predictions, _ = CASES["numbers"]
    weighted = scores_of(
        replace(predictions, weight=RNG.exponential(size=ROWS)), [make_scorer(max_error)]
    )
    assert weighted["max error (unweighted)"].value == pytest.approx(
        scores_of(predictions, [make_scorer(max_error)])["max error"].value
    )
    assert "'w'" in weighing("w")


def test_a_table_of_scores_takes_weights() -> None:
    from sklearn.dummy import DummyClassifier

    X, y = np.zeros((4, 1)), np.array(["no", "no", "no", "yes"])
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    found = score_table(dummy, X, y, sample_weight=[1, 1, 1, 7])
    assert found["accuracy"].value == 0.3
    assert str(found).startswith("4 rows, weighted, 95 % intervals")
    with pytest.raises(ValueError, match="Negative values"):
        score_table(dummy, X, y, sample_weight=[1, 1, 1, -1])
