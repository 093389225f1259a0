"""Every scorer's interval: whose value it is of, how it is computed, and what it covers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import average_precision_score, get_scorer

from wellfit import MLPRegressor
from wellfit.core.errors import HyperparameterError
from wellfit.fitting.scorer_choice import CLASSIFICATION, REGRESSION, scorer_names
from wellfit.fitting.scoring import with_own_scorers
from wellfit.report import score_table
from wellfit.report.scores import (
    Predictions,
    Score,
    asked_scores,
    class_scores,
    ranking,
    resampling,
    usual_scores,
)
from wellfit.report.scores.fixed import fixed_predictor
from wellfit.report.scores.intervals import Floats, newcombe, wilson
from wellfit.report.scores.resampling import Bootstrap

WITHOUT = {"neg_max_error", "neg_calibration_error"}
Rng = np.random.Generator


def binary(rng: Rng, rows: int, labels: Any = (0, 1)) -> Predictions:
    """Return predictions whose probabilities are those of the classes."""
    chance = rng.beta(0.6, 1.2, rows)
    given = np.c_[1 - chance, chance]
    classes = np.asarray(labels)
    y = classes[(rng.random(rows) < chance).astype(int)]
    return Predictions(y, classes[given.argmax(axis=1)], given, classes)


def several(rng: Rng, rows: int) -> Predictions:
    given = rng.dirichlet([0.3, 0.5, 1.0], rows)
    y = (given.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return Predictions(y, given.argmax(axis=1), given, np.arange(3))


def label_sets(rng: Rng, rows: int) -> Predictions:
    given = rng.beta(0.6, 1.0, (rows, 3))
    y = (rng.random((rows, 3)) < given).astype(int)
    return Predictions(y, (given > 0.5).astype(int), given, np.arange(3))


def numbers(rng: Rng, rows: int, outputs: tuple[int, ...] = ()) -> Predictions:
    y = rng.gamma(2.0, 1.0, (rows, *outputs))
    return Predictions(y, y * rng.uniform(0.7, 1.3, y.shape))


def outputs(rng: Rng, rows: int) -> Predictions:
    return numbers(rng, rows, (2,))


MAKERS: dict[str, Callable[[Rng, int], Predictions]] = {
    "binary": binary,
    "multiclass": several,
    "multilabel": label_sets,
    "regression": numbers,
    "multioutput": outputs,
}
EVERY = [(task, name) for task in (*CLASSIFICATION, *REGRESSION) for name in scorer_names(task)]


def one(scoring: Any, predictions: Predictions) -> Score:
    (score,) = asked_scores(scoring, predictions)
    return score


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call scorers for few resamples, however long they take: an interval is all that counts."""
    monkeypatch.setattr(resampling, "_FEWER_DRAWS", 40)
    monkeypatch.setattr(resampling, "_MOST_SECONDS", np.inf)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("task", "name"), EVERY)
def test_every_scorer_that_is_offered_has_scikit_learns_value_and_an_interval(
    task: str, name: str
) -> None:
    predictions = MAKERS[task](np.random.default_rng(3), 150)
    assert predictions.task == task
    score = one(name, predictions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = get_scorer(with_own_scorers(name))(
            fixed_predictor(predictions), None, predictions.y
        )
    sign = -1 if name.startswith("neg_") else 1
    assert score.value == pytest.approx(sign * expected)
    if name in WITHOUT:
        assert (score.bounds, score.interval) == ("", "")
    else:
        assert score.low < score.value < score.high
        assert one(name, predictions) == score  # the same rows give the same interval


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize("name", scorer_names("binary"))
@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), (3, 7)])
def test_two_classes_are_scored_whatever_they_are_called(name: str, labels: Any) -> None:
    plain = one(name, binary(np.random.default_rng(3), 150))
    named = one(name, binary(np.random.default_rng(3), 150, labels))
    assert (named.value, named.low, named.high) == pytest.approx(
        (plain.value, plain.low, plain.high), nan_ok=True
    )
    assert named.of == (str(labels[1]) if plain.of else "")


def test_an_area_has_delongs_variance() -> None:
    """Against the formula: placements of each pair of rows, one by one."""
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    given: Floats = np.round(rng.random(60) + 0.3 * positive, 1).astype(float)  # with ties
    pairs = given[positive][:, None] - given[~positive]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    area, influence = ranking.auc(positive, given)
    of_positive, of_negative = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_positive.var(ddof=1) / len(of_positive)
    variance += of_negative.var(ddof=1) / len(of_negative)
    assert area == pytest.approx(wins.mean())
    assert (influence**2).sum() == pytest.approx(variance)


def test_an_average_precision_is_moved_by_each_row_as_when_it_is_left_out() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(40) < 0.4
    given: Floats = np.round(rng.random(40) + 0.3 * positive, 1).astype(float)
    area, influence = ranking.average_precision(positive, given)
    everyone = np.arange(40)
    left_out = np.array(
        [
            average_precision_score(positive[everyone != row], given[everyone != row])
            for row in everyone
        ]
    )
    assert area == pytest.approx(average_precision_score(positive, given))
    variance = 39 / 40 * ((left_out - left_out.mean()) ** 2).sum()
    assert (influence**2).sum() == pytest.approx(variance)


