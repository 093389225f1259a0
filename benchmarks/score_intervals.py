"""How often 95 % intervals of scores contain the true score, on simulated test sets.

Predictions are drawn whose probabilities are those of the targets, or whose errors have a known
distribution; the score of 400,000 rows stands for the true one.

    python -m benchmarks.score_intervals --rows 200 --sets 600
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from wellfit.report.scores import Predictions, asked_scores

_TRUE_ROWS = 400_000
Rng = np.random.Generator


def two_classes(rng: Rng, rows: int) -> Predictions:
    chance = rng.beta(0.6, 1.2, rows)
    given = np.c_[1 - chance, chance]
    y = (rng.random(rows) < chance).astype(int)
    return Predictions(y, given.argmax(axis=1), given, np.array([0, 1]))


def three_classes(rng: Rng, rows: int) -> Predictions:
    given = rng.dirichlet([0.2, 0.3, 0.8], rows)
    y = (given.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return Predictions(y, given.argmax(axis=1), given, np.arange(3))


def numbers(rng: Rng, rows: int) -> Predictions:
    y = rng.gamma(2.0, 1.0, rows)
    return Predictions(y, y * rng.uniform(0.7, 1.3, rows) + 0.2 * rng.normal(size=rows))


CASES: dict[str, tuple[Callable[[Rng, int], Predictions], list[str]]] = {
    "two classes": (
        two_classes,
        [
            "accuracy",
            "balanced_accuracy",
            "precision",
            "recall",
            "f1",
            "f1_macro",
            "matthews_corrcoef",
            "roc_auc",
            "average_precision",
            "neg_log_loss",
            "neg_brier_score",
        ],
    ),
    "three classes": (
        three_classes,
        [
            "balanced_accuracy",
            "f1_macro",
            "precision_macro",
            "roc_auc_ovr",
            "roc_auc_ovo",
            "average_precision",
            "neg_log_loss",
            "matthews_corrcoef",
        ],
    ),
    "numbers": (
        numbers,
        [
            "r2",
            "neg_root_mean_squared_error",
            "neg_mean_absolute_error",
            "neg_median_absolute_error",
        ],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--sets", type=int, default=600)
    options = parser.parse_args()
    rng = np.random.default_rng(5)
    print(f"{options.sets} test sets of {options.rows} rows")
    for case, (make, names) in CASES.items():
        whole = asked_scores(names, make(rng, _TRUE_ROWS), intervals=False)
        truth = {score.name: score.value for score in whole}
        held, widths = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0.0)
        for _ in range(options.sets):
            for score in asked_scores(names, make(rng, options.rows)):
                held[score.name] += score.low <= truth[score.name] <= score.high
                widths[score.name] += score.high - score.low
        for name in truth:
            share, width = held[name] / options.sets, widths[name] / options.sets
            print(f"{case:14} {name:26} {truth[name]:.3f}  {share:.1%}  width {width:.3f}")


if __name__ == "__main__":
    main()
