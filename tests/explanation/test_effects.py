"""Partial dependence and accumulated local effects, held against formulas and scikit-learn's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.inspection import partial_dependence as dependence_of_sklearn

import wellfit
from wellfit import MLPClassifier, MLPRegressor
from wellfit.charts import Chart, effect_chart
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.explanation import (
    accumulated_local_effects,
    attribute,
    partial_dependence,
    permutation_importance,
)

RNG = np.random.default_rng(0)
N = 200
FIRST = RNG.normal(size=N)
SHARES = [0.4, 0.3, 0.2, 0.1]
TABLE = pd.DataFrame(
    {
        "a": FIRST,
        "b": FIRST + 0.1 * RNG.normal(size=N),
        "c": RNG.integers(0, 5, N),
        "town": pd.Categorical(RNG.choice(["Bern", "Ulm", "Rom", "Oslo"], N, p=SHARES)),
        "flag": RNG.random(N) < 0.5,
        "day": pd.Timestamp(2024, 1, 1) + pd.to_timedelta(RNG.integers(0, 100, N), "D"),
        "flat": "same",
    }
)  # fmt: skip
WORTH = {"Bern": 1.0, "Ulm": -2.0, "Rom": 5.0, "Oslo": 0.0}


@pytest.mark.parametrize(
    "explaining",
    [wellfit.explain, partial_dependence, accumulated_local_effects, attribute,
     permutation_importance],
)  # fmt: skip
def test_rows_in_the_place_of_the_model_are_called_that(explaining: Callable[..., Any]) -> None:
    more = {attribute: (), permutation_importance: (FIRST,)}.get(explaining, ("a",))
    with pytest.raises(InputError, match="the model is a DataFrame; expected a fitted estimator"):
        explaining(TABLE, MLPRegressor(), *more)


class Formula(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model that is a formula of a table's columns."""

    def __init__(self, of: Callable[[Any], Any]) -> None:
        self.of = of

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(self.of(X), dtype=np.float64)


