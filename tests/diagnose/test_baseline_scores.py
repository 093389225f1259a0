"""The three numbers that a verdict rests on: training, unseen and baselines' scores."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    load_iris,
    make_classification,
    make_regression,
)
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, d2_pinball_score, r2_score

from wellfit import MLPClassifier, MLPRegressor
from wellfit.diagnose import Baseline, Outliers, Scores, Verdict, judge, verdict
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.baselines import (
    BaselineRows,
    affordable,
    compare,
    compare_by_folds,
)
from wellfit.diagnose.verdicts.data import with_data
from wellfit.diagnose.verdicts.scores import Mean, RowMetric
from wellfit.diagnose.verdicts.training import Outlying
from wellfit.nn import Quantile
from wellfit.optim import Adam

# The verdicts here are on plain networks, whose faults are known.
PLAIN: dict[str, Any] = {"numeric_embedding": None, "ema_decay": 0.0}
BARE: dict[str, Any] = {
    **PLAIN,
    "dropout": 0.0,
    "early_stopping": False,
    "epochs": 20,
    "random_state": 0,
    "n_threads": 1,
}


def halved(X: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    half = len(y) // 2
    return X[:half], y[:half], X[half:], y[half:]


def small(**given: Any) -> dict[str, Any]:
    brief = {"hidden_layer_sizes": (16,), "epochs": 10, "random_state": 0, "n_threads": 1}
    return {**PLAIN, **brief, **given}


# What stands first: training against unseen rows, and the baselines.


def test_rows_learned_by_heart_are_over_fitting_whatever_the_loss_curve_does() -> None:
    """The training loss still falls where training accuracy is 100 %, and unseen rows 75 %."""
    data = make_classification(600, 20, n_informative=5, flip_y=0.2, random_state=0)
    X, y, X_test, y_test = halved(*data)
    clf = MLPClassifier((512, 512), **BARE).fit(X, y)
    found = verdict(clf, X, y, X_test, y_test)
    assert found.name == "over_fitting"
    assert "accuracy 100.0 % on training rows, 74.0 % on 300 unseen rows" in found.sentence
    turned = [suggestion.name for suggestion in found.suggestions]
    assert turned == ["early_stopping", "dropout", "l2"]
    assert "still_improving" not in [one.check for one in found.alarms]


@pytest.mark.parametrize("seed", range(3))
def test_worse_than_the_mean_is_never_well_fit(seed: int) -> None:
    """A few targets of unseen rows are far off: R² is negative, whatever the others are like."""
    X, y = make_regression(900, 6, n_informative=4, noise=20.0, random_state=seed)
    y[450:454] += 30 * y.std() * np.array([1, -1, 1, -1])
    X, y, X_test, y_test = halved(X, y)
    net = MLPRegressor((32,), epochs=30, random_state=seed, n_threads=1, **PLAIN).fit(X, y)
    found = verdict(net, X, y, X_test, y_test)
    assert net.score(X_test, y_test) < 0.5
    assert found.name == "outliers"
    assert "of the squared error" in found.sentence
    assert found.scores is not None
    assert found["outliers"].numbers["without"] > 0.9


def test_rows_that_a_baseline_predicts_are_no_outliers() -> None:
    """A hundredth of the rows costs the network 0.1 of R²; what decides is the baseline's lead."""
    outlying = Outlying(np.arange(10), 0.6, 0.6)

    def found(score: float) -> Outcome:
        lead = Baseline("random trees", score, score - 0.5, 0.01)
        scores = Scores("R²", 0.5, 0.5, 1500, 1000, baselines=(Baseline("mean", 0, 0, 0), lead))
        known = SimpleNamespace(scores=scores, outlying=outlying)
        return Outliers().examine(known).outcome  # type: ignore[arg-type, union-attr]

    assert found(0.4) is Outcome.WARN
    assert found(0.55) is Outcome.WARN  # without these rows the network would be ahead
    assert found(0.75) is Outcome.PASS


