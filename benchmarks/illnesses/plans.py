"""The trainings of the bench: healthy ones, and ones with an illness planted in them.

Which plans a data set gets is a rule too: healthy and ill ones are dealt out in turn, along the
data sets in the order of :func:`~benchmarks.illnesses.data.halves`, three healthy and three
ill ones each, leaving out those that are for the other kind of target.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.illnesses.data import FittedLayer, Split
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DivergedError
from wellfit.nn import Activate, BatchNorm, Linear, ReLU
from wellfit.nn.initializers import Constant, Normal
from wellfit.optim import SGD, Adam
from wellfit.training import Callback, Decision, EpochLogs

Rng = np.random.Generator
Change = Callable[[Split, Rng], Split]


def unchanged(split: Split, _: Rng) -> Split:
    return split


def shuffled(split: Split, rng: Rng) -> Split:
    """Give every row, training or not, the target of another."""
    return Split(*(FittedLayer(part.X, rng.permutation(part.y)) for part in split))


def mislabelled(split: Split, rng: Rng) -> Split:
    """Give a fifth of the rows the target of another."""

    def mixed(part: FittedLayer) -> FittedLayer:
        wrong, y = rng.random(len(part.y)) < 0.2, part.y.copy()
        y[wrong] = rng.permutation(y[wrong])
        return FittedLayer(part.X, y)

    return Split(*map(mixed, split))


def outliers(split: Split, rng: Rng) -> Split:
    """Multiply the targets of a few unseen rows: only these rows are wrong."""

    def spoilt(part: FittedLayer) -> FittedLayer:
        y = part.y.copy()
        few = rng.choice(len(y), max(1, len(y) // 150), replace=False) if len(y) else []
        y[few] = y.mean() + 40 * y.std() * rng.choice([-1.0, 1.0], len(few))
        return FittedLayer(part.X, y)

    return Split(split.training, spoilt(split.unseen), spoilt(split.extra))


def moved(split: Split, rng: Rng) -> Split:
    """Exchange half of the columns of unseen rows between rows: they are of another kind."""
    columns = rng.permutation(split.training.X.shape[1])[: (split.training.X.shape[1] + 1) // 2]

    def other(part: FittedLayer) -> FittedLayer:
        order = rng.permutation(len(part.y))
        if isinstance(part.X, pd.DataFrame):
            X = part.X.copy()
            for name in X.columns[columns]:
                X[name] = part.X[name].to_numpy()[order]
        else:
            X = part.X.copy()
            X[:, columns] = part.X[order][:, columns]
        return FittedLayer(X, part.y)

    return Split(split.training, other(split.unseen), other(split.extra))


def unscaled(split: Split, rng: Rng) -> Split:
    """Keep the numeric columns alone, spread over five decades."""

    def numbers(part: FittedLayer) -> np.ndarray:
        X = part.X.select_dtypes("number") if isinstance(part.X, pd.DataFrame) else part.X
        return np.nan_to_num(np.asarray(X, dtype=float))

    first = numbers(split.training)
    scales = rng.permutation(np.geomspace(1, 1e5, first.shape[1])) / (first.std(axis=0) + 1e-9)
    return Split(*(FittedLayer(numbers(part) * scales, part.y) for part in split))


@dataclass(frozen=True)
class Plan:
    """A training.

    Attributes:
        parameters: of the estimator.
        rows: to train on.
        change: what is done to the data.
        named: the diagnoses that name what was planted; none for healthy ones.
        held: the last fifth of the rows are validation rows, for early stopping and the verdict.
        only: ``"numbers"`` or ``"classes"`` where it is for such targets only.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    rows: int = 1500
    change: Change = unchanged
    named: tuple[str, ...] = ()
    held: bool = False
    only: str = ""


SLOW_NORM = [
    layer for _ in range(2) for layer in (Linear(32), BatchNorm(momentum=0.999), Activate(ReLU()))
]
BARE = {"dropout": 0.0, "early_stopping": False, "lr_schedule": "constant"}
WIDE = {**BARE, "hidden_layer_sizes": (512, 512)}
FAST = ("learning_rate_high", "diverging", "dead_units")
SLOW = ("learning_rate_low", "still_improving")

