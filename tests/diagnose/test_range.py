"""The range test: what it suggests trains well, and many rates at once are as one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError
from wellfit.diagnose import RangeTest, check, learning_rate_range
from wellfit.optim import SGD, Adam
from wellfit.training import train

CASES = {
    "digits": (MLPClassifier, load_digits(return_X_y=True)),
    "breast_cancer": (MLPClassifier, load_breast_cancer(return_X_y=True)),
    "diabetes": (MLPRegressor, load_diabetes(return_X_y=True)),
}


def good_rates(estimator: Any, X: Any, y: Any) -> np.ndarray:
    """The rates whose whole training ends within a tenth of the best, by held-out rows."""
    tried = np.logspace(-5, 1, 13)
    estimator.set_params(early_stopping=False, validation_fraction=0.25, random_state=0)
    work = estimator.prepare(X, y)
    one = work.member
    members = [one.replace(optimizer=one.optimizer.replace(learning_rate=r)) for r in tried]
    result = train(members, work.on_device(), [work.stream])
    lowest = [np.min(result.history(k)["val_loss"]) for k in range(len(tried))]
    lowest = np.nan_to_num(lowest, nan=np.inf)
    return tried[lowest <= lowest.min() + 0.1 * (lowest[0] - lowest.min())]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("factor", [0.01, 1, 100])
@pytest.mark.parametrize("rule", [Adam(), SGD(0.1)], ids=lambda rule: rule.name)
def test_the_suggested_rate_is_near_a_good_one(rule: Any, factor: float, name: str) -> None:
    """Whatever the estimator's own rate: 100 times too high or too low, it is not asked."""
    kind, data = CASES[name]
    good = good_rates(kind((32, 32), optimizer=rule, epochs=12), *data)
    sick = kind((32, 32), optimizer=rule.replace(learning_rate=rule.learning_rate * factor))
    test = learning_rate_range(sick, *data, rates=32)
    assert test.rate == pytest.approx(rule.learning_rate * factor)
    assert np.abs(np.log(test.suggested / good)).min() <= np.log(5), (test.suggested, good)


def test_many_rates_at_once_are_as_one_by_one() -> None:
    kind, data = CASES["digits"]
    estimator = kind((16,), precision="float64")
    together = learning_rate_range(estimator, *data, rates=[1e-4, 1e-3, 1e-2], steps=20)
    for k in (0, 1):
        pair = learning_rate_range(estimator, *data, rates=together.rates[k : k + 2], steps=20)
        np.testing.assert_allclose(pair.losses, together.losses[k : k + 2], rtol=1e-8)
        assert pair.start == pytest.approx(together.start)


def test_rates_that_diverge_are_told() -> None:
    test = learning_rate_range(
        MLPRegressor((16,), optimizer="sgd"), *CASES["diabetes"][1], rates=[1e-4, 1e-2, 1e6, 1e8]
    )
    assert not np.isfinite(test.losses[-1])
    assert test.diverges == 1e6
    assert test.suggested <= 1e-2


def test_a_curve_is_read_rightly() -> None:
    rates = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    test = RangeTest(rates, np.array([2.0, 0.95, 0.9, 1.9, 5.0]), 2.1, 10, 1e-3)
    np.testing.assert_allclose(test.progress, [0.1 / 1.2, 1.15 / 1.2, 1, 0.2 / 1.2, -2.9 / 1.2])
    assert test.suggested == 1e-3
    assert test.diverges == 1.0
    assert test.at(1e-2) == 1
    assert test.at(50.0) == -1


def test_the_picture_shows_the_suggested_rate() -> None:
    test = RangeTest(np.array([1e-3, 1e-2, 1e-1]), np.array([1.0, 0.5, np.inf]), 1.1, 10, 1e-3)
    axes = test.plot()
    assert "0.01" in axes.get_title()
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [1e-2]
    assert test.plot(axes) is axes


def test_a_minimizer_has_no_learning_rate() -> None:
    kind, data = CASES["breast_cancer"]
    with pytest.raises(HyperparameterError, match="adam"):
        learning_rate_range(kind((4,), optimizer="lbfgs"), *data)
    assert not len(check(kind((4,), optimizer="lbfgs"), *data, checks=["learning_rate"]))


@pytest.mark.parametrize("rates", [1, 20.0, "many", [0.1], [0.0, 0.1]])
def test_rates_that_cannot_be_meant_are_refused(rates: Any) -> None:
    with pytest.raises(HyperparameterError, match="expected"):
        learning_rate_range(MLPClassifier((4,)), *CASES["breast_cancer"][1], rates=rates)


@pytest.mark.parametrize("name", CASES)
def test_a_grid_is_tried_where_it_matters(name: str) -> None:
    """A third of 64 rates at most, and the one suggested is that of all of them, or next to it."""
    kind, data = CASES[name]
    estimator = kind((16,))
    step = 10 ** (8 / 63)
    few = learning_rate_range(estimator, *data, rates=64, steps=40)
    every = learning_rate_range(estimator, *data, rates=np.logspace(-7, 1, 64), steps=40)
    assert len(every.rates) == 64
    assert len(few.rates) <= 21
    assert 0.99 / step < few.suggested / every.suggested < 1.01 * step
    there = np.isclose(every.rates[:, None], few.rates).any(axis=1)
    np.testing.assert_allclose(few.losses, every.losses[there], rtol=1e-3)


def test_rates_that_all_diverge_or_stand_still_end_without_more() -> None:
    kind, data = CASES["breast_cancer"]
    dead = kind((4,), initializer="zeros", bias_initializer="zeros")
    assert learning_rate_range(dead, *data, rates=32, steps=10).start > 0


def test_no_rate_is_suggested_to_a_network_that_none_moves() -> None:
    """Noise in the last digits had one of 1e-7 come far, and safely."""
    kind, data = CASES["diabetes"]
    dead = kind((4,), initializer="zeros", bias_initializer="zeros")
    test = learning_rate_range(dead, *data, rates=32, steps=10)
    assert not test.moves
    assert test.suggested == test.rate
    assert "no learning rate gets anywhere" in str(test)
    assert "No learning rate" in test.plot().get_title()
    found = check(dead, *data, checks=["learning_rate"])["learning_rate"]
    assert "no learning rate" in found.observed
    assert "too high" not in found.observed


def test_no_more_steps_are_tried_than_are_planned() -> None:
    """By 100 steps a rate looks enough that comes nowhere in the 12 that there will be."""
    kind, data = CASES["breast_cancer"]
    short = kind((16,), batch_size=512, epochs=12)
    test = learning_rate_range(short, *data)
    assert test.steps == 12
    assert test.suggested > 2 * learning_rate_range(short.set_params(epochs=60), *data).suggested


def test_a_number_of_rates_may_come_from_numpy() -> None:
    kind, data = CASES["breast_cancer"]
    pair = [learning_rate_range(kind((4,)), *data, rates=n, steps=5) for n in (8, np.int64(8))]
    np.testing.assert_array_equal(pair[0].losses, pair[1].losses)


def test_a_training_of_no_steps_is_refused() -> None:
    kind, data = CASES["breast_cancer"]
    with pytest.raises(HyperparameterError, match="steps is -1; expected at least 1"):
        learning_rate_range(kind((4,)), *data, steps=-1)
