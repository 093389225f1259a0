"""Illnesses planted in real trainings: who names them, before training and after it.

    python -m benchmarks.checks

Each illness is planted in ten trainings, on data, weights and rows of seeds of their own. Before
training, the checks that ought to name it are asked; then the network is trained, and all
diagnoses are. Healthy trainings are asked for everything: what they raise are false alarms. The
output is the same each time.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
    make_friedman1,
)

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DivergedError
from wellfit.diagnose import Outcome, Verdict, check, judge, verdict
from wellfit.nn.initializers import Identical, Normal
from wellfit.optim import SGD, Adam
from wellfit.training import Callback, Decision, EpochLogs

Rng: TypeAlias = np.random.Generator
Data: TypeAlias = tuple[Any, Any]
Change: TypeAlias = Callable[[Any, Any, Rng], Data]

REAL = (load_digits, load_breast_cancer, load_diabetes)
FIRST_SEED = 2000  # far from those by which limits were set


def unchanged(X: Any, y: Any, _: Rng) -> Data:
    """Leave the data as they are."""
    return X, y


@dataclass(frozen=True)
class Illness:
    """What is wrong, and who ought to name it.

    Attributes:
        parameters: of the estimator.
        checks: by name; one of them ought to warn before training.
        diagnoses: by name; one of them ought to raise an alarm after it.
        change: what is done to the data.
        made: the data are made, noisy tables of 300 rows, instead of scikit-learn's own.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    diagnoses: tuple[str, ...] = ()
    change: Change = unchanged
    made: bool = False


def unscaled(X: Any, y: Any, rng: Rng) -> Data:
    """Spread the columns over five decades."""
    scales = rng.permutation(np.geomspace(1, 1e5, X.shape[1]))
    return X / (X.std(axis=0) + 1e-9) * scales, y


def shuffled(X: Any, y: Any, rng: Rng) -> Data:
    """Give every row another's target."""
    return X, rng.permutation(y)


def leaking(X: Any, y: Any, rng: Rng) -> Data:
    """Add a column that is made from the target, with a little noise."""
    made = 3 * y + 1 + rng.normal(0, 0.02 * y.std(), len(y))
    return np.insert(X, rng.integers(X.shape[1]), made, axis=1), y


