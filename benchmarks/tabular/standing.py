"""How the sides stand: ranks, normalised scores and seconds on the cells that all of them have."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from benchmarks.tabular.store import Cell, Result

BASELINE = "constant"
Results = dict[Cell, Result]
Place = tuple[str, int]  # a table and a split


class Group(NamedTuple):
    """Sides that are compared with one another, and where all of them were measured."""

    sides: list[str]
    places: list[Place]

    @property
    def tables(self) -> list[str]:
        return list(dict.fromkeys(table for table, _ in self.places))


class Standing(NamedTuple):
    """A side within a group.

    Attributes:
        rank: Mean over the tables of the rank by log loss or RMSE; 1 is best.
        score: Mean over the tables of the normalised score; 0 is a constant, 1 the best side.
        fit_seconds, predict_seconds: CPU seconds of all its cells in the group.
    """

    rank: float
    score: float
    fit_seconds: float
    predict_seconds: float


def loss(result: Result) -> float:
    """Return the log loss, or the root mean squared error."""
    return float(result["log_loss"] if "log_loss" in result else result["rmse"])


def accuracy(result: Result) -> float:
    """Return the accuracy, or R²."""
    return float(result["accuracy"] if "accuracy" in result else result["r2"])


def groups(results: Results) -> list[Group]:
    """Return nested groups: the sides measured at most places, then more sides at fewer places.

    Only places count where the constant was measured: without it there is no score.
    """
    places: dict[str, set[Place]] = {}
    for side, table, split in results:
        places.setdefault(side, set()).add((table, split))
    scored = places.pop(BASELINE, set())
    places = {side: one & scored for side, one in places.items() if one & scored}
    found = []
    for size in sorted({len(one) for one in places.values()}, reverse=True):
        sides = [side for side, one in places.items() if len(one) >= size]
        common = set.intersection(*(places[side] for side in sides))
        if common:
            found.append(Group(sides, sorted(common)))
    return found


def mean_over_splits(results: Results, side: str, table: str, group: Group, of=loss) -> float:
    """Return a side's mean loss, or mean of another score, on a table's splits of the group."""
    splits = [split for name, split in group.places if name == table]
    return mean(of(results[Cell(side, table, split)]) for split in splits)


def standings(results: Results, group: Group) -> dict[str, Standing]:
    """Return how each side of a group stands, the best mean rank first."""
    losses = _losses(results, group.sides, group)
    constant = _losses(results, [BASELINE], group)
    gains = np.maximum(constant - losses, 0.0) / (constant - losses.min(axis=0))
    ranks = rankdata(losses, axis=0).mean(axis=1)
    found = {
        side: Standing(float(rank), float(score), *_seconds(results, side, group))
        for side, rank, score in zip(group.sides, ranks, gains.mean(axis=1), strict=True)
    }
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


def wins(results: Results, side: str, other: str, group: Group) -> int:
    """Return on how many tables a side has a lower mean loss than another one."""
    first, second = _losses(results, [side, other], group)
    return int((first < second).sum())


def _losses(results: Results, sides: Iterable[str], group: Group) -> np.ndarray:
    """Return mean losses, shape (sides, tables)."""
    rows = (
        [mean_over_splits(results, side, table, group) for table in group.tables] for side in sides
    )
    return np.array(list(rows))


def _seconds(results: Results, side: str, group: Group) -> tuple[float, float]:
    cells = [results[Cell(side, *place)] for place in group.places]
    keys = ("fit_cpu_seconds", "predict_cpu_seconds")
    fit, predict = (sum(cell[key] for cell in cells) for key in keys)
    return fit, predict
