"""The ground truth: what an expert says to the same two curves and three numbers.

The expert sees the curves (training and validation loss by epoch) and three numbers: the network's
score (accuracy or R²) on training rows, on rows that it hasn't seen, and the best baseline's on
these. They are measured independently of wellfit.diagnose: on all rows of the data set that
weren't trained on (up to 4,000 where the verdict had at most 1,000), and with larger baselines:
logistic or ridge regression, a forest of 200 trees, gradient boosting of 150 rounds or 300 trees.

What the expert says is a set of diagnoses, all of them right, or that the training is healthy:

gap       training score - unseen score is at least 0.10, beyond two standard errors: over-fitted
beaten    a baseline is better by at least 0.03, beyond chance (two standard errors, or a sign test
          of the rows that only one gets right): under-fitted where the training score is below the
          baseline's, over-fitted where the gap is 0.05 or more, and outperformed; the diagnosis of
          the planted cause is as right
no skill  the score is below that of a constant, or not above it beyond two standard errors
diverged  the training loss is not finite, or ends far above its start
falling   the validation loss (training loss where there is none) of the last third falls by more
          than 0.15 of the baseline's loss: stopped too early, or a learning rate too low
apart     at the weights in use the validation loss is above the training loss by more than 0.3 of
          the baseline's loss: over-fitted
risen     the validation loss at the weights in use is 0.15 of the baseline's loss above its
          minimum: over-fitted
outliers  one row in a hundred makes most of the squared error on unseen rows

Where none holds the training is healthy. Between these limits and half of them (gap 0.05, baseline
0.015, falling or risen 0.075, apart 0.15) experts would differ: such a training is *borderline*,
and counts on neither side; but it is right there only to call it healthy, or what it is on the
border of. By fewer than 100 unseen rows it is always right to say that these are too few.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.illnesses.data import FittedLayer, Split

GAP, BEATEN, CURVE, APART = 0.10, 0.03, 0.15, 0.30
CAUSES = ("over_fitting", "under_fitting", "learning_rate_low", "learning_rate_high")


class Number(NamedTuple):
    value: float
    error: float


@dataclass(frozen=True)
class Opinion:
    """What the expert says.

    Attributes:
        right: diagnoses that are right; none where the training is healthy.
        border: diagnoses that would be as right as calling it healthy.
        notes: what is true of a healthy training, and may be said first.
        numbers: the three numbers, and what else was looked at.
    """

    right: frozenset[str]
    border: frozenset[str]
    notes: frozenset[str] = frozenset()
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """``"ill"``, ``"borderline"`` or ``"healthy"``."""
        return "ill" if self.right else "borderline" if self.border else "healthy"


def row_errors(y: np.ndarray, predicted: np.ndarray, regression: bool) -> np.ndarray:
    """Return the rows' errors, of which the score is 1 minus the mean."""
    if not regression:
        return (y != predicted).astype(float)
    return (y - predicted) ** 2 / max(float(np.var(y)), 1e-12)


def joined(*parts: FittedLayer) -> FittedLayer:
    """Return the rows of several parts as one."""
    X = [part.X for part in parts if len(part.y)]
    whole = pd.concat(X, ignore_index=True) if isinstance(X[0], pd.DataFrame) else np.vstack(X)
    return FittedLayer(whole, np.concatenate([part.y for part in parts if len(part.y)]))


def baselines(split: Split, regression: bool) -> dict[str, np.ndarray]:
    """Return the errors of each baseline on the unseen and extra rows."""
    test = joined(split.unseen, split.extra)
    first, y = split.training
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {"constant": np.full(len(test.y), _constant(y, regression))}
        for name, model in _models(regression, len(np.unique(y))).items():
            pipe = make_pipeline(_reader(first, scaled=name == "linear"), model)
            found[name] = np.asarray(pipe.fit(first, y).predict(test.X))
    return {name: row_errors(test.y, p, regression) for name, p in found.items()}


def _constant(y: np.ndarray, regression: bool) -> Any:
    if regression:
        return y.mean()
    labels, counts = np.unique(y, return_counts=True)
    return labels[counts.argmax()]


