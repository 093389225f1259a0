"""Illnesses of trainings, planted in real ones, and healthy trainings.

The limits of the diagnoses were set on the development half of the data sets of
``benchmarks.illnesses``. The tests draw other data and weights: the seeds from 30 on. A few of
them run in the quick suite, all of them in the heavy one.
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
from wellfit.training import Callback, Decision, EpochLogs

SEEDS = range(30, 40)
UNSEEN = 1000  # rows that a verdict judges by
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


def wide_line(seed: int, rows: int = 500) -> Data:
    """A plane over many columns: nothing bends, and a linear model is best."""
    return make_regression(rows, 40, n_informative=20, noise=80.0, random_state=seed)


CLASSES, NUMBERS = (table, two, moons), (friedman, line, wide_line)


class Keep(Callback):
    """Remembers the curves of a training that ends without a network."""

    history: dict[str, list[float]] = field(default_factory=dict)

    def on_epoch_end(self, logs: EpochLogs, state: dict[str, Any]) -> Decision | None:
        for name, values in logs.metrics.items():
            self.history.setdefault(name, []).append(float(values[0]))
        return None


@dataclass(frozen=True)
class Plan:
    """A training: parameters, the data it is for, and what is done to these."""

    parameters: dict[str, Any]
    data: tuple[Callable[..., Data], ...] = (table, two, moons, friedman, line)
    rows: int = 500
    wrong: float = 0.0  # share of the targets that belong to other rows
    unseen: int = UNSEEN  # rows that the verdict is given besides
    spoilt: int = 0  # of these, how many have targets far off

    def judged(self, seed: int) -> Verdict:
        """Train, and return the verdict."""
        make = self.data[seed % len(self.data)]
        X, y = make(seed, self.rows + self.unseen)
        rng = np.random.default_rng(seed)
        mixed = rng.random(len(y)) < self.wrong
        y[mixed] = rng.permutation(y[mixed])
        if self.spoilt:
            y[-self.spoilt :] += 50 * y.std()
        keep = Keep()
        kind = MLPRegressor if make in NUMBERS else MLPClassifier
        given = {"hidden_layer_sizes": (32, 32), "random_state": seed, "n_threads": 1}
        estimator = kind(**{**given, **self.parameters}, callbacks=[keep])
        rows = self.rows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator.fit(X[:rows], y[:rows])
            except DivergedError:
                return judge(keep.history, status="diverged")
        unseen = (X[rows:], y[rows:]) if self.unseen else ()
        return verdict(estimator, X[:rows], y[:rows], *unseen)


SLOW_NORM = [
    layer for _ in range(2) for layer in (Linear(32), BatchNorm(momentum=0.999), Activate(ReLU()))
]
COLUMNS = {"numeric_embedding": None}  # above whose numbers small networks have units that rest
UNHELD = {"early_stopping": False, "validation_fraction": 0.3}
WIDE = {**UNHELD, "hidden_layer_sizes": (256, 256), "dropout": 0.0, "lr_schedule": "constant"}

ILL: dict[str, list[Plan]] = {
    "diverging": [
        Plan({"optimizer": SGD(50.0), "lr_schedule": "constant", "epochs": 10}, NUMBERS)
    ],
    "learning_rate_high": [
        Plan({"optimizer": Adam(0.1)}),
        Plan({"optimizer": SGD(5.0), "epochs": 20}),
    ],
    "learning_rate_low": [
        Plan({"optimizer": Adam(1e-5)}),
        Plan({"optimizer": SGD(5e-4), "lr_schedule": "constant"}),
    ],
    "dead_units": [
        Plan({"activation": "tanh", "initializer": Normal(10.0), "epochs": 10}),
        Plan({"bias_initializer": Constant(-4.0), "initializer": Normal(0.1), "epochs": 10}),
    ],
    "batch_norm_off": [Plan({"layers": SLOW_NORM, "epochs": 6})],
    "still_improving": [
        Plan({"epochs": 4}),
        Plan({"epochs": 5, "optimizer": Adam(3e-4), "lr_schedule": "constant"}),
    ],
    "over_fitting": [
        Plan(WIDE, (table, two), 300, wrong=0.2),
        Plan({**WIDE, "epochs": 60}, (line, friedman), 300, wrong=0.2),
    ],
    "under_fitting": [
        Plan({"hidden_layer_sizes": (1,), "dropout": 0.0}, (table, friedman)),
    ],
    "over_regularized": [Plan({"l2": 1.0}), Plan({"l1": 0.3})],
    "outliers": [Plan({}, (friedman, line), spoilt=5)],
    "no_skill": [
        Plan({**COLUMNS, "hidden_layer_sizes": (8,), "epochs": 10}, rows=1500, wrong=1.0)
    ],
    # A weak relation, judged by 30 rows.
    "unproven_skill": [
        Plan({**COLUMNS, "epochs": 15}, (friedman, line), 300, wrong=0.8, unseen=0)
    ],
    "outperformed": [Plan({**COLUMNS, "batch_norm": True}, (wide_line,), 1500)],
    "noisy_validation": [
        Plan(
            {
                **UNHELD,
                "optimizer": SGD(0.5),
                "batch_size": 4,
                "lr_schedule": "constant",
                "epochs": 15,
            },
            (table, two, moons),
            unseen=0,
        ),
        Plan({"epochs": 15}, (table, two, moons), 150, unseen=0),  # judged by 15 rows
    ],
    "miscalibrated": [
        Plan(WIDE, (table, two), 400, wrong=0.3),
        Plan({**UNHELD, "loss": SoftmaxCrossEntropy(label_smoothing=0.5)}, (table, two)),
    ],
}

# What is as right to say: by few rows a small lead is as often negative, and a network that was
# stopped early has learned little.
INSTEAD = {
    "unproven_skill": {"no_skill"},
    "still_improving": {"under_fitting", "learning_rate_low"},
}

HEALTHY: dict[str, Plan] = {
    "as it comes": Plan({}, rows=2000),
    "sgd": Plan({"optimizer": SGD(0.05)}, rows=2000),
    "batch norm": Plan({"batch_norm": True, "validation_fraction": 0.2}, rows=2000),
}


@cache
def case(diagnosis: str, place: int) -> Verdict:
    """Return the verdict on a training that has an illness."""
    plans = ILL[diagnosis]
    return plans[place % len(plans)].judged(SEEDS[place])


def cases(diagnosis: str, many: int | None = None) -> list[Verdict]:
    """Return verdicts on trainings with an illness, by default one for each way to plant it."""
    return [case(diagnosis, place) for place in range(many or len(ILL[diagnosis]))]


@cache
def well(plan: str, many: int, first: int = 0) -> list[Verdict]:
    """Return verdicts on healthy trainings, so many of ten from the first on."""
    return [HEALTHY[plan].judged(seed) for seed in SEEDS[first : first + many]]
