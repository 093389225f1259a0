"""Every diagnosis on real trainings that do and don't show it; how verdicts are told and kept."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import theilslopes
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from typer.testing import CliRunner

import illnesses
from shortcuts import judge_by_few_trees
from wellfit import MLPClassifier, MLPRegressor
from wellfit.cli.app import app
from wellfit.core import registry
from wellfit.core.errors import DataError, InputError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.diagnose import (
    Diagnosis,
    Finding,
    Outcome,
    Suggestion,
    Training,
    Verdict,
    diagnoses,
    judge,
    verdict,
)
from wellfit.diagnose.verdicts.curves import noise, rise, steps_taken, trend
from wellfit.diagnose.verdicts.fit import calibration_error
from wellfit.diagnose.verdicts.training import Chances
from wellfit.optim import Optimizer

IRIS = load_iris(return_X_y=True)
DIGITS = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def healthy() -> list[Verdict]:
    """Each plan on data of other kinds, so that together they see all."""
    return [
        found
        for place, plan in enumerate(illnesses.HEALTHY)
        for found in illnesses.well(plan, many=1, first=2 * place)
    ]


def test_unseen_rows_that_are_training_rows_too_are_left_out():
    """Trees know such rows by heart: beside them any network would seem under-fitted."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.normal(size=120)
    reg = MLPRegressor((4,), epochs=2, early_stopping=False, random_state=0).fit(X, y)
    new, new_y = rng.normal(size=(40, 3)), rng.normal(size=40)
    alone = verdict(reg, X, y, new, new_y, data_findings=())
    found = verdict(
        reg, X, y, np.vstack([new, X[:30]]), np.append(new_y, y[:30]), data_findings=()
    )
    assert found.scores == alone.scores
    assert "Left out: 30 unseen rows also found among the training rows." in found.sure
    # Where most rows recur, new ones will too.
    assert verdict(reg, X, y, X[:30], y[:30], data_findings=()).scores.unseen_rows == 30


def test_a_score_on_some_of_the_training_rows_says_on_how_many():
    X, y = np.random.default_rng(0).normal(size=(2, 2100, 1))
    reg = MLPRegressor((2,), epochs=1, early_stopping=False, random_state=0).fit(X, y[:, 0])
    assert "on 2,000 of the training rows" in verdict(reg, X, y[:, 0], data_findings=()).sure


@pytest.fixture(scope="module")
def fitted() -> Any:
    return MLPClassifier((32,), epochs=15, random_state=0, n_threads=1).fit(*DIGITS)


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one test, since illnesses are judged beside whole forests."""
    judge_by_few_trees(monkeypatch)


@pytest.fixture(scope="module")
def judged(fitted: Any) -> Verdict:
    with pytest.MonkeyPatch.context() as patch:
        judge_by_few_trees(patch)
        return verdict(fitted, *DIGITS)


def names(found: Verdict) -> list[str]:
    return [finding.check for finding in found.alarms]


def is_named(diagnosis: str, found: Verdict) -> bool:
    return bool({diagnosis, *illnesses.INSTEAD.get(diagnosis, ())} & set(names(found)))


# Trainings that do and don't show an illness.


def test_every_diagnosis_has_its_trainings() -> None:
    assert sorted(illnesses.ILL) == registry.names(Diagnosis.family)


@pytest.mark.parametrize("diagnosis", illnesses.ILL)
def test_an_illness_is_named(diagnosis: str) -> None:
    verdicts = illnesses.cases(diagnosis)
    named = [is_named(diagnosis, found) for found in verdicts]
    assert sum(named) >= max(1, len(named) - 1), [found.sentence for found in verdicts]
    assert all(bool(found.alarms) <= len(found.suggestions) <= 3 for found in verdicts)
    for found in verdicts:
        check_plain(found)
        check_consistent(found)


@pytest.mark.heavy
@pytest.mark.parametrize("diagnosis", illnesses.ILL)
def test_nine_of_ten_illnesses_are_named(diagnosis: str) -> None:
    verdicts = illnesses.cases(diagnosis, len(illnesses.SEEDS))
    named = [is_named(diagnosis, found) for found in verdicts]
    assert np.mean(named) >= 0.9, [found.sentence for found in verdicts]
    assert any(diagnosis in names(found) for found in verdicts)


def test_healthy_trainings_are_well_fit(healthy: list[Verdict]) -> None:
    well = [found.name == "well_fit" for found in healthy]
    assert np.mean(well) >= 0.9, [found.sentence for found in healthy if found.alarms]
    for found in healthy:
        check_plain(found)
        assert bool(found.suggestions) == bool(found.alarms)


@pytest.mark.heavy
@pytest.mark.parametrize("plan", illnesses.HEALTHY)
def test_nine_of_ten_healthy_trainings_are_well_fit(plan: str) -> None:
    verdicts = illnesses.well(plan, len(illnesses.SEEDS))
    # Where boosted trees are clearly better, no network is well fit, however calm its curves.
    beaten = [found.scores is not None and found.scores.best is not None for found in verdicts]
    well = [found.name == "well_fit" for found in verdicts]
    assert sum(beaten) <= len(verdicts) // 4
    assert not (np.array(beaten) & np.array(well)).any()
    assert np.mean(np.array(well)[~np.array(beaten)]) >= 0.9, [
        found.sentence for found in verdicts if found.alarms
    ]


def check_consistent(found: Verdict) -> None:
    """No diagnosis stands beside one that explains it, and the scores are told."""
    ill = names(found)
    for one in diagnoses():
        warned = [f for f in found.alarms if f.check == one.name and f.outcome is Outcome.WARN]
        assert not (warned and set(one.explained_by) & set(ill)), ill
    if found.scores is not None and found.scores.unseen is not None:
        told = f"{found.sentence} {found.sure}".lower()
        assert found.scores.pair.lower() in told
        assert found.scores.compared.lower() in told


def check_plain(found: Verdict) -> None:
    """It survives JSON: all of it, but for numbers that aren't finite."""
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    again = Verdict.from_dict(plain)
    assert again.to_dict() == plain
    assert (again.sentence, again.suggestions, names(again)) == (
        found.sentence,
        found.suggestions,
        names(found),
    )