def test_a_flat_noisy_loss_shows_no_speed() -> None:
    """In its second half it falls by 2.5 times the fall of its first: both are noise."""
    loss = [1.1032, 1.1036, 1.099, 1.0963, 1.0972, 1.0965, 1.0982, 1.0969, 1.0992, 1.1009, 1.1015,
            1.1009, 1.1029, 1.0989, 1.0992, 1.1011, 1.0979, 1.0976, 1.0992, 1.099, 1.0961, 1.0939,
            1.0981]  # fmt: skip
    rates = [1, 1, 2, 3, 4, 5, 6, 8, 9, 9, 10, 10, 10, 10, 10, 10, 9, 9, 9, 8, 8, 7, 7]
    known: dict[str, Any] = {"chance": float(np.log(3)), "training_rows": 1350}
    settings = {"batch_size": 32}
    flat = judge({"loss": loss, "learning_rate": rates}, settings, status="early_stopped", **known)
    assert flat["learning_rate_low"].numbers["left"] > 0.99
    assert flat["learning_rate_low"].outcome is Outcome.PASS
    falling = [value - 0.001 * epoch for epoch, value in enumerate(loss)]
    slow = judge(
        {"loss": falling, "learning_rate": rates}, settings, status="early_stopped", **known
    )
    assert slow["learning_rate_low"].outcome is Outcome.WARN


def test_targets_that_no_column_determines_are_no_skill() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1200, 8)), rng.normal(size=1200)
    X, y, X_test, y_test = halved(X, y)
    net = MLPRegressor(**small(epochs=30)).fit(X, y)
    found = verdict(net, X, y, X_test, y_test)
    assert found.name in ("no_skill", "over_fitting")
    assert found.scores is not None
    assert found.scores.unseen is not None
    assert found.scores.unseen < 0.05


@pytest.mark.parametrize("seed", [6, 12, 29])
def test_few_rows_without_a_relation_are_never_called_well_fit(seed: int) -> None:
    """By 44 rows chance alone makes R² positive now and then."""
    X, y = load_diabetes(return_X_y=True)
    y = np.random.default_rng(seed).permutation(y)
    net = MLPRegressor(**small(hidden_layer_sizes=(32,), validation_fraction=0.1)).fit(X, y)
    found = verdict(net, X, y, data_findings=())
    assert found.scores is not None
    assert found.scores.unseen > 0.02
    assert found.name == "unproven_skill"
    assert "±" in found.sentence


def test_a_network_that_learned_nothing_is_not_over_fitted() -> None:
    """Its validation loss may rise all the same."""
    history = {"loss": [1.0, 3.0, 6.0, 7.0, 7.0, 7.0], "val_loss": [1.0, 3.0, 6.0, 7.5, 8.0, 8.2]}
    found = judge(history, status="completed", chance=1.0, training_rows=900, validation_rows=900)
    assert found["over_fitting"].outcome is Outcome.PASS
    learned = {**history, "loss": [1.0, 0.8, 0.6, 0.4, 0.3, 0.3]}
    found = judge(learned, status="completed", chance=1.0, training_rows=900, validation_rows=900)
    assert found.name == "over_fitting"


def test_a_lead_that_may_be_chance_is_not_proven() -> None:
    """The loss is lower by more than a twentieth, on 44 rows: neither no skill, nor well fit."""
    history = {"loss": [1.0, 0.9, 0.8, 0.78], "val_loss": [1.0, 0.95, 0.92, 0.92]}
    known = {"status": "completed", "chance": 1.0, "training_rows": 400}
    few = judge(history, validation_rows=44, **known)
    assert few.name == "unproven_skill"
    assert "constant" in few.sentence
    many = judge(history, validation_rows=40_000, **known)
    assert many["unproven_skill"].outcome is Outcome.PASS
    assert many["no_skill"].outcome is Outcome.PASS


