"""What checks see, one by one, and how they are told."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from torch import Tensor

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core import registry
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.diagnose import (
    Check,
    Gradients,
    Outcome,
    OverfitsFew,
    Report,
    ShuffledLabels,
    check,
    check_data,
)
from wellfit.diagnose.lr_range_test import learning_rate_range
from wellfit.diagnose.start import best_losses, signal_of
from wellfit.estimators.build import JobBuilder
from wellfit.estimators.encoding import Encoded
from wellfit.nn import Activate, Activation
from wellfit.nn.losses import Poisson, Quantile, SoftmaxCrossEntropy, SquaredError

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)


class WrongSlope(Activation):
    """tanh with the derivative of something else."""

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        return torch.tanh(z, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        return delta.mul_(1 - out.abs())


class CheatingBuilder(JobBuilder):
    def _encoded(self, *given: Any) -> Encoded:
        table = super()._encoded(*given)
        x = np.c_[table.rows.x, np.eye(3, dtype=np.float32)[table.rows.y]]
        return table._replace(rows=replace(table.rows, x=x))


class Cheat(MLPClassifier):
    """Writes the target among its inputs."""

    job_builder = CheatingBuilder


def one(name: str, estimator: Any, X: Any, y: Any, **more: Any) -> Any:
    return check(estimator, X, y, checks=[name], **more)[name]


def test_a_wrong_derivative_is_found() -> None:
    found = one("gradients", MLPClassifier((8,), activation=WrongSlope()), *IRIS)
    assert found.outcome is Outcome.FAIL
    assert found.advice


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((8, 8), batch_norm=True, dropout=0.3, l2=0.1, l1=0.01, input_noise=0.2),
        MLPClassifier((8,), loss="sigmoid_cross_entropy", activation="prelu", max_norm=1.0),
        MLPClassifier((), gradient_clipping=0.01),
        MLPRegressor((8,), loss=Quantile((0.1, 0.5, 0.9))),
        MLPRegressor((8,), loss="poisson", optimizer="lbfgs"),
    ],
    ids=repr,
)
def test_right_derivatives_pass(estimator: Any) -> None:
    X, y = IRIS
    assert one("gradients", estimator, X, y + 1).numbers["difference"] < 1e-6


def test_who_knows_the_target_beforehand_is_found() -> None:
    found = one("shuffled_labels", Cheat((16,)), *IRIS)
    assert found.outcome is Outcome.FAIL
    assert one("shuffled_labels", MLPClassifier((16,)), *IRIS).outcome is Outcome.PASS


def test_shuffled_labels_are_at_chance() -> None:
    """Of 10 shuffles, none is 4 standard errors above chance."""
    X, y = load_diabetes(return_X_y=True)
    surprises = [
        one("shuffled_labels", MLPRegressor((8,)), X[:150], y[:150], random_state=seed).numbers[
            "surprise"
        ]
        for seed in range(10)
    ]
    assert max(surprises) < 4
    assert np.mean(surprises) < 1


@pytest.mark.parametrize(
    ("loss", "outputs", "target", "expected"),
    [
        (
            SoftmaxCrossEntropy(),
            2,
            [[1, 0, 0, 0], [0, 1, 1, 1]],
            [np.log(4), *[np.log(4 / 3)] * 3],
        ),
        (SquaredError(), 1, [[1, 2, 6]], [4, 1, 9]),
        (Quantile((0.5,)), 1, [[1, 2, 6]], [0.5, 0, 2]),
    ],
    ids=["classes", "mean", "median"],
)
def test_the_best_constant_outputs(loss: Any, outputs: int, target: Any, expected: Any) -> None:
    given = torch.tensor(target, dtype=torch.float64)
    np.testing.assert_allclose(best_losses(loss, outputs, given), expected, atol=2e-3)


def test_no_outputs_beat_the_best_for_each_row() -> None:
    counts = torch.tensor([[1.0, 2.0, 7.0]], dtype=torch.float64)
    lowest = best_losses(Poisson(), 1, counts, each=True)
    exact = Poisson().value(counts.log()[None], counts[None])[0].numpy()
    np.testing.assert_allclose(lowest, exact, atol=1e-5)


def test_the_first_loss_is_log_c_or_the_variance() -> None:
    classes = one("initial_loss", MLPClassifier((8,)), *IRIS).numbers
    assert classes["expected"] == pytest.approx(np.log(3))
    X, y = load_diabetes(return_X_y=True)
    numbers = one("initial_loss", MLPRegressor((8,), early_stopping=False), X[:200], y[:200])
    assert numbers.numbers["expected"] == pytest.approx(1)


def test_the_penalty_is_its_formula() -> None:
    estimator = MLPClassifier((8,), l2=0.1, dropout=0.0, numeric_embedding=None)
    found = one("penalty", estimator, *IRIS, random_state=3)
    member = estimator.set_params(random_state=3).prepare(*IRIS).member
    drawn = [block for block in member.network.initial_parameters(member.seed) if len(block)]
    squares = sum(float(block[:-1].square().sum()) for block in drawn)  # not the biases
    assert found.numbers["added"] == pytest.approx(0.1 / 2 * squares)
    assert not len(check(MLPClassifier((8,)), *IRIS, checks=["penalty"]))


def test_labels_that_cannot_be_meant_are_told() -> None:
    X, y = CANCER
    words = np.where(y == 1, "yes", "no").astype(object)
    words[:5] = "Yes "
    words[5] = "maybe"
    y_test = np.array(["yes", "never"], dtype=object)
    found = one("labels", MLPClassifier((8,)), X, words, X_test=X[:2], y_test=y_test)
    for told in ("spelling", "'Yes '", "maybe", "never"):
        assert told in found.observed
    assert found.outcome is Outcome.WARN


def test_rows_that_contradict_one_another_are_told() -> None:
    X, y = CANCER
    found = one("labels", MLPClassifier((8,)), np.r_[X, X[:30]], np.r_[y, 1 - y[:30]])
    assert "but a different label" in found.observed
    same = one("labels", MLPClassifier((8,)), np.r_[X, X[:30]], np.r_[y, y[:30]])
    assert same.outcome is Outcome.PASS


def test_targets_far_outside_are_told() -> None:
    X, y = load_diabetes(return_X_y=True)
    y = y.copy()
    y[7] = 1e6
    assert "1e+06" in one("labels", MLPRegressor((8,)), X, y).observed


def test_duplicates_across_the_split() -> None:
    X, y = CANCER
    apart = one("duplicate_rows", MLPClassifier((8,)), X[:400], y[:400], X_test=X[400:])
    assert apart.outcome is Outcome.PASS
    shared = one("duplicate_rows", MLPClassifier((8,)), X[:400], y[:400], X_test=X[380:])
    assert shared.outcome is Outcome.FAIL
    assert shared.numbers["share"] == pytest.approx(20 / 189)


def test_rare_numbers_may_be_a_quantity() -> None:
    """Counts of 0, 1, 2... are taken for classes, and ``class_weight`` is no remedy for them."""
    y = np.repeat([0, 1, 2, 3], [60, 30, 15, 3])
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    advice = one("imbalance", MLPClassifier((8,)), X, y).advice
    assert advice.startswith("if these classes are a quantity")
    assert "`--task regression`" in advice
    for other in (y.astype(str), np.repeat([0, 1], [100, 8])):
        assert "quantity" not in one("imbalance", MLPClassifier((8,)), X, other).advice


def test_imbalance_is_told_unless_it_is_weighed() -> None:
    X, y = CANCER
    kept = np.r_[np.flatnonzero(y), np.flatnonzero(y == 0)[:20]]
    assert one("imbalance", MLPClassifier((8,)), X[kept], y[kept]).numbers["ratio"] > 10
    assert one("imbalance", MLPClassifier((8,)), X[kept], y[kept]).outcome is Outcome.WARN
    weighed = MLPClassifier((8,), class_weight="balanced")
    assert one("imbalance", weighed, X[kept], y[kept]).outcome is Outcome.PASS


def test_a_category_that_is_the_target_leaks() -> None:
    X, y = CANCER
    table = pd.DataFrame(X[:, :4], columns=list("abcd"))
    table["verdict"] = np.where(y == 1, "benign", "malignant")
    found = one("leaking_columns", MLPClassifier((8,)), table, y)
    assert found.outcome is Outcome.FAIL
    assert "verdict" in found.observed


@pytest.mark.parametrize("disguise", [lambda y: 3 * y + 1, np.log, np.negative])
def test_a_number_that_goes_with_the_target_leaks(disguise: Any) -> None:
    """Few rows with a long tail: a tree of 32 leaves alone comes to 0.9."""
    x, y = np.random.default_rng(0).normal(size=(120, 3)), np.exp(np.linspace(-3, 3, 120))
    found = one("leaking_columns", MLPRegressor((4,)), np.c_[x, disguise(y)], y)
    assert found.outcome is Outcome.FAIL
    assert "column 3" in found.observed
    assert one("leaking_columns", MLPRegressor((4,)), x, y).outcome is Outcome.PASS


@pytest.mark.parametrize("seed", range(3))
def test_classes_that_are_seldom_seen_tell_no_chance_from_cheating(seed: int) -> None:
    """Constant outputs that rule out classes of the judged rows are beaten by any network."""
    rng = np.random.default_rng(seed)
    noise, many = rng.normal(size=(300, 8)), np.minimum(3 * rng.pareto(1, 300) // 1, 60)
    names = ["shuffled_labels", "beats_chance"]
    report = check(MLPClassifier((32,)), noise, many, checks=names)
    assert report["shuffled_labels"].outcome is Outcome.PASS
    assert report["beats_chance"].outcome is Outcome.FAIL


def test_classes_may_be_objects_and_are_told_as_they_are() -> None:
    X, y = IRIS
    data = {"X_test": X[:5] + 9, "y_test": np.array([7] * 5)}
    report = check(MLPClassifier((4,)), X, y.astype(object), **data)
    assert "only the test part has class 7" in report["labels"].observed
    data = {"X_test": X[:6] + 9, "y_test": np.array([7, 8, 7, 0, 9, 8])}
    found = check_data(MLPClassifier((4,)), X, y, **data)["labels"]
    assert "only the test part has classes 7, 8, 9" in found.observed
    plain = check(MLPClassifier((4,)), X, y, checks=["leaking_columns"])["leaking_columns"]
    assert report["leaking_columns"] == plain


def test_nothing_is_said_of_classes_of_one_row() -> None:
    names = ["shuffled_labels", "beats_chance", "leaking_columns"]
    own_class = np.arange(len(IRIS[0])).astype(str)
    assert not len(check(MLPClassifier((4,)), IRIS[0], own_class, checks=names))


@pytest.mark.parametrize("shape", ["sparse", "several labels", "several numbers", "few rows"])
def test_every_kind_of_data_is_looked_at(shape: str) -> None:
    X, y = CANCER
    given: tuple[Any, Any, Any] = {
        "sparse": (MLPClassifier((8,)), sparse.csr_matrix(X), y),
        "several labels": (MLPClassifier((8,)), X, np.c_[y, y]),
        "several numbers": (MLPRegressor((8,)), X[:, 2:], X[:, :2]),
        "few rows": (MLPClassifier((8,)), *(part[::15] for part in IRIS)),
    }[shape]
    report = check(*given)
    assert len(report) >= 7
    assert report["gradients"].outcome is Outcome.PASS


def test_the_estimator_is_left_alone() -> None:
    estimator = MLPClassifier((8,), random_state=7)
    before = dict(vars(estimator))
    check(estimator, *IRIS, checks=["initial_loss"])
    assert vars(estimator) == before


def test_checks_begin_where_a_reuse_begins() -> None:
    X, y = IRIS
    base = MLPClassifier((16, 16), epochs=60, random_state=0).fit(X, y)
    known = -np.log(base.predict_proba(X)[range(len(y)), y]).mean()
    kept = base.transfer(head="keep", early_stopping=False)
    found = one("initial_loss", kept, X, y)
    assert found.numbers["loss"] == pytest.approx(known, rel=1e-4)
    assert found.outcome is Outcome.PASS  # less than chance: it knows something
    copies = base.set_params(initializer="identical")
    assert one("symmetry", copies.transfer(), X, y).outcome is Outcome.PASS
    test = learning_rate_range(kept, X, y, rates=4, steps=5)
    assert test.start == pytest.approx(known, rel=0.01)


@pytest.mark.parametrize(
    "how", [{"freeze": 2}, {"freeze": 1, "unfreeze": 3}, {"layerwise_lr_decay": 0.3}]
)
def test_frozen_layers_raise_no_alarm(how: dict[str, Any]) -> None:
    X, y = IRIS
    base = MLPClassifier((16, 16), epochs=60, random_state=0).fit(X, y)
    alarms = check(base.transfer(**how), X, y).alarms
    told = {finding.check for finding in alarms}
    assert told <= {"duplicate_rows", "leaking_columns", "learning_rate"}, alarms


def test_one_row_has_no_spread() -> None:
    out = torch.ones(1, 4, dtype=torch.float64)
    assert signal_of(Activate(), out, out).spread == 0


def test_the_same_seed_finds_the_same() -> None:
    first, second = (check(MLPClassifier((8,)), *IRIS, random_state=5) for _ in range(2))
    assert str(first) == str(second)
    assert [dict(a.numbers) for a in first] == [dict(b.numbers) for b in second]


def test_every_registered_check_is_asked() -> None:
    asked: list[str] = []
    report = check(MLPClassifier((4,)), *IRIS, on_check=asked.append)
    assert sorted(asked) == registry.names(Check.family)
    assert {finding.check for finding in report} <= set(asked)
    assert all(finding.action and finding.observed for finding in report)


def test_a_check_of_ones_own_takes_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = {family: dict(members) for family, members in registry._families.items()}
    monkeypatch.setattr(registry, "_families", copied)

    class FewRows(Check, name="few_rows"):
        action = "counted the rows"

        def examine(self, case: Any) -> Any:
            return self.finding(Outcome.WARN, f"{len(case.targets)} rows", "gather more")

    report = check(MLPClassifier((4,)), *IRIS, checks=["few_rows", Gradients(), ShuffledLabels])
    assert report["few_rows"].observed == "150 rows"
    assert [finding.check for finding in report.alarms] == ["few_rows"]


def test_a_report_shows_itself() -> None:
    report = check(MLPClassifier((8,), initializer="zeros"), *IRIS, checks=["symmetry", "labels"])
    assert report.outcome is Outcome.FAIL
    console = Console(file=io.StringIO(), width=80)
    console.print(report)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for told in ("fail", "symmetry", "→", "1 failed", "1 passed"):
        assert told in text
    assert Report(()).outcome is Outcome.PASS
    with pytest.raises(UnknownNameError, match="symmetry"):
        report["symetry"]


def test_data_that_cannot_be_trained_on_say_why() -> None:
    with pytest.raises(InputError, match="at least two classes"):
        check(MLPClassifier(), IRIS[0], np.zeros(150))
    with pytest.raises(UnknownNameError, match="gradients"):
        check(MLPClassifier(), *IRIS, checks=["gradient"])


def test_learning_by_heart_stops_when_it_is_sure() -> None:
    digits = load_digits(return_X_y=True)
    sure = check(MLPClassifier((64,)), *digits, checks=[OverfitsFew()])["overfits_few"]
    all_the_way = check(MLPClassifier((64,)), *digits, checks=[OverfitsFew(enough=0)])
    epochs = int(re.search(r"(\d+) epochs", sure.observed)[1])  # type: ignore[index]
    assert sure.outcome is all_the_way["overfits_few"].outcome is Outcome.PASS
    assert epochs < 100
    assert sure.numbers["left"] <= 0.02
    assert "200 epochs" in all_the_way["overfits_few"].observed