def test_causes_speak_first() -> None:
    """A rate far too low leaves the network under-fitted; the rate is what is told."""
    verdicts = illnesses.cases("learning_rate_low")
    assert np.mean([found.name == "learning_rate_low" for found in verdicts]) >= 0.9
    assert all(found.suggestions[0].name == "learning_rate" for found in verdicts if found.alarms)


# What is looked at.


def test_rows_held_out_of_x_are_found_again(fitted: Any, judged: Verdict) -> None:
    found, held = judged, 180
    assert f"accuracy on {held} validation rows, 95 % confidence" in found.sure.lower()
    told = fitted.history_["val_loss"][fitted.best_epoch_ - 1]
    assert f"{told:.3g} on {held} validation rows" in found["over_fitting"].observed


@pytest.mark.usefixtures("few_rounds")
def test_validation_rows_given_apart_are_not_taken_from_x() -> None:
    X, y = DIGITS
    clf = MLPClassifier((32,), epochs=15, random_state=0, n_threads=1)
    clf.fit(X[:1000], y[:1000], X_val=X[1000:], y_val=y[1000:])
    assert "isn't known" in verdict(clf, X[:1000], y[:1000]).sure
    assert "797 unseen" in verdict(clf, X[:1000], y[:1000], X[1000:], y[1000:]).sure


@pytest.mark.usefixtures("few_rounds")
def test_without_rows_the_curves_speak_alone(fitted: Any) -> None:
    found = verdict(fitted)
    assert found.name == "well_fit"
    assert {"dead_units", "batch_norm_off", "miscalibrated"} <= set(found.unjudged)
    assert found.scores is not None
    assert not found.scores.baselines
    assert "isn't known" in found.sure


@pytest.mark.usefixtures("few_rounds")
def test_without_validation_it_is_said() -> None:
    clf = MLPClassifier((32,), early_stopping=False, random_state=0, n_threads=1).fit(*DIGITS)
    found = verdict(clf, *DIGITS)
    assert found.name == "well_trained"
    assert "no rows were held out" in found.sentence
    assert {"over_fitting", "noisy_validation", "miscalibrated"} <= set(found.unjudged)
    assert "Not judged: over fitting (needs validation rows)." in str(found)


@pytest.mark.parametrize(
    "shape", ["labels", "numbers", "several numbers", "chances", "one row unseen"]
)
def test_every_kind_of_targets_is_judged(shape: str) -> None:
    X, y = IRIS
    given: tuple[Any, Any] = {
        "labels": (MLPClassifier((8,), epochs=3), np.c_[y == 1, y > 0].astype(int)),
        "numbers": (MLPRegressor((8,), epochs=3, loss="poisson"), y + 1),
        "several numbers": (MLPRegressor((8,), epochs=3), X[:, :2]),
        "chances": (MLPClassifier((8,), epochs=3), np.eye(3)[y] * 0.7 + 0.1),
        "one row unseen": (MLPClassifier((8,), epochs=3), np.array(["a", "b", "c"])[y]),
    }[shape]
    estimator, targets = given
    estimator.fit(X, targets)
    last = -1 if shape == "one row unseen" else -9
    found = verdict(estimator, X, targets, X[last:], targets[last:])
    assert found.sentence
    check_plain(found)