def test_a_loss_that_hardly_falls_is_no_slow_rate_where_nothing_can_be_learned() -> None:
    """At a tiny rate the weights hardly move; but no simple model has skill either."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(1600, 6)), rng.integers(2, size=1600)
    X, y, X_test, y_test = halved(X, y)
    clf = MLPClassifier((32, 32), optimizer=Adam(1e-5), random_state=0, n_threads=1).fit(X, y)
    found = verdict(clf, X, y, X_test, y_test)
    assert found.scores is not None
    assert found.scores.is_hopeless
    assert "learning_rate_low" not in [one.check for one in found.alarms]
    assert found.name == "no_skill"


def test_a_linear_model_that_is_better_is_told() -> None:
    X, y = make_regression(3000, 40, n_informative=20, noise=80.0, random_state=0)
    rows = (X[:2000], y[:2000])
    net = MLPRegressor(**small(hidden_layer_sizes=(64,), epochs=8, early_stopping=False))
    found = verdict(net.fit(*rows), *rows, X[2000:], y[2000:])
    assert found.name in ("outperformed", "under_fitting", "still_improving")
    assert found.scores is not None
    best = found.scores.best
    assert best is not None
    assert best.name == "linear model"
    assert best.score == pytest.approx(Ridge().fit(*rows).score(X[2000:], y[2000:]), abs=0.02)
    assert f"linear model {best.score:.3f}" in f"{found.sentence} {found.sure}"


def test_baselines_see_the_levels_that_the_network_lacks() -> None:
    """Of 600 levels the encoder keeps 99; the target follows all of them."""
    rng = np.random.default_rng(0)
    level = rng.integers(600, size=3000)
    truth = rng.integers(2, size=600)
    X = pd.DataFrame({"shop": [f"s{k}" for k in level], "noise": rng.normal(size=3000)})
    y = np.where(rng.random(3000) < 0.95, truth[level], 1 - truth[level])
    clf = MLPClassifier(**small(), categorical_embedding=None)
    with pytest.warns(UserWarning, match="the 99 most frequent are told apart"):
        clf.fit(X[:2000], y[:2000])
    found = verdict(clf, X[:2000], y[:2000], X[2000:], y[2000:])
    assert found.name != "well_fit"
    assert found.scores is not None
    assert found.scores.unseen is not None
    scores = {one.name: one.score for one in found.scores.baselines}
    assert max(scores["boosted trees"], scores["random trees"]) > found.scores.unseen + 0.1


def test_a_leak_stands_before_the_scores_and_beside_no_advice_on_the_training() -> None:
    X, y = make_classification(600, 8, random_state=0)
    X, y, X_test, y_test = halved(np.c_[X, 3.0 * y + 1], y)
    found = verdict(MLPClassifier(**small()).fit(X, y), X, y, X_test, y_test)
    assert found.name == "leaking_columns"
    assert [suggestion.name for suggestion in found.suggestions] == ["data"]
    assert found.scores is not None
    for told in (found.scores.pair, found.scores.compared, found.scores.interval):
        assert told.lower() in f"{found.sentence} {found.sure}".lower()


def test_without_unseen_rows_the_training_score_is_told() -> None:
    X, y = load_iris(return_X_y=True)
    found = verdict(MLPClassifier(**small(early_stopping=False)).fit(X, y), X, y)
    assert "% on training rows. No rows were held out" in found.sure


# The numbers themselves.


def test_scores_are_those_of_the_estimator_and_survive_json() -> None:
    X, y = load_digits(return_X_y=True)
    clf = MLPClassifier(**small()).fit(X[:900], y[:900])
    found = verdict(clf, X[:900], y[:900], X[900:], y[900:])
    assert found.scores is not None
    assert found.scores.unseen == pytest.approx(clf.score(X[900:], y[900:]))
    first = found.scores.baselines[0]
    commonest = np.bincount(y[:900]).argmax()
    assert first.name == "majority-class"
    assert first.score == pytest.approx((y[900:] == commonest).mean())
    again = Verdict.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again.scores == found.scores
    old = {key: value for key, value in found.to_dict().items() if key != "scores"}
    assert Verdict.from_dict(old).scores is None


def test_the_metric_is_what_the_network_was_trained_for() -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(size=50), rng.normal(size=50)
    assert 1 - RowMetric("R²").errors(y, predicted).mean() == pytest.approx(r2_score(y, predicted))
    ours = 1 - RowMetric("D²", 0.9).errors(y, predicted).mean()
    assert ours == pytest.approx(d2_pinball_score(y, predicted, alpha=0.9))
    labels, guessed = rng.integers(3, size=50), rng.integers(3, size=50)
    ours = 1 - RowMetric("balanced accuracy").errors(labels, guessed).mean()
    assert ours == pytest.approx(balanced_accuracy_score(labels, guessed))


@pytest.mark.parametrize(
    ("given", "metric"),
    [
        ({"loss": "absolute_error"}, "D²"),
        ({"loss": Quantile((0.1, 0.5, 0.9))}, "D²"),
        ({}, "R²"),
    ],
)
def test_numbers_are_judged_by_the_loss(given: dict[str, Any], metric: str) -> None:
    X, y = make_regression(300, 5, noise=5.0, random_state=0)
    net = MLPRegressor(**small(**given)).fit(X[:200], y[:200])
    found = verdict(net, X[:200], y[:200], X[200:], y[200:])
    assert found.scores is not None
    assert found.scores.metric == metric
    assert found.scores.baselines


def test_class_weights_ask_for_balanced_accuracy() -> None:
    X, y = make_classification(900, 10, weights=[0.9], random_state=0)
    clf = MLPClassifier(**small(class_weight="balanced", epochs=30)).fit(X[:600], y[:600])
    found = verdict(clf, X[:600], y[:600], X[600:], y[600:])
    assert found.scores is not None
    assert found.scores.metric == "balanced accuracy"
    expected = balanced_accuracy_score(y[600:], clf.predict(X[600:]))
    assert found.scores.unseen == pytest.approx(expected)
    assert found.scores.constant is not None
    assert found.scores.constant.score == pytest.approx(0.5)
    assert found.name != "no_skill"


def test_few_rows_that_differ_make_no_model_clearly_better() -> None:
    near, far = Baseline("linear model", 0.95, 0.03, 0.02), Baseline("x", 0.99, 0.07, 0.02)
    assert not near.is_clearly_better
    # 1.87 standard errors: by chance in 3 of 100 cases, where a baseline is as good.
    assert Baseline("random trees", 0.41, 0.051, 0.0272).is_clearly_better
    scores = Scores("accuracy", 0.95, 0.92, 900, 100, 0.03, 0.01, "unseen", (near, near, far))
    assert scores.best is far
    assert scores.gap == pytest.approx(Mean(0.03, np.hypot(0.03, 0.01), 100))
    assert Baseline("y", 0.9, 0.019, 0.001).is_clearly_better is False


def test_boosting_stays_above_the_majority_where_classes_are_rare() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 8))
    latent = X[:, 0] + 0.5 * X[:, 1] + rng.normal(0, 1.0, 3000)
    y = np.digitize(latent, [-4.0, -2.6, -0.7, 0.7, 2.6, 4.0])
    numbers = X.astype(np.float32)
    first, other = (
        BaselineRows(numbers[s], np.empty((0, 0)), y[s]) for s in (slice(2000), slice(2000, None))
    )
    errors = np.ones(1000)
    scores = {one.name: one.score for one in compare(RowMetric("accuracy"), first, other, errors)}
    assert scores["boosted trees"] > scores["majority-class"] + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_folds_leave_the_majority_class_its_share(seed: int) -> None:
    """Four fifths in which the rarer class is commoner would make guesses seem better than it."""
    y = np.random.default_rng(seed).permutation([0] * 104 + [1] * 96)
    rows = BaselineRows(np.zeros((200, 1), np.float32), np.empty((200, 0)), y)
    found = compare_by_folds(RowMetric("accuracy"), rows, np.zeros(200))
    # Nothing can be learned from a column of zeros: all models predict the commonest class.
    assert {one.name: one.score for one in found} == dict.fromkeys(
        ["majority-class", "linear model", "random trees", "boosted trees"], 0.52
    )


def test_baselines_cost_about_a_second_whatever_the_table() -> None:
    assert affordable(10, 10**6) * 10 <= 400_000
    assert affordable(5000, 10**6) == 1000


# Messages that were garbled.


def test_noise_is_told_by_its_cause() -> None:
    """Fifteen rows are few; that the loss doesn't jump isn't told as a reason."""
    X, y = load_iris(return_X_y=True)
    given = small(epochs=30, validation_fraction=0.1)
    found = verdict(MLPClassifier(**given).fit(X, y), X, y)
    told = found["noisy_validation"].observed
    assert "accuracy on 15 validation rows, 95 % confidence interval " in told
    assert found.scores is not None
    assert found.scores.besides(f"The validation is noisy: {told}").count("confidence") == 0
    assert "0.0 %" not in told


def test_four_rows_judge_nothing_however_few_the_epochs() -> None:
    X, y = load_iris(return_X_y=True)
    given = small(epochs=3, validation_fraction=4 / 150)
    found = verdict(MLPClassifier(**given).fit(X, y), X, y)
    assert found["noisy_validation"].outcome == "warn"
    assert found.name != "well_fit"
    alone = judge(
        {"loss": [0.2] * 3, "val_loss": [0.2] * 3, "val_accuracy": [1.0] * 3},
        chance=1.1,
        status="finished",
        validation_rows=4,
    )
    assert (alone.name, [one.name for one in alone.suggestions]) == (
        "noisy_validation",
        ["validation_fraction"],
    )


def test_weights_that_hardly_moved_get_larger_steps_and_no_more_units() -> None:
    """In few steps of a tiny rate nothing is learned; more units would learn as little."""
    X, y = make_classification(600, 10, random_state=0, weights=[0.8])
    clf = MLPClassifier(**small(epochs=8)).set_params(optimizer__learning_rate=1e-6).fit(X, y)
    found = verdict(clf, X, y)
    assert found.name == "under_fitting"
    assert [one.name for one in found.suggestions] == ["learning_rate", "epochs"]


def test_an_interval_of_an_accuracy_stays_below_one() -> None:
    """All of 71 rows right: the interval is Wilson's, and not symmetric."""
    whole = Scores("accuracy", 1.0, 1.0, 642, 71, Mean.share(1.0, 71).error, kind="validation")
    assert whole.interval == (
        "accuracy on 71 validation rows, 95 % confidence interval 94.9 % to 100.0 %"
    )
    middle = Scores("accuracy", 0.9, 0.86, 900, 2000, Mean.share(0.86, 2000).error, kind="test")
    assert middle.interval == "accuracy on 2,000 test rows, 95 % confidence interval ±1.5 %"
    assert RowMetric("R²").format(-0.0003) == "0.000"


