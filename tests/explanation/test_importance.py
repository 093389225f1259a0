"""Permutation importance finds what was planted, and its intervals hold what other rows show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance as importance_of_sklearn
from sklearn.linear_model import LinearRegression

from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.metrics import Metric
from wellfit.explanation import attribute, permutation_importance

USEFUL = ("u0", "u1", "u2")


def planted(seed: int, rows: int = 400) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """A table of ten columns, three of which decide the class."""
    rng = np.random.default_rng(seed)
    noise = {f"n{at}": rng.normal(size=rows) for at in range(6)}
    more = {"n6": rng.choice(list("pqrs"), rows), "u2": rng.choice(list("abc"), rows)}
    useful = {name: rng.normal(size=rows) for name in ("u0", "u1")}
    table = pd.DataFrame({**noise, **more, **useful})
    table = table[list(rng.permutation(table.columns))]
    level = table["u2"].map({"a": -3, "b": 0, "c": 3})
    score = 2 * table["u0"] + 3 * table["u1"].abs() + level + 0.5 * rng.normal(size=rows)
    return table, (score > score.median()).map({True: "y", False: "n"})


def first_three(seed: int) -> tuple[set[str], set[str]]:
    """The three columns that come first, by importance and by attributions."""
    table, y = planted(seed)
    clf = MLPClassifier((16,), epochs=20, random_state=seed).fit(table[:300], y[:300])
    importance = permutation_importance(clf, table[300:], y[300:], random_state=seed)
    found = attribute(clf, table[300:340], baseline=table[:300])
    return set(importance.ranking[:3]), set(found.ranking[:3])


def test_the_planted_columns_come_first() -> None:
    assert first_three(0) == (set(USEFUL), set(USEFUL))


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(20))
def test_the_planted_columns_come_first_with_every_seed(seed: int) -> None:
    assert first_three(seed) == (set(USEFUL), set(USEFUL))


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", "r2"])
def test_it_is_scikit_learns(scoring: str) -> None:
    table, y = planted(1, 120)
    model: Any = MLPClassifier((8,), epochs=5, random_state=0)
    if scoring == "r2":
        model, y = MLPRegressor((8,), epochs=5, random_state=0), table["u0"] * table["u1"]
    model.fit(table, y)
    given = scoring if scoring == "roc_auc" else None
    seeds: dict[str, Any] = {"n_repeats": 1, "random_state": 7}
    own = permutation_importance(model, table, y, scoring=given, **seeds)
    theirs = importance_of_sklearn(model, table, y, scoring=scoring, **seeds)
    np.testing.assert_allclose(own.importances, theirs.importances, atol=1e-6)
    assert own.columns == tuple(table.columns)
    assert Metric.of(scoring.removeprefix("neg_")) == own.metric


def test_intervals_hold_the_importance_on_many_other_rows() -> None:
    """Of 40 samples of 200 rows, 95 % intervals hold the importance on 20,000 rows as often."""
    rng = np.random.default_rng(0)

    def drawn(rows: int) -> tuple[Any, Any]:
        X = rng.normal(size=(rows, 2))
        return X, X[:, 0] + 0.3 * X[:, 1] + rng.normal(size=rows)

    model = LinearRegression().fit(*drawn(1000))
    truth = permutation_importance(model, *drawn(20_000), max_rows=None, n_repeats=3).means
    held = []
    for seed in range(40):
        found = permutation_importance(model, *drawn(200), random_state=seed)
        held.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(held) >= 0.88


def test_columns_that_change_nothing_are_0_and_not_important() -> None:
    table, y = planted(2, 100)
    clf = MLPClassifier((4,), epochs=2, random_state=0).fit(table.assign(flat=1.0), y)
    found = permutation_importance(clf, table.assign(flat=1.0), y)
    at = found.columns.index("flat")
    assert (found.means[at], found.low[at], found.high[at]) == (0, 0, 0)
    assert "flat" not in found.important(11)
    assert len(found.important(11)) == 10


def test_it_says_what_it_measures() -> None:
    table, y = planted(3, 100)
    clf = MLPClassifier((4,), epochs=2, random_state=0).fit(table, y)
    found = permutation_importance(clf, table, y)
    assert "increase of the log loss" in found.note
    assert "95 % intervals" in repr(found)
    assert found.score == pytest.approx(-np.log(clf.predict_proba(table))[
        np.arange(100), (y == "y").astype(int)].mean(), rel=1e-5)  # fmt: skip
    frame = found.to_frame()
    assert list(frame) == ["column", "importance", "low", "high"]
    assert frame["importance"].is_monotonic_decreasing
    assert "data:image/png" in found._repr_html_()
    axes = found.plot(top=4)
    assert len(axes.patches) == 4
    new = y.where(y == "y", "other")
    assert permutation_importance(clf, table, new, n_repeats=1).metric.name == "accuracy"
    one = permutation_importance(clf, table, y, scoring=lambda model, X, y: 0.5, n_repeats=1)
    assert not one.means.any()


def test_ensembles_and_several_outputs_are_measured() -> None:
    table, y = planted(4, 120)
    small = MLPClassifier((4,), epochs=2, random_state=0)
    ensemble = MLPEnsembleClassifier(small, n_estimators=2, random_state=0).fit(table, y)
    assert len(permutation_importance(ensemble, table, y, n_repeats=1).means) == 10
    both = np.column_stack([table["u0"], table["u1"]])
    reg = MLPRegressor((8,), epochs=20, random_state=0).fit(table, both)
    assert set(permutation_importance(reg, table, both).ranking[:2]) == {"u0", "u1"}


def test_what_cannot_be_measured_is_refused() -> None:
    table, y = planted(5, 40)
    with pytest.raises(NotFittedError):
        permutation_importance(MLPClassifier(), table, y)
    clf = MLPClassifier((4,), epochs=2, random_state=0).fit(table, y)
    with pytest.raises(InputError, match="X has 40 rows, and y 39; expected as many"):
        permutation_importance(clf, table, y[1:])
    with pytest.raises(InputError, match="X has 1 row; expected at least 2"):
        permutation_importance(clf, table[:1], y[:1])
    with pytest.raises(UnknownNameError, match="'roc_acu'; did you mean 'roc_auc'"):
        permutation_importance(clf, table, y, scoring="roc_acu")
    with pytest.raises(HyperparameterError, match="level is 95"):
        permutation_importance(clf, table, y, level=95)