def _models(regression: bool, classes: int) -> dict[str, Any]:
    if regression:
        return {
            "linear": RidgeCV(np.logspace(-2, 3, 6)),
            "forest": ExtraTreesRegressor(200, min_samples_leaf=2, random_state=1),
            "boosting": HistGradientBoostingRegressor(max_iter=150, random_state=1),
        }
    rounds = 150 if classes == 2 else 300 // classes  # a tree for each class and round
    return {
        "linear": LogisticRegression(max_iter=200, C=0.3),
        "forest": ExtraTreesClassifier(200, min_samples_leaf=2, random_state=1),
        "boosting": HistGradientBoostingClassifier(max_iter=rounds, random_state=1),
    }


def _reader(X: Any, scaled: bool) -> Any:
    if not isinstance(X, pd.DataFrame):
        return StandardScaler() if scaled else "passthrough"
    numbers = [SimpleImputer(strategy="median"), *([StandardScaler()] if scaled else [])]
    text = [
        SimpleImputer(strategy="constant", fill_value=""),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=3),
    ]
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(*numbers), make_column_selector(dtype_include="number")),
            ("text", make_pipeline(*text), make_column_selector(dtype_exclude="number")),
        ]
    )


def opinion(
    planted: tuple[str, ...],
    history: dict[str, list[float]],
    errors: tuple[np.ndarray, np.ndarray] | None,
    known: dict[str, np.ndarray],
    best_epoch: int | None,
    chance: float,
    regression: bool,
    notes: frozenset[str] = frozenset(),
) -> Opinion:
    """Return what is right to say.

    Args:
        planted: the diagnoses that name what was planted.
        history: the curves.
        errors: the network's on training rows, and on all others; None where it diverged.
        known: the baselines' errors on the others.
        best_epoch: from 1, whose weights are in use.
        chance: the loss of the best constant outputs.
        regression: whether targets are numbers.
        notes: what is true besides, as :func:`notes_on` says.
    """
    loss = np.array(history["loss"])
    if (
        errors is None
        or not np.isfinite(loss).all()
        or np.median(loss[-3:]) > 1.3 * max(chance, loss[0])
    ):
        return Opinion(frozenset({"diverging", "learning_rate_high", *planted}), frozenset())
    right: set[str] = set()
    border: set[str] = set()
    numbers: dict[str, float] = {}
    for judge in (_gap, _beaten, _skill, _outliers):
        judge(errors, known, planted, regression, right, border, numbers)
    _curves(history, best_epoch, chance, right, border, numbers)
    if right - {"outliers"}:
        right |= set(planted)
    elif border:
        border |= set(planted)
    return Opinion(frozenset(right), frozenset(border - right), notes, numbers)


def evident(
    errors: tuple[np.ndarray, np.ndarray], known: dict[str, np.ndarray], rows: int
) -> bool:
    """Say whether nobody could call it well fit, by the very rows that the verdict was given.

    That is: a larger baseline is clearly better on these rows, or the gap is wide beyond chance.

    Args:
        errors: the network's on training rows, and on all others, the verdict's first.
        known: the baselines' errors on the others.
        rows: how many of the others the verdict was given.
    """
    first, other = _mean(errors[0]), _mean(errors[1][:rows])
    gap = other.value - first.value
    if gap >= GAP and gap > 2 * np.hypot(first.error, other.error):
        return True
    return any(
        np.mean(errors[1][:rows] - own[:rows]) >= BEATEN and _differ(errors[1][:rows], own[:rows])
        for name, own in known.items()
        if name != "constant"
    )


def notes_on(estimator: Any, test: FittedLayer, rows: int) -> frozenset[str]:
    """Return what is true of a training whether or not it is healthy.

    Its probabilities are off where the calibration error, in ten bins of equally many rows, is
    0.03 or more (0.06 by fewer than 300 rows); validation is noisy where the verdict had under
    100 rows.
    """
    notes = {"noisy_validation", "unproven_skill"} if rows < 100 else set()
    if hasattr(estimator, "predict_proba"):
        chances = estimator.predict_proba(test.X)
        sure = chances.max(axis=1)
        hit = np.asarray(estimator.classes_)[chances.argmax(axis=1)] == test.y
        bins = np.array_split(np.argsort(sure), 10)
        error = sum(abs(float((hit[b] - sure[b]).sum())) for b in bins) / len(hit)
        notes |= {"miscalibrated"} if error >= (0.03 if len(hit) >= 300 else 0.06) else set()
    return frozenset(notes)


