"""Data sets of the bench, and the rule that keeps half of them unseen while rules are written.

The rule: names are sorted by their SHA-256 digest, tables and generated data each by themselves;
those at even places are the *development* half, on which limits may be set, and those at odd
places the *unseen* half, which is run at the end only. All trainings on a data set belong to its
half. The rule was committed before any limit was changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets as sk

from benchmarks.tabular.tables import is_regression, load_tables, read

MOST_TRAINING, MOST_UNSEEN, MOST_EXTRA = 1500, 1000, 3000


class Data(NamedTuple):
    """Rows and targets of a data set, in random order, and whether the targets are numbers."""

    X: Any
    y: np.ndarray
    regression: bool


class FittedLayer(NamedTuple):
    X: Any
    y: np.ndarray


class Split(NamedTuple):
    """Rows to train on, rows that the verdict judges by, and rows for the expert alone."""

    training: FittedLayer
    unseen: FittedLayer
    extra: FittedLayer


Made = Callable[[int], tuple[Any, Any]]
ROWS = 4000


def waves(seed: int) -> tuple[Any, Any]:
    """Sums of sines: smooth, and hard for trees."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (ROWS, 4))
    return X, np.sin(2 * X[:, 0]) + np.sin(2 * X[:, 1] + X[:, 2]) + rng.normal(0, 0.2, ROWS)


def steps(seed: int) -> tuple[Any, Any]:
    """A target that jumps at many places: easy for trees only."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 1, (ROWS, 3))
    heights = rng.normal(0, 1, (2, 24))
    y = heights[0][(X[:, 0] * 24).astype(int)] + heights[1][(X[:, 1] * 24).astype(int)]
    return X, y + rng.normal(0, 0.2, ROWS)


def spirals(seed: int) -> tuple[Any, Any]:
    """Two spirals: easy for networks and neighbours, beyond a line."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=ROWS)
    angle = rng.uniform(0.5, 6, ROWS)
    turned = angle + np.pi * y
    X = np.c_[angle * np.cos(turned), angle * np.sin(turned)] + rng.normal(0, 0.2, (ROWS, 2))
    return X, y


def checkers(seed: int) -> tuple[Any, Any]:
    """A board of 4 by 4 fields, a tenth of the labels wrong."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 4, (ROWS, 2))
    y = (X.astype(int).sum(axis=1) + (rng.random(ROWS) < 0.1)) % 2
    return X, y


def counts(seed: int) -> tuple[Any, Any]:
    """Numbers with a long tail: the exponential of a noisy line."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 1, (ROWS, 6))
    return X, np.exp(X @ np.array([0.8, 0.5, -0.4, 0, 0, 0]) + rng.normal(0, 0.3, ROWS))


def rare(seed: int) -> tuple[Any, Any]:
    """Two classes, one of them with 8 % of the rows."""
    return sk.make_classification(
        ROWS, 15, n_informative=6, weights=[0.92], class_sep=1.2, random_state=seed
    )


GENERATED: dict[str, tuple[Made, bool]] = {
    "digits": (lambda _: sk.load_digits(return_X_y=True), False),
    "breast_cancer": (lambda _: sk.load_breast_cancer(return_X_y=True), False),
    "wine": (lambda _: sk.load_wine(return_X_y=True), False),
    "iris": (lambda _: sk.load_iris(return_X_y=True), False),
    "diabetes": (lambda _: sk.load_diabetes(return_X_y=True), True),
    "five_classes": (
        lambda s: sk.make_classification(
            ROWS, 20, n_informative=10, n_classes=5, class_sep=1.5, random_state=s
        ),
        False,
    ),
    "noisy_classes": (
        lambda s: sk.make_classification(ROWS, 20, n_informative=5, flip_y=0.2, random_state=s),
        False,
    ),
    "wide_classes": (
        lambda s: sk.make_classification(ROWS, 120, n_informative=15, random_state=s),
        False,
    ),
    "rare_class": (rare, False),
    "moons": (lambda s: sk.make_moons(ROWS, noise=0.25, random_state=s), False),
    "quantiles": (
        lambda s: sk.make_gaussian_quantiles(
            n_samples=ROWS, n_features=6, n_classes=3, random_state=s
        ),
        False,
    ),
    "spirals": (spirals, False),
    "checkers": (checkers, False),
    "line": (
        lambda s: sk.make_regression(ROWS, 20, n_informative=8, noise=60.0, random_state=s),
        True,
    ),
    "friedman1": (lambda s: sk.make_friedman1(ROWS, noise=1.0, random_state=s), True),
    "friedman2": (lambda s: sk.make_friedman2(ROWS, noise=100.0, random_state=s), True),
    "waves": (waves, True),
    "steps": (steps, True),
    "counts": (counts, True),
}
TABLES = (
    "adult", "ames", "bank_marketing", "bike_hour", "california_housing", "churn_modelling",
    "credit_g", "diamonds", "kin8nm", "letter", "pendigits", "spambase", "telco_churn", "titanic",
    "wine_quality_white",
)  # fmt: skip


NUMBERS = {  # the data sets whose targets are numbers
    *("ames", "bike_hour", "california_housing", "diamonds", "kin8nm", "wine_quality_white"),
    *(name for name, (_, regression) in GENERATED.items() if regression),
}


def halves() -> tuple[list[str], list[str]]:
    """Return the names of the development half, and of the unseen half."""
    seen: tuple[list[str], list[str]] = ([], [])
    for names in (TABLES, GENERATED):
        ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        seen[0].extend(ordered[::2])
        seen[1].extend(ordered[1::2])
    return seen


def load(name: str, data_dir: Path | None, seed: int) -> Data:
    """Return a data set, at most as many rows as the bench uses, in an order of this seed."""
    if name in GENERATED:
        make, regression = GENERATED[name]
        X, y = make(seed)
    else:
        assert data_dir is not None
        table = load_tables(data_dir)[name]
        X, y = read(table, data_dir)
        regression, y = is_regression(table), y.to_numpy()
    most = MOST_TRAINING + MOST_UNSEEN + MOST_EXTRA
    order = np.random.default_rng(seed).permutation(len(y))[:most]
    y = np.asarray(y)[order]
    return Data(rows_of(X, order), y.astype(float) if regression else y, regression)


def rows_of(X: Any, ids: np.ndarray) -> Any:
    return X.iloc[ids].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[ids]


def divide(data: Data, training: int, held: bool) -> Split:
    """Return the first rows to train on (half of them at most), then the unseen ones.

    Args:
        data: all rows.
        training: how many to train on.
        held: a fifth of these are held out instead, and take the place of the unseen ones.
    """
    n = len(data.y)
    first = min(training, n // 2)
    ends = (first * 4 // 5, first) if held else (first, min(n, first + MOST_UNSEEN))
    places = np.split(np.arange(n), ends)
    if not data.regression:  # no network can know classes that it hasn't seen
        places = [ids[np.isin(data.y[ids], data.y[places[0]])] for ids in places]
    return Split(*(FittedLayer(rows_of(data.X, ids), data.y[ids]) for ids in places))
