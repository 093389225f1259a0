"""Figures equal scikit-learn's; their intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from wellfit.report import Score, classification_scores, confusion, regression_scores
from wellfit.report.scores import Predictions, all_scores, class_scores, label_names

RNG = np.random.default_rng(0)


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    classes = np.array(["ant", "bee", "cat"])
    chances = RNG.dirichlet(np.ones(3), 200)
    y = classes[[RNG.choice(3, p=p) for p in chances]]
    return y, chances, classes


def test_classes_are_scored_as_scikit_learn_scores_them(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    y, chances, classes = answers
    predicted = classes[chances.argmax(axis=1)]
    scores = by_name(classification_scores(y, predicted, chances, classes))
    assert scores["accuracy"].value == metrics.accuracy_score(y, predicted)
    assert scores["log loss"].value == pytest.approx(metrics.log_loss(y, chances))


def test_certainty_in_a_wrong_class_costs_as_in_scikit_learn() -> None:
    chances = np.array([[1, 0], [0, 1]], dtype=np.float32)
    scores = by_name(classification_scores([0, 0], [0, 1], chances, [0, 1]))
    expected = metrics.log_loss([0, 0], chances, labels=[0, 1])
    assert scores["log loss"].value == pytest.approx(expected)


def test_a_class_that_was_never_learned_is_a_wrong_answer() -> None:
    scores = by_name(classification_scores(["b", "z"], ["b", "b"], [[0, 1], [0, 1]], ["a", "b"]))
    assert scores["accuracy"].value == 0.5
    assert scores["log loss"].value > 7


def test_labels_are_scored_by_row_and_one_by_one() -> None:
    y, predicted = np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]])
    chances = np.array([[0.9, 0.2], [0.4, 0.8]])
    scores = by_name(classification_scores(y, predicted, chances, [0, 1]))
    assert scores["accuracy"].value == metrics.accuracy_score(y, predicted) == 0.5
    assert scores["label accuracy"].value == 0.75
    assert scores["log loss"].value == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.8]).mean())


def test_numbers_are_scored_as_scikit_learn_scores_them() -> None:
    y = RNG.normal(size=300)
    predicted = y + RNG.normal(size=300)
    scores = by_name(regression_scores(y, predicted))
    assert scores["R²"].value == pytest.approx(metrics.r2_score(y, predicted))
    assert scores["RMSE"].value == pytest.approx(metrics.root_mean_squared_error(y, predicted))
    assert scores["MAE"].value == pytest.approx(metrics.mean_absolute_error(y, predicted))


def test_each_output_has_its_figures() -> None:
    y = RNG.normal(size=(50, 2))
    scores = by_name(regression_scores(y, y * [1, 0]))
    assert scores["MAE, output 1"].value == 0
    assert scores["MAE, output 2"].value == pytest.approx(np.abs(y[:, 1]).mean())


def test_a_constant_output_has_no_r_squared() -> None:
    assert list(by_name(regression_scores([2.0, 2.0], [1.0, 2.0]))) == ["RMSE", "MAE"]


def test_an_accuracy_has_wilsons_interval() -> None:
    y = np.arange(10) < 9
    score = classification_scores(y, np.ones(10, bool), np.full((10, 2), 0.5), [False, True])[0]
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 0.9, n = 10, z = 1.96
    assert (score.low, score.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert score.interval == "Wilson"


def test_all_right_is_not_told_as_certain() -> None:
    score = classification_scores([0, 1], [0, 1], np.eye(2), [0, 1])[0]
    assert (score.value, score.high) == (1, 1)
    assert score.low < 0.5


def test_one_row_says_nothing_about_a_mean() -> None:
    scores = by_name(regression_scores([1.0], [3.0]))
    assert np.isnan([scores["MAE"].low, scores["MAE"].high]).all()
    assert (scores["MAE"].bounds, scores["MAE"].interval) == ("", "")


def test_intervals_hold_the_truth_about_95_times_in_100() -> None:
    rng, noise = np.random.default_rng(1), 0.5
    truth = {"R²": 1 - noise**2 / (1 + noise**2), "RMSE": noise, "MAE": noise * (2 / np.pi) ** 0.5}
    held = dict.fromkeys(truth, 0)
    for _ in range(200):
        predicted = rng.normal(size=300)
        for score in regression_scores(predicted + noise * rng.normal(size=300), predicted):
            held[score.name] += score.low <= truth[score.name] <= score.high
    for name, count in held.items():
        assert 0.91 <= count / 200 <= 0.985, name


def test_intervals_end_where_the_figure_does() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0, 100.0])
    scores = by_name(regression_scores(y, y + np.array([90, 0, 0, 0, 0])))
    assert scores["R²"].high == 1
    assert scores["MAE"].low == scores["RMSE"].low == 0


def test_confusions_are_counted_as_scikit_learn_counts_them(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    y, chances, classes = answers
    predicted = classes[chances.argmax(axis=1)]
    names, counts = confusion(y, predicted, list(classes))
    assert names == list(classes)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(y, predicted))


def test_classes_that_only_the_truth_has_stand_where_people_look_for_them() -> None:
    names, counts = confusion([10, 8], [12, 8], [8, 12])
    assert names == [8, 10, 12]
    assert counts.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    chances = np.array([[0.2, 0.8], [0.9, 0.1]])
    predictions = Predictions(np.array([10, 8]), np.array([12, 8]), chances, np.array([8, 12]))
    found = class_scores(predictions, map(str, label_names(predictions)))
    assert [each.name for each in found] == ["8", "10", "12"]
    assert [each.rows for each in found] == [1, 1, 0]


@pytest.mark.filterwarnings("error")
def test_scores_of_classes_without_a_row_are_dashes_and_warn_of_nothing() -> None:
    chances = np.array([[0.5, 0.1, 0.4], [0.6, 0.1, 0.3], [0.2, 0.2, 0.6]])
    for weight in (None, np.array([1.0, 2.0, 0.0])):
        y, predicted = np.array(["a", "a", "c"]), np.array(["a", "a", "c"])
        predictions = Predictions(y, predicted, chances, np.array(["a", "b", "c"]), weight)
        absent = class_scores(predictions, "abc")[1]
        assert [score.text for score in absent.scores] == ["–", "–", "–"]
        found = by_name(all_scores(predictions, ["roc_auc_ovr", "matthews_corrcoef"]))
        assert found["roc_auc_ovr"].text == "–"