@pytest.mark.parametrize("kind", ["validation", "test"])
def test_rows_have_one_name_throughout(kind: Any) -> None:
    X, y = load_iris(return_X_y=True)
    clf = MLPClassifier(**small(early_stopping=False)).fit(X[::2], y[::2])
    found = verdict(clf, X[::2], y[::2], X[1::2], y[1::2], kind=kind)
    assert found.scores is not None
    assert found.scores.kind == kind
    for name in ("over_fitting", "miscalibrated", "no_skill"):
        assert f"{kind} rows" in found[name].observed
        assert "unseen" not in found[name].observed


@pytest.mark.parametrize(("name", "kept"), [("under_fitting", False), ("diverging", True)])
def test_no_leak_is_called_under_fitting(name: str, kept: bool) -> None:
    """Trees that read a leaking column are better than any network: that is no diagnosis."""
    own = Verdict(name, "As to the curves.", findings=(Finding(name, Outcome.WARN, "", ""),))
    leak = Finding("leaking_columns", Outcome.FAIL, "", "column 'a' determines the target")
    found = with_data(own, [leak])
    assert found.name == "leaking_columns"
    assert found.sentence.startswith("The scores can't be trusted. Column 'a' determines")
    assert ("As to the curves." in found.sentence) is kept


def test_what_cannot_occur_is_not_listed_as_missing() -> None:
    X, y = load_iris(return_X_y=True)
    text = str(verdict(MLPClassifier(**small()).fit(X, y), X, y))
    assert "batch norm" not in text
    X, y = make_regression(200, 5, random_state=0)
    found = verdict(MLPRegressor(**small()).fit(X, y), X, y)
    assert "miscalibrated" not in found.unjudged
    assert all("want of" not in line for line in str(found).splitlines())


def test_a_loss_above_the_baselines_is_never_well() -> None:
    curves = {"loss": [0.7, 0.69, 0.68, 0.68], "val_loss": [0.72, 0.71, 0.71, 0.71]}
    found = judge(curves, status="finished", chance=float(np.log(2)), validation_rows=500)
    assert found.name in ("no_skill", "under_fitting")