HEALTHY: dict[str, Plan] = {
    "defaults": Plan(),
    "defaults, validation rows": Plan(held=True),
    "small": Plan({"hidden_layer_sizes": (32, 32), "epochs": 60}),
    "SGD": Plan({"hidden_layer_sizes": (64, 64), "optimizer": SGD(0.05)}),
    "batch norm": Plan({"hidden_layer_sizes": (64, 64), "batch_norm": True}),
    "tanh and L2": Plan({"hidden_layer_sizes": (128,), "activation": "tanh", "l2": 1e-3}),
    "wide, dropout": Plan({"hidden_layer_sizes": (512,), "dropout": 0.4, "epochs": 30}),
}
ILL: dict[str, Plan] = {
    "Adam's rate x 100": Plan(
        {"optimizer": Adam(0.1), "hidden_layer_sizes": (64, 64)}, named=FAST
    ),
    "memorized, wrong labels": Plan(
        {**WIDE, "epochs": 60}, 300, mislabelled, ("over_fitting",)
    ),
    "Adam's rate / 100": Plan(
        {"optimizer": Adam(1e-5), "hidden_layer_sizes": (64, 64)}, named=SLOW
    ),
    "one unit": Plan(
        {"hidden_layer_sizes": (1,), "dropout": 0.0}, named=("under_fitting", "outperformed")
    ),
    "shuffled targets": Plan(
        {"hidden_layer_sizes": (64, 64)}, change=shuffled, named=("no_skill", "over_fitting")
    ),
    "SGD's rate x 1000": Plan(
        {"optimizer": SGD(50.0), "hidden_layer_sizes": (64, 64), "lr_schedule": "constant"},
        named=FAST,
    ),
    "few epochs": Plan(
        {"epochs": 4, "optimizer": Adam(3e-4), "hidden_layer_sizes": (64,)}, named=SLOW
    ),
    "few rows": Plan({**WIDE, "epochs": 80}, 80, named=("over_fitting",)),
    "far too strong L2": Plan(
        {"l2": 1.0, "hidden_layer_sizes": (64, 64)},
        named=("over_regularized", "under_fitting", "no_skill"),
    ),
    "outliers in unseen rows": Plan(
        {"hidden_layer_sizes": (64, 64)}, change=outliers, named=("outliers",), only="numbers"
    ),
    "dead units": Plan(
        {
            "hidden_layer_sizes": (32, 32),
            "bias_initializer": Constant(-4.0),
            "initializer": Normal(0.1),
        },
        named=("dead_units",),
    ),
    "memorized": Plan({**WIDE, "epochs": 40}, 1000, named=("over_fitting",)),
    "SGD's rate / 100": Plan(
        {"optimizer": SGD(5e-4), "hidden_layer_sizes": (64, 64), "lr_schedule": "constant"},
        named=SLOW,
    ),
    "unseen rows of another kind": Plan(
        {"hidden_layer_sizes": (64, 64)}, change=moved, named=("over_fitting", "no_skill")
    ),
    "slow statistics": Plan(
        {"layers": SLOW_NORM, "epochs": 6}, named=("batch_norm_off", "still_improving")
    ),
    "unscaled": Plan(
        {"preprocess": None, "hidden_layer_sizes": (64, 64)},
        change=unscaled,
        named=(*FAST, "under_fitting", "no_skill"),
    ),
}  # fmt: skip
EVERY_HEALTHY, EVERY_ILL = 3, 3


class Keep(Callback):
    """Remembers the curves of a training that ends without a network."""

    history: dict[str, list[float]] = field(default_factory=dict)

    def on_epoch_end(self, logs: EpochLogs, state: dict[str, Any]) -> Decision | None:
        """Add a point to each."""
        for name, values in logs.metrics.items():
            self.history.setdefault(name, []).append(float(values[0]))
        return None


class Trained(NamedTuple):
    """An estimator, fitted or None where it diverged, and its curves."""

    estimator: Any
    history: dict[str, list[float]]


def train(plan: Plan, split: Split, regression: bool, seed: int) -> Trained:
    """Train on one thread."""
    keep = Keep()
    kind = MLPRegressor if regression else MLPClassifier
    estimator = kind(**plan.parameters, random_state=seed, n_threads=1, callbacks=[keep])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = split.unseen if plan.held else (None, None)
            estimator.fit(*split.training, X_val=given[0], y_val=given[1])
        except DivergedError:
            return Trained(None, keep.history)
    return Trained(estimator, keep.history)


def deal(names: list[str], regression: dict[str, bool]) -> Iterator[tuple[str, str, Plan]]:
    """Yield data set, name of the plan, and plan: the same for the same names."""
    healthy, ill = cycle(HEALTHY.items()), cycle(ILL.items())
    for name in names:
        kind = "numbers" if regression[name] else "classes"
        for plans, many in ((healthy, EVERY_HEALTHY), (ill, EVERY_ILL)):
            dealt = 0
            while dealt < many:
                called, plan = next(plans)
                if plan.only in ("", kind):
                    dealt += 1
                    yield name, called, plan
