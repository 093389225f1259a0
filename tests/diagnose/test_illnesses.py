"""Illnesses planted in real trainings are named by their checks; healthy ones raise no alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from wellfit import MLPClassifier, MLPRegressor
from wellfit.diagnose import Outcome, check
from wellfit.nn.initializers import Identical, Normal
from wellfit.optim import SGD, Adam

DATA = {
    "digits": load_digits(return_X_y=True),
    "breast_cancer": load_breast_cancer(return_X_y=True),
    "diabetes": load_diabetes(return_X_y=True),
}
SEEDS = range(10)
Plant = Callable[..., tuple[Any, Any, Any]]


def estimator(data: str, **given: Any) -> Any:
    kind = MLPRegressor if data == "diabetes" else MLPClassifier
    return kind(**{"hidden_layer_sizes": (32, 32), **given})


def built(**given: Any) -> Plant:
    """The illness lies in the estimator's parameters."""
    return lambda data, rng: (estimator(data, **given), *DATA[data])


def shuffled(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    X, y = DATA[data]
    return estimator(data), X, rng.permutation(y)


def unscaled(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    X, y = DATA[data]
    scales = rng.permutation(np.geomspace(1, 1e5, X.shape[1]))
    return estimator(data, preprocess=None), X / (X.std(axis=0) + 1e-9) * scales, y


def leaking(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """A column made from the target, among the others, with a little noise."""
    X, y = DATA[data]
    made = 3 * y + 1 + rng.normal(0, 0.02 * y.std(), len(y))
    return estimator(data), np.insert(X, rng.integers(X.shape[1]), made, axis=1), y


def repeated(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    X, y = DATA[data]
    again = rng.choice(len(y), len(y) // 10, replace=False)
    order = rng.permutation(len(y) + len(again))
    return estimator(data), np.r_[X, X[again]][order], np.r_[y, y[again]][order]


def too_small(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """One hidden unit for ten digits; it would do for two classes."""
    return estimator("digits", hidden_layer_sizes=(1,)), *DATA["digits"]


def doubled_column(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    X, y = DATA[data]
    one = 1 + rng.integers(X.shape[1] - 1) if data != "digits" else 20
    return estimator(data), np.c_[X, X[:, one]], y


def constant_column(data: str, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    X, y = DATA[data]
    return estimator(data), np.c_[X, np.full(len(X), rng.normal())], y


ILLNESSES: dict[str, tuple[str, Plant]] = {
    "Adam's learning rate x 100": ("learning_rate", built(optimizer=Adam(0.1))),
    "Adam's learning rate / 100": ("learning_rate", built(optimizer=Adam(1e-5))),
    "SGD's learning rate x 100": ("learning_rate", built(optimizer=SGD(5.0))),
    "SGD's learning rate / 100": ("learning_rate", built(optimizer=SGD(5e-4))),
    "weights of 0": ("symmetry", built(initializer="zeros")),
    "weights of 0, no signal": ("signals", built(initializer="zeros")),
    "identical units": ("symmetry", built(initializer=Identical())),
    "sigmoid in 20 layers": (
        "signals",
        built(hidden_layer_sizes=(32,) * 20, activation="sigmoid"),
    ),
    "huge weights": ("initial_loss", built(initializer=Normal(10.0))),
    "huge weights, saturated": ("signals", built(initializer=Normal(10.0), activation="tanh")),
    "tiny weights": ("signals", built(initializer=Normal(1e-5))),
    "dead units": ("signals", built(bias_initializer=Normal(1e-9), initializer="zeros")),
    "too small to learn": ("overfits_few", too_small),
    "far too strong L2": ("penalty", built(l2=1.0)),
    "shuffled labels": ("beats_chance", shuffled),
    "unscaled input": ("scale", unscaled),
    "a leaking column": ("leaking_columns", leaking),
    "duplicated rows": ("duplicate_rows", repeated),
    "a column twice": ("duplicate_columns", doubled_column),
    "a column that says nothing": ("constant_columns", constant_column),
}
HEALTHY: dict[str, Plant] = {
    "as it comes": built(hidden_layer_sizes=(256, 256)),
    "small": built(),
    "tanh with batch norm": built(activation="tanh", batch_norm=True),
    "sgd": built(optimizer=SGD(0.05)),
    "deep": built(hidden_layer_sizes=(32,) * 5, initializer="he_normal"),
    "a little L2": built(l2=1e-4),
    "wide": built(hidden_layer_sizes=(512,), activation="elu"),
}


def planted(plant: Plant, seed: int) -> tuple[Any, Any, Any]:
    return plant(list(DATA)[seed % len(DATA)], np.random.default_rng(seed))


@pytest.mark.parametrize("illness", ILLNESSES)
def test_an_illness_is_named_by_its_check(illness: str) -> None:
    name, plant = ILLNESSES[illness]
    named = []
    for seed in SEEDS:
        report = check(*planted(plant, seed), random_state=seed, checks=[name])
        named += [seed] if len(report) and report[name].outcome is not Outcome.PASS else []
    assert len(named) >= 0.9 * len(SEEDS), f"named for the seeds {named} only"


def alarms(plant: Plant, data: str, seed: int) -> list[str]:
    report = check(*plant(data, np.random.default_rng(seed)), random_state=seed)
    return [f"{finding.check}: {finding.observed}" for finding in report.alarms]


@pytest.mark.parametrize("data", DATA)
def test_a_healthy_training_raises_no_alarm(data: str) -> None:
    assert not alarms(HEALTHY["small"], data, seed=0)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_trainings_raise_no_alarm(kind: str) -> None:
    runs = [alarms(HEALTHY[kind], data, seed) for seed in SEEDS for data in DATA]
    assert np.mean([not run for run in runs]) >= 0.9, [run for run in runs if run]