def test_partial_dependence_is_scikit_learns() -> None:
    reg = MLPRegressor((8,), epochs=3, random_state=0).fit(TABLE, TABLE["a"] * TABLE["c"])
    for column in ("a", "c", "town", "flag"):
        own = partial_dependence(reg, TABLE, column)
        grid = own.numbers if own.numbers is not None else np.array(own.labels, dtype=object)
        if column == "flag":
            grid = np.array([text == "True" for text in own.labels])
        table = TABLE.astype({"town": object, "c": float})
        theirs = dependence_of_sklearn(
            reg, table, [column], kind="both", custom_values={column: grid}
        )
        np.testing.assert_allclose(own.values[:, 0], theirs["average"][0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            own.individual[..., 0], theirs["individual"][0], rtol=1e-5, atol=1e-5
        )


def test_partial_dependence_of_a_sum_is_its_term() -> None:
    model = Formula(lambda X: X["a"] ** 3 + 4 * X["b"] + X["town"].map(WORTH).astype(float))
    found = partial_dependence(model, TABLE, "a")
    assert found.numbers is not None
    term = found.numbers**3
    np.testing.assert_allclose(np.diff(found.values[:, 0]), np.diff(term), rtol=1e-9)
    towns = partial_dependence(model, TABLE, "town")
    assert towns.labels == ("Bern", "Ulm", "Rom", "Oslo")  # the most frequent first
    worth = [WORTH[name] for name in towns.labels]
    np.testing.assert_allclose(towns.values[:, 0] - towns.values[0, 0], np.array(worth) - 1)


def test_accumulated_effects_of_a_sum_are_its_terms_less_their_mean() -> None:
    model = Formula(lambda X: X["a"] ** 2 + 4 * X["b"] + X["town"].map(WORTH).astype(float))
    found = accumulated_local_effects(model, TABLE, "a", n_bins=200)
    assert found.numbers is not None
    wanted = found.numbers**2
    np.testing.assert_allclose(np.diff(found.values[:, 0]), np.diff(wanted), rtol=1e-9, atol=1e-12)
    # With a bin for every row, the effect is 0 on average over the rows.
    at_rows = np.interp(TABLE["a"], found.numbers, found.values[:, 0])
    assert abs(at_rows.mean()) < 0.02
    towns = accumulated_local_effects(model, TABLE, "town")
    worth = np.array([WORTH[name] for name in towns.labels])
    np.testing.assert_allclose(towns.values[:, 0] - towns.values[0, 0], worth - worth[0])
    assert towns.values[:, 0] @ towns.counts == pytest.approx(0, abs=1e-9)
    assert found.mean[0] == pytest.approx(model.predict(TABLE).mean())


def test_accumulated_effects_are_the_formula_of_the_paper() -> None:
    model = Formula(lambda X: X[:, 0] * X[:, 1] + X[:, 0] ** 2)
    X = RNG.normal(size=(57, 2))
    found = accumulated_local_effects(model, X, "x0", n_bins=5)
    edges, at = found.numbers, X[:, 0]
    assert edges is not None
    local, counts = [], []
    for low, high in itertools.pairwise(edges):
        inside = ((low < at) & (at <= high)) | ((at == edges[0]) & (low == edges[0]))
        upper, lower = X[inside].copy(), X[inside].copy()
        upper[:, 0], lower[:, 0] = high, low
        local.append(np.mean(model.predict(upper) - model.predict(lower)))
        counts.append(inside.sum())
    summed = np.concatenate([[0], np.cumsum(local)])
    centre = np.sum(np.array(counts) * (summed[1:] + summed[:-1]) / 2) / len(X)
    np.testing.assert_allclose(found.values[:, 0], summed - centre)
    np.testing.assert_array_equal(found.counts[1:], counts)
    assert sum(counts) == len(X)


def test_effects_beyond_1_are_not_called_probabilities() -> None:
    x, labels = np.array([1.0, 2.0]), ("1", "2")

    def told(highest: float, unit: str) -> Chart:
        values = {"yes": np.array([0.2, highest])}
        return effect_chart("a", x, labels, values, unit, accumulated=True)

    assert "no probabilities" in told(1.08, "probability").details
    assert "no probabilities" not in told(0.9, "probability").details
    assert "no probabilities" not in told(1.08, "prediction").details
    assert told(0.9, "probability").y.title == "mean probability and effect"


def test_differences_from_the_mean_are_not_called_predictions() -> None:
    two = MLPClassifier((4,), epochs=2, random_state=0).fit(TABLE, TABLE["a"] > 0)
    accumulated = accumulated_local_effects(two, TABLE, "a").to_frame()
    assert list(accumulated) == ["a", "effect on probability of True"]
    assert (accumulated.iloc[:, 1] < 0).any()
    assert list(partial_dependence(two, TABLE, "a").to_frame()) == ["a", "probability of True"]


def test_accumulated_effects_leave_out_what_goes_along() -> None:
    """a and b are nearly one: beyond what rows have, the formula leaps, which ALE never sees."""
    model = Formula(lambda X: X["b"] + 100 * ((X["a"] - X["b"]).abs() > 3))
    dependence = partial_dependence(model, TABLE, "a")
    accumulated = accumulated_local_effects(model, TABLE, "a")
    assert dependence.strength > 1
    assert accumulated.strength == 0


def test_dates_flags_and_missing_values_have_effects() -> None:
    y = TABLE["day"].dt.day_of_year + 50 * TABLE["flag"]
    table = TABLE.assign(a=TABLE["a"].where(TABLE["a"] < 1), town=TABLE["town"].where(FIRST < 1))
    reg = MLPRegressor((8,), epochs=10, random_state=0).fit(table, y)
    days = accumulated_local_effects(reg, table, "day", n_bins=5)
    assert days.labels[0] == str(TABLE["day"].min().date())
    assert days.numbers is None
    assert days.values[-1, 0] - days.values[0, 0] > 10
    assert set(partial_dependence(reg, table, "flag").labels) == {"False", "True"}
    assert "(missing)" in partial_dependence(reg, table, "town").labels
    assert np.isfinite(accumulated_local_effects(reg, table, "town").values).all()
    found = accumulated_local_effects(reg, table, "a")
    assert found.counts.sum() == table["a"].notna().sum()
    assert np.isfinite(found.values).all()


def test_classes_are_shown_by_name() -> None:
    clf = MLPClassifier((8,), epochs=5, random_state=0).fit(TABLE, TABLE["town"].astype(str))
    found = partial_dependence(clf, TABLE, "a")
    assert found.outputs == ("Bern", "Oslo", "Rom", "Ulm")
    np.testing.assert_allclose(found.values.sum(axis=1), 1, rtol=1e-5)
    assert list(found.to_frame())[:2] == ["a", "probability of Bern"]
    one = partial_dependence(clf, TABLE, "a", target="Rom")
    np.testing.assert_allclose(one.values[:, 0], found.values[:, 2])
    two = MLPClassifier((4,), epochs=2, random_state=0).fit(TABLE, TABLE["flag"])
    assert accumulated_local_effects(two, TABLE, "a").outputs == ("True",)
    with pytest.raises(UnknownNameError, match="unknown class 'Room'; did you mean 'Rom'"):
        partial_dependence(clf, TABLE, "a", target="Room")


@pytest.mark.parametrize("effect", [partial_dependence, accumulated_local_effects])
def test_what_has_no_effect_is_refused(effect: Callable[..., Any]) -> None:
    model = Formula(lambda X: X["a"])
    with pytest.raises(UnknownNameError, match="unknown column 'toown'; did you mean 'town'"):
        effect(model, TABLE, "toown")
    with pytest.raises(InputError, match="column 'flat' has one value, 'same', in all 200 rows"):
        effect(model, TABLE, "flat")
    with pytest.raises(InputError, match="'a' has one value"):
        effect(model, TABLE[:1], "a")
    with pytest.raises(InputError, match="'a' has no value in all 200 rows"):
        effect(model, TABLE.assign(a=np.full(N, np.nan)), "a")
    with pytest.raises(NotFittedError):
        effect(MLPRegressor(), TABLE, "a")


def test_an_explanation_holds_importance_and_effects_of_what_is_important() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    y = 3 * TABLE["a"] + TABLE["c"]
    reg = MLPRegressor((16,), epochs=20, random_state=0).fit(TABLE, y)
    found = wellfit.explain(reg, TABLE, y, n_columns=2)
    assert found.importance is not None
    assert found.columns == found.importance.ranking[:2]
    assert "flat" not in wellfit.explain(reg, TABLE, y, n_columns=7).columns
    frame = found.to_frame()
    assert list(frame["column"]) == list(found.importance.ranking)
    assert frame["partial dependence"].notna().sum() == 2
    axes = found.plot()
    assert len(axes) == 5
    assert axes[1].get_xlabel() == found.columns[0]
    html = found._repr_html_()
    assert "data:image/png" in html
    assert "<table" in html
    assert "Importance is the decrease of the R²" in repr(found)
    asked = wellfit.explain(reg, TABLE, columns=["day"])
    assert asked.importance is None
    assert asked.columns == ("day",)
    assert "Partial dependence of day" in repr(asked.dependence["day"])
    assert "data:image/png" in asked.accumulated["day"]._repr_html_()
    with pytest.raises(InputError, match="neither y nor columns"):
        wellfit.explain(reg, TABLE)
    with pytest.raises(UnknownNameError, match="'dai'; did you mean 'day'"):
        wellfit.explain(reg, TABLE, columns=["dai"])