def _differ(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Say whether errors differ beyond chance: two standard errors, or a sign test of 0 and 1."""
    differences = ours - theirs
    if np.isin(differences, (-1, 0, 1)).all():
        worse, either = int((differences > 0).sum()), int((differences != 0).sum())
        return either > 0 and binomtest(worse, either).pvalue < 0.05
    mean, error = _mean(differences)
    return abs(mean) > 2 * error


def _mean(errors: np.ndarray) -> Number:
    return Number(float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(len(errors))))


def _gap(errors: Any, _: Any, __: Any, ___: bool, right: set, border: set, numbers: dict) -> None:
    first, other = map(_mean, errors)
    gap, error = other.value - first.value, float(np.hypot(first.error, other.error))
    numbers |= {"training": 1 - first.value, "unseen": 1 - other.value, "gap": gap}
    if gap > 2 * error:
        if gap >= GAP:
            right.add("over_fitting")
        elif gap >= GAP / 2:
            border.add("over_fitting")


def _beaten(
    errors: Any, known: Any, _: Any, __: bool, right: set, border: set, numbers: dict
) -> None:
    training = 1 - errors[0].mean()
    numbers["baseline"] = max(1 - float(own.mean()) for own in known.values())
    for name, own in known.items():
        better = float(np.mean(errors[1] - own))
        if name == "constant" or better < BEATEN / 2 or not _differ(errors[1], own):
            continue
        said = right if better >= BEATEN else border
        said |= {"outperformed"}
        if training < 1 - own.mean() + 0.02:
            said |= {"under_fitting"}
        if numbers["gap"] >= GAP / 2:
            said |= {"over_fitting"}


def _skill(
    errors: Any, known: Any, _: Any, regression: bool, right: set, border: set, numbers: dict
) -> None:
    better, error = _mean(known["constant"] - errors[1])
    floor = 1 - known["constant"].mean()
    numbers["constant"] = float(floor)
    below = better < 0 or (regression and errors[1].mean() > 1)
    learns = regression or any(
        np.mean(known["constant"] - own) > 0.02
        for name, own in known.items()
        if name != "constant"
    )
    if below or (better <= 2 * error and learns):
        said = right if below else border
        said |= {"no_skill", "unproven_skill"}
    elif better <= 2 * error:  # no better, and nobody else is: rare classes, or nothing to learn
        border |= {"no_skill", "unproven_skill"}


def _outliers(
    errors: Any, _: Any, __: Any, regression: bool, right: set, border: set, numbers: dict
) -> None:
    if not regression:
        return
    ordered = np.sort(errors[1])[::-1]
    share = float(ordered[: -(-len(ordered) // 100)].sum() / max(ordered.sum(), 1e-12))
    numbers["outliers"] = share
    if share > 0.6:
        right.add("outliers")
    elif share > 0.3:
        border.add("outliers")


def _curves(
    history: dict[str, list[float]],
    best_epoch: int | None,
    chance: float,
    right: set[str],
    border: set[str],
    numbers: dict[str, float],
) -> None:
    known = "val_loss" in history
    curve = np.array(history["val_loss" if known else "loss"], dtype=float)
    curve = curve[np.isfinite(curve)]
    if len(curve) < 3:
        return
    third = max(len(curve) // 3, 1)
    rates = np.array(history.get("learning_rate", np.ones(len(curve))))[-len(curve) :]
    steady = rates[-1] > 0.5 * rates.max()  # else the schedule has brought it to rest
    fall = (curve[-third - 1] - np.median(curve[-min(third, 3) :])) / chance
    used = min(best_epoch or len(curve), len(curve))
    rise = (np.median(curve[max(used - 3, 0) : used]) - curve.min()) / chance if known else 0.0
    numbers |= {"falling": float(fall), "rising": float(rise)}
    if fall > CURVE / 2 and (known or curve[-1] > 0.3 * chance):
        said = right if fall > CURVE and steady and "over_fitting" not in right else border
        said |= {"still_improving", "learning_rate_low", "under_fitting"}
    if rise > CURVE / 2:
        (right if rise > CURVE else border).add("over_fitting")
    if known:
        numbers["apart"] = apart = _apart(history, used) / chance
        if apart > APART / 2:
            (right if apart > APART else border).add("over_fitting")


def _apart(history: dict[str, list[float]], used: int) -> float:
    """Return by how much the validation loss is above the training loss at the weights in use.

    Both are the medians of the last three epochs up to these weights.
    """
    first, other = (
        np.array(history[name], dtype=float)[max(used - 3, 0) : used]
        for name in ("loss", "val_loss")
    )
    found = float(np.nanmedian(other) - np.nanmedian(first))
    return found if np.isfinite(found) else 0.0