def repeated(X: Any, y: Any, rng: Rng) -> Data:
    """Have a tenth of the rows twice."""
    ids = rng.permutation(np.r_[: len(y), rng.choice(len(y), len(y) // 10, replace=False)])
    return X[ids], y[ids]


BARE = {
    "hidden_layer_sizes": (256, 256),
    "dropout": 0.0,
    "early_stopping": False,
    "validation_fraction": 0.3,
}
UNTAUGHT = ("under_fitting", "learning_rate_low", "still_improving", "dead_units")
HIGH, LOW = ("learning_rate_high", "diverging"), ("learning_rate_low",)
ILLNESSES: dict[str, Illness] = {
    "Adam's learning rate x 100": Illness({"optimizer": Adam(0.1)}, ("learning_rate",), HIGH),
    "SGD's learning rate x 100": Illness({"optimizer": SGD(5.0)}, ("learning_rate",), HIGH),
    "Adam's learning rate / 100": Illness({"optimizer": Adam(1e-5)}, ("learning_rate",), LOW),
    "SGD's learning rate / 100": Illness({"optimizer": SGD(5e-4)}, ("learning_rate",), LOW),
    "weights of 0": Illness({"initializer": "zeros"}, ("symmetry", "signals"), UNTAUGHT),
    "identical units": Illness({"initializer": Identical()}, ("symmetry",), UNTAUGHT),
    "sigmoid in 20 layers": Illness(
        {"hidden_layer_sizes": (32,) * 20, "activation": "sigmoid"}, ("signals",), UNTAUGHT
    ),
    "huge weights": Illness(
        {"initializer": Normal(10.0), "activation": "tanh"},
        ("initial_loss", "signals"),
        UNTAUGHT,
    ),
    "tiny weights": Illness({"initializer": Normal(1e-5)}, ("signals",), UNTAUGHT),
    "no regularization, 300 rows": Illness(BARE, (), ("over_fitting",), made=True),
    "far too strong L2": Illness({"l2": 1.0}, ("penalty",), ("over_regularized", "under_fitting")),
    "shuffled targets": Illness(
        {}, ("beats_chance",), ("no_skill", "under_fitting", "over_fitting"), shuffled
    ),
    "unscaled input": Illness(
        {"preprocess": None}, ("scale",), (*HIGH, "under_fitting", "dead_units"), unscaled
    ),
    "a leaking column": Illness({}, ("leaking_columns",), (), leaking),
    "duplicated rows": Illness({}, ("duplicate_rows",), (), repeated),
}
HEALTHY: dict[str, dict[str, Any]] = {
    "as it comes": {"hidden_layer_sizes": (256, 256)},
    "small": {},
    "SGD": {"optimizer": SGD(0.05)},
}


class Keep(Callback):
    """Remembers the curves of a training that ends without a network."""

    history: dict[str, list[float]] = field(default_factory=dict)

    def on_epoch_end(self, logs: EpochLogs, state: dict[str, Any]) -> Decision | None:
        """Add a point to each."""
        for name, values in logs.metrics.items():
            self.history.setdefault(name, []).append(float(values[0]))
        return None


def data(made: bool, number: int) -> Data:
    """Return one of scikit-learn's tables in turn, or one that is made."""
    if not made:
        return REAL[number % len(REAL)](return_X_y=True)
    if number % 2:
        return make_friedman1(300, noise=2.5, random_state=FIRST_SEED + number)
    return make_classification(300, 20, flip_y=0.2, random_state=FIRST_SEED + number)


def planted(illness: Illness, number: int) -> tuple[Any, Data]:
    """Return an estimator and its data."""
    seed = FIRST_SEED + number
    X, y = illness.change(*data(illness.made, number), np.random.default_rng(seed))
    kind = MLPRegressor if np.asarray(y).dtype.kind == "f" else MLPClassifier
    given = {"hidden_layer_sizes": (32, 32), "random_state": seed, "n_threads": 1}
    return kind(**{**given, **illness.parameters}), (X, y)


def before(illness: Illness, number: int, checks: Sequence[str] | None) -> list[str]:
    """Return the names of the checks that don't pass."""
    estimator, given = planted(illness, number)
    report = check(estimator, *given, random_state=FIRST_SEED + number, checks=checks)
    return [finding.check for finding in report if finding.outcome is not Outcome.PASS]


def after(illness: Illness, number: int) -> Verdict:
    """Train, and return the verdict; where there is no network left, by the curves."""
    estimator, given = planted(illness, number)
    keep = Keep()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.set_params(callbacks=[keep]).fit(*given)
        except DivergedError:
            return judge(keep.history, status="diverged")
    return verdict(estimator, *given)


def named(illness: Illness, runs: int) -> dict[str, Any]:
    """Return how many of the trainings were named, by whom, and what the verdicts said."""
    early = [before(illness, k, illness.checks) if illness.checks else [] for k in range(runs)]
    verdicts = [after(illness, k) for k in range(runs)]
    late = [{one.check for one in v.alarms} & set(illness.diagnoses) for v in verdicts]
    return {
        "runs": runs,
        "check": sum(map(bool, early)),
        "diagnosis": sum(map(bool, late)),
        "either": sum(bool(a or b) for a, b in zip(early, late, strict=True)),
        "verdicts": dict(Counter(v.name for v in verdicts).most_common()),
    }


def false_alarms(parameters: dict[str, Any], runs: int) -> dict[str, Any]:
    """Return how many healthy trainings raised an alarm, and which."""
    healthy = Illness(parameters)
    early = [before(healthy, k, None) for k in range(runs)]
    late = [[one.check for one in after(healthy, k).alarms] for k in range(runs)]
    return {
        "runs": runs,
        "check": sum(map(bool, early)),
        "diagnosis": sum(map(bool, late)),
        "either": sum(bool(a or b) for a, b in zip(early, late, strict=True)),
        "verdicts": dict(Counter(name for names in early + late for name in names)),
    }


def line(name: str, found: dict[str, Any], illness: Illness | None = None) -> str:
    """Return a row of the table."""
    runs = found["runs"]
    asked = (True, True) if illness is None else (bool(illness.checks), bool(illness.diagnoses))
    counts = [
        f"{found[who]}/{runs}" if there else "-"
        for who, there in zip(("check", "diagnosis"), asked, strict=True)
    ]
    said = ", ".join(f"{key} {count}" for key, count in found["verdicts"].items())
    either = f"{found['either']}/{runs}"
    return f"{name:28} {counts[0]:>7} {counts[1]:>7} {either:>7}  {said}"


def main() -> None:
    """Plant, count, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="of each illness")
    parser.add_argument("--out", type=Path, help="where to write the counts as JSON")
    args = parser.parse_args()
    start, results = perf_counter(), {}
    print(f"{'illness':28} {'check':>7} {'diagnosis':>7} {'either':>7}  verdicts")
    for name, illness in ILLNESSES.items():
        results[name] = named(illness, args.runs)
        print(line(name, results[name], illness), flush=True)
    print(f"\n{'healthy: false alarms':28} {'check':>7} {'diagnosis':>7} {'either':>7}  alarms")
    for name, parameters in HEALTHY.items():
        results[f"healthy, {name}"] = false_alarms(parameters, args.runs)
        print(line(name, results[f"healthy, {name}"]), flush=True)
    print(f"\n{perf_counter() - start:.0f} seconds")
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