@pytest.mark.usefixtures("few_rounds")
def test_the_estimator_is_left_alone(fitted: Any, judged: Verdict) -> None:
    before = vars(fitted).copy()
    weights = fitted.network_.weights.parameters.clone()
    assert str(verdict(fitted, *DIGITS)) == str(judged)
    assert vars(fitted) == before
    assert (fitted.network_.weights.parameters == weights).all()


@pytest.mark.usefixtures("few_rounds")
def test_a_model_from_a_folder_is_judged_by_rows(fitted: Any, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    X, y = DIGITS
    found = verdict(MLPClassifier.load(tmp_path / "model"), X, y, X[::9], y[::9])
    assert "200 unseen rows" in found.sure
    assert "over_fitting" not in found.unjudged


def test_what_cannot_be_judged_says_why(fitted: Any, judged: Verdict) -> None:
    with pytest.raises(NotFittedError):
        verdict(MLPClassifier(), *DIGITS)
    with pytest.raises(DataError, match="X_test is given without its targets"):
        verdict(fitted, *DIGITS, X_test=DIGITS[0])
    with pytest.raises(InputError, match="features"):
        verdict(fitted, DIGITS[0][:, :5], DIGITS[1])
    with pytest.raises(InputError, match="no verdict"):
        Verdict.from_dict({"sentence": "Well fit."})
    with pytest.raises(UnknownNameError, match="over_fitting"):
        judged["overfitting"]


# While it trains.


def partial(history: Mapping[str, list[float]], epochs: int) -> dict[str, list[float]]:
    return {name: values[:epochs] for name, values in history.items()}


def test_a_training_that_goes_on_is_judged_epoch_by_epoch(fitted: Any) -> None:
    rows = {"training_rows": 1617, "validation_rows": 180, "chance": np.log(10)}
    found = [judge(partial(fitted.history_, k), **rows) for k in range(fitted.n_epochs_ + 1)]
    assert [one.name for one in found[:3]] == ["too_soon"] * 3
    assert {one.name for one in found[3:]} == {"well_so_far"}
    assert found[-1].unjudged["still_improving"] == "the end of the training"
    assert judge(fitted.history_, status="finished", **rows).name in ("well_fit",)


def test_a_training_that_diverges_is_told_while_it_goes_on() -> None:
    keep = illnesses.Keep()
    X, y = load_diabetes(return_X_y=True)
    plain = {"lr_schedule": "constant", "early_stopping": False, "n_threads": 1, "random_state": 0}
    net = MLPRegressor((32,), optimizer=illnesses.SGD(0.9), epochs=6, callbacks=[keep], **plain)
    with pytest.raises(ArithmeticError):
        net.fit(X, y)
    assert judge(keep.history).name == "diverging"
    # A page may have nothing where a number isn't finite: JSON knows no NaN.
    told = {k: [v if np.isfinite(v) else None for v in vs] for k, vs in keep.history.items()}
    assert judge(told).name == "diverging"  # type: ignore[arg-type]


def test_nothing_is_no_verdict() -> None:
    assert judge({}).name == "too_soon"
    assert judge({}, status="interrupted").name == "too_soon"


# How it is told.


@pytest.mark.parametrize(
    ("history", "told"),
    [
        (None, "the history is None; expected metrics by name"),
        ([1.0, 0.5], "expected metrics by name"),
        ({"loss": 0.5}, "loss is 0.5; expected a number for each epoch"),
        ({"loss": [1.0], "val_loss": ["low"]}, "val_loss is .'low'.; expected a number"),
        ({"loss": [[1.0, 2.0], [3.0, 4.0]]}, "expected a number for each epoch"),
    ],
)
def test_what_is_no_history_is_refused(history: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        judge(history)


def test_a_minimizer_is_told_nothing_of_learning_rates() -> None:
    clf = MLPClassifier((8,), optimizer="lbfgs", random_state=0, n_threads=1)
    found = verdict(clf.fit(*load_iris(return_X_y=True)))
    assert {"learning_rate_high", "learning_rate_low"} <= set(found.unjudged)
    assert "(needs a learning rate and more than 3 epochs)" in str(found)
    swings = {"loss": [1, 0.2, 0.9, 0.2, 0.9], "val_loss": [1, 0.2, 0.9, 0.2, 0.9]}
    for given in ("lbfgs", resolve(Optimizer, "lbfgs"), {"name": "lbfgs"}):
        assert "learning_rate" not in [
            suggestion.name for suggestion in judge(swings, {"optimizer": given}).suggestions
        ]
    assert judge(swings, {"optimizer": "adam"}).name == "learning_rate_high"


@pytest.mark.parametrize("loss", [[], [1.0]])
def test_validation_losses_without_training_losses_are_left_out(loss: list[float]) -> None:
    found = judge({"loss": loss, "val_loss": [1.0, 0.9, 0.8]}, status="finished")
    assert found.name in ("too_soon", "under_fitting")


def test_rows_are_counted_where_their_number_is_known() -> None:
    curves = {"loss": [1.0, 0.5, 0.1], "val_loss": [1.0, 0.8, 0.9]}
    assert "0.9 on unseen rows" in judge(curves)["over_fitting"].observed
    known = judge(curves, training_rows=900, validation_rows=100)["over_fitting"].observed
    assert "0.9 on 100 unseen rows" in known


@pytest.mark.usefixtures("few_rounds")
def test_a_verdict_shows_itself() -> None:
    clf = MLPClassifier((32,), epochs=4, random_state=0, n_threads=1).fit(*DIGITS)
    found = verdict(clf, *DIGITS)
    assert found.sentence.startswith("Stopped too early: ")
    console = Console(file=io.StringIO(), width=80)
    console.print(found)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for told in ("Stopped too early", "warn", "pass", "To try next", "epochs", "Not judged"):
        assert told in text
    html = found._repr_html_()
    for told in (
        escape(found.sentence),
        escape(found.sure),
        "! warn</td>",
        "<b>epochs</b>",
        "Not judged",
    ):
        assert told in html
    assert "<script>" not in replace(found, sentence="<script>")._repr_html_()
    for line in (found.sentence, found.sure, "> epochs: twice as many"):
        assert line in str(found)
    assert str(found).count(found["still_improving"].observed) == 1


def test_regularization_in_use_is_not_suggested() -> None:
    training = Training({"loss": [1.0]}, {"early_stopping": True, "dropout": 0.5, "l2": 0.0})
    over = next(one for one in diagnoses() if one.name == "over_fitting")
    assert [suggestion.name for suggestion in over.suggestions(training)] == [
        "l2",
        "rows",
        "hidden_layer_sizes",
    ]


def test_a_custom_diagnosis_takes_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = {family: dict(members) for family, members in registry._families.items()}
    monkeypatch.setattr(registry, "_families", copied)

    class Short(Diagnosis, name="short"):
        headline = "Short"

        def examine(self, training: Training) -> Finding | None:
            return self.finding(Outcome.WARN, f"{training.epochs} epochs", "wait")

        def suggestions(self, training: Training) -> list[Suggestion]:
            return [Suggestion("patience", "more", "good things take time")]

    found = judge({"loss": [2.0, 1.0, 0.5]})
    assert (found.name, found.sentence) == ("short", "Short: 3 epochs.")
    assert found.suggestions[0].name == "patience"


@pytest.mark.usefixtures("few_rounds")
def test_the_command_line_tells_and_keeps_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "digits", "--hidden", "16", "--epochs", "3", "--run", str(run)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    found = Verdict.from_dict(json.loads((run / "result.json").read_text())["verdict"])
    assert found.name == "still_improving"
    assert found.sentence[:60] in done.output
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    history = {name: [line[name] for line in lines] for name in lines[0]}
    assert judge(history, status="finished").name == "still_improving"


# The mathematics.


def test_the_calibration_error_is_its_formula() -> None:
    rng = np.random.default_rng(0)
    given, right = rng.uniform(0.3, 1, 400), rng.random(400) < 0.7
    expected = 0.0
    for b in range(15):
        inside = (given > b / 15) & (given <= (b + 1) / 15)
        if inside.any():
            gap = right[inside].mean() - given[inside].mean()
            expected += inside.sum() / 400 * abs(gap)
    assert calibration_error(Chances(given, right), 15) == pytest.approx(expected)


def test_trends_are_the_median_of_slopes() -> None:
    rng = np.random.default_rng(0)
    time, values = np.sort(rng.random(20)), rng.random(20)
    slope, _, low, high = theilslopes(values, time, 0.95)
    assert trend(values, time, 2.0) == pytest.approx((-2 * slope, -2 * high, -2 * low))
    assert trend(values[:1], time[:1], 1.0).fall == 0
    assert trend(values, np.ones(20), 1.0).fall == 0


def test_noise_is_not_a_trend() -> None:
    rng = np.random.default_rng(0)
    assert noise(np.linspace(5, 1, 50)) == pytest.approx(0, abs=1e-12)
    assert noise(np.linspace(5, 1, 5000) + rng.normal(0, 0.1, 5000)) == pytest.approx(0.1, rel=0.1)
    assert noise(np.array([1.0, 5.0])) == 0


def test_rises_and_time() -> None:
    assert rise(np.array([5.0, 4, 3, 2])) == 0
    assert rise(np.array([5.0, 1, 1, 1, 4, 4, 4, 2])) == 3
    np.testing.assert_allclose(steps_taken(np.array([3.0, 1.0, 0.0]), 3), [0.75, 1, 1])
    np.testing.assert_allclose(steps_taken(np.zeros(4), 4), [0.25, 0.5, 0.75, 1])
