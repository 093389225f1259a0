"""Illnesses of trainings, planted in real ones, and healthy trainings.

The limits of the symptoms were set on scikit-learn's digits, breast cancer and diabetes, with the
seeds 0 and 1, and looked at again with the seeds 10 to 29 of the data here. The tests draw other
data and weights: the seeds from 30 on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import make_classification, make_friedman1, make_moons, make_regression

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DivergedError
from wellfit.diagnose import Verdict, judge, verdict
from wellfit.nn import Activate, BatchNorm, Linear, ReLU, SoftmaxCrossEntropy
from wellfit.nn.initializers import Constant, Normal
from wellfit.optim import SGD, Adam
from wellfit.training import Answer, Observer, Record

SEEDS = range(30, 40)
Data = tuple[Any, Any]


def table(seed: int, rows: int = 500) -> Data:
    """Three classes of 12 columns, with some labels wrong."""
    return make_classification(
        rows, 12, n_informative=8, n_classes=3, class_sep=1.6, flip_y=0.02, random_state=seed
    )


def two(seed: int, rows: int = 500) -> Data:
    return make_classification(rows, 20, n_informative=6, class_sep=1.5, random_state=seed)


def moons(seed: int, rows: int = 500) -> Data:
    return make_moons(rows, noise=0.2, random_state=seed)


def friedman(seed: int, rows: int = 500) -> Data:
    return make_friedman1(rows, noise=1.0, random_state=seed)


def line(seed: int, rows: int = 500) -> Data:
    return make_regression(rows, 10, n_informative=6, noise=40.0, random_state=seed)


CLASSES, NUMBERS = (table, two, moons), (friedman, line)


class Keep(Observer):
    """Remembers the curves of a training that ends without a network."""

    history: dict[str, list[float]] = field(default_factory=dict)

    def epoch(self, record: Record, state: dict[str, Any]) -> Answer | None:
        for name, values in record.metrics.items():
            self.history.setdefault(name, []).append(float(values[0]))
        return None


@dataclass(frozen=True)
class Plan:
    """A training: parameters, the data it is for, and what is done to these."""

    parameters: dict[str, Any]
    data: tuple[Callable[..., Data], ...] = (*CLASSES, *NUMBERS)
    rows: int = 500
    wrong: float = 0.0  # share of the targets that belong to other rows

    def judged(self, seed: int) -> Verdict:
        """Train, and return the verdict."""
        make = self.data[seed % len(self.data)]
        X, y = make(seed, self.rows)
        rng = np.random.default_rng(seed)
        mixed = rng.random(len(y)) < self.wrong
        y[mixed] = rng.permutation(y[mixed])
        keep = Keep()
        kind = MLPRegressor if make in NUMBERS else MLPClassifier
        given = {"hidden_layer_sizes": (32, 32), "random_state": seed, "threads": 1}
        estimator = kind(**{**given, **self.parameters}, observers=[keep])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator.fit(X, y)
            except DivergedError:
                return judge(keep.history, status="diverged")
        return verdict(estimator, X, y)


SLOW_NORM = [
    layer for _ in range(2) for layer in (Linear(32), BatchNorm(momentum=0.999), Activate(ReLU()))
]
UNHELD = {"early_stopping": False, "validation_fraction": 0.3}
WIDE = {**UNHELD, "hidden_layer_sizes": (256, 256), "dropout": 0.0, "schedule": "constant"}

ILL: dict[str, list[Plan]] = {
    "diverging": [Plan({"optimizer": SGD(50.0), "schedule": "constant", "epochs": 10}, NUMBERS)],
    "learning_rate_high": [
        Plan({"optimizer": Adam(0.1)}),
        Plan({"optimizer": SGD(5.0), "epochs": 20}),
    ],
    "learning_rate_low": [
        Plan({"optimizer": Adam(1e-5)}),
        Plan({"optimizer": SGD(5e-4), "schedule": "constant"}),
    ],
    "dead_units": [
        Plan({"activation": "tanh", "initializer": Normal(10.0), "epochs": 10}),
        Plan({"bias_initializer": Constant(-4.0), "initializer": Normal(0.1), "epochs": 10}),
    ],
    "batch_norm_off": [Plan({"layers": SLOW_NORM, "epochs": 6})],
    "still_improving": [
        Plan({"epochs": 4}),
        Plan({"epochs": 5, "optimizer": Adam(3e-4), "schedule": "constant"}),
    ],
    "over_fitting": [
        Plan(WIDE, (table, two), 300, wrong=0.2),
        Plan({**WIDE, "epochs": 60}, (line, friedman), 300, wrong=0.2),
    ],
    "under_fitting": [
        Plan({"l2": 1.0}),
        Plan({"hidden_layer_sizes": (1,), "dropout": 0.0}, (table, friedman)),
    ],
    "noisy_validation": [
        Plan(
            {
                **UNHELD,
                "optimizer": SGD(0.5),
                "batch_size": 4,
                "schedule": "constant",
                "epochs": 15,
            },
            (table, two, moons),
        ),
        Plan({"epochs": 15}, (table, two, moons), 150),  # judged by 15 rows
    ],
    "miscalibrated": [
        Plan(WIDE, (table, two), 400, wrong=0.3),
        Plan({**UNHELD, "loss": SoftmaxCrossEntropy(label_smoothing=0.5)}, (table, two)),
    ],
}

HEALTHY: dict[str, Plan] = {
    "as it comes": Plan({}),
    "sgd": Plan({"optimizer": SGD(0.05)}),
    "batch norm": Plan({"batch_norm": True, "validation_fraction": 0.2}),
}


@cache
def cases(symptom: str) -> list[Verdict]:
    """Return ten verdicts on trainings that have an illness."""
    plans = ILL[symptom]
    return [plans[k % len(plans)].judged(seed) for k, seed in enumerate(SEEDS)]