def test_a_mean_has_scipys_bca_interval() -> None:
    values = np.random.default_rng(2).exponential(size=80)
    ours = Bootstrap(80).interval(values[:, None], lambda sums: sums[..., 0] / sums[..., -1])
    theirs = bootstrap((values,), np.mean, n_resamples=9999, rng=0).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_many_rows_have_the_interval_that_the_normal_distribution_gives() -> None:
    """They are resampled in groups."""
    values = np.random.default_rng(2).exponential(size=30_000)
    ours = Bootstrap(30_000).interval(values[:, None], lambda sums: sums[..., 0] / sums[..., -1])
    half = 1.96 * values.std() / 30_000**0.5
    assert ours.high - ours.low == pytest.approx(2 * half, rel=0.06)
    of_function = Bootstrap(30_000).of_function(lambda rows: float(values[rows].mean()))
    assert of_function.high - of_function.low == pytest.approx(2 * half, rel=0.15)


@pytest.mark.parametrize(("task", "rows"), [("binary", 30), ("multiclass", 30)])
def test_rows_that_are_all_right_leave_room_for_errors(task: str, rows: int) -> None:
    predictions = MAKERS[task](np.random.default_rng(5), rows)
    sure = np.asarray(predictions.truth, dtype=float)
    right = Predictions(predictions.y, predictions.y, sure, predictions.classes)
    names = ["accuracy", "f1_macro", "balanced_accuracy", "roc_auc_ovr", "precision_macro"]
    for score in asked_scores(names, right):
        assert (score.value, score.high) == (1, 1)
        assert score.low < 0.97, score


def test_intervals_cover_the_truth_in_95_of_100_test_sets() -> None:
    names = ["roc_auc", "f1", "balanced_accuracy", "average_precision", "neg_log_loss"]
    rng, held = np.random.default_rng(7), dict.fromkeys(names, 0)
    truth = {score.name: score.value for score in asked_scores(names, binary(rng, 200_000))}
    for _ in range(200):
        for name, score in zip(names, asked_scores(names, binary(rng, 120)), strict=True):
            held[name] += score.low <= truth[score.name] <= score.high
    for name, count in held.items():
        assert 0.91 <= count / 200 <= 0.985, name


def test_areas_at_their_end_have_newcombes_interval() -> None:
    y = np.arange(30) % 2
    given = np.c_[1 - y, y].astype(float)
    score = one("roc_auc", Predictions(y, y, given, np.array([0, 1])))
    assert (score.value, score.high, score.interval) == (1, 1, "Newcombe")
    assert score.low == newcombe(1.0, 15, 15).low > 0.8
    low, high, _ = newcombe(0.0, 15, 15)
    assert (low, high) == pytest.approx((0.0, 1 - score.low))


def test_a_class_that_the_rows_lack_leaves_scores_undefined_and_breaks_nothing() -> None:
    given = np.random.default_rng(0).dirichlet(np.ones(2), 20)
    alone = Predictions(np.zeros(20, dtype=int), given.argmax(axis=1), given, np.array([0, 1]))
    (area,) = asked_scores("roc_auc", alone)
    assert np.isnan([area.value, area.low, area.high]).all()
    by_class = class_scores(alone, ["no", "yes"])
    assert [each.rows for each in by_class] == [20, 0]
    recall = by_class[1].scores[1]
    assert np.isnan(recall.value)
    assert recall.bounds == ""
    # And one that the training rows lacked.
    new = Predictions(np.arange(20) % 3, given.argmax(axis=1), given, np.array([0, 1]))
    assert np.isnan(one("neg_log_loss", new).value)
    assert len(class_scores(new, ["no", "yes", "2"])) == 3


def test_balanced_accuracy_is_shown_where_classes_are_uneven() -> None:
    y = np.array([0] * 20 + [1] * 10)
    for rows, shown in ((slice(0, 30), True), (slice(1, 30), False)):
        part = y[rows]
        given = np.eye(2)[part] * 0.8 + 0.1
        names = [score.name for score in usual_scores(Predictions(part, part, given, [0, 1]))]
        assert ("balanced accuracy" in names) == shown


def test_precision_recall_and_f1_of_a_class_have_wilsons_interval() -> None:
    y = np.array([0] * 10 + [1] * 10)
    predicted = np.array([0] * 9 + [1] * 11)
    _, ones = class_scores(Predictions(y, predicted, np.eye(2)[predicted], [0, 1]), ["a", "b"])
    precision, recall, f1 = ones.scores
    assert (precision.low, precision.high) == wilson(10, 11)[:2]
    assert (recall.low, recall.high) == wilson(10, 10)[:2]
    low, high, _ = wilson(10, 11)  # of TP / (TP + FP + FN)
    assert (f1.low, f1.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_an_estimators_own_scorers_are_in_its_table() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + 0.1 * rng.normal(size=200)

    def worst(estimator: Any, X: Any, y: Any) -> float:
        return -float(abs(estimator.predict(X) - y).max())

    reg = MLPRegressor((8,), epochs=5, scoring=["r2", "neg_median_absolute_error"], random_state=0)
    table = score_table(reg.fit(X[:150], y[:150]), X[150:], y[150:])
    titles = [score.title for score in table.scores]
    assert titles == ["R²", "median absolute error", "RMSE", "MAE"]
    assert table["neg_median_absolute_error"].value > 0
    own = score_table(reg, X[150:], y[150:], worst)["worst"]
    assert (own.value, own.bounds) == (worst(reg, X[150:], y[150:]), "")
    assert "<table>" in table._repr_html_()
    assert "R²" in str(table)
    with pytest.raises(HyperparameterError, match="which is for classes; expected one for"):
        score_table(reg, X, y, "accuracy")
    with pytest.raises(KeyError, match="there are r2"):
        table["f1"]
