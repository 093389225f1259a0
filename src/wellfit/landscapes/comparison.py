"""Comparison of optimizers on test functions, by the engine's own update rules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.landscapes.functions import Landscape, Point
from wellfit.optim import Minimizer, Optimizer
from wellfit.training import Member
from wellfit.training.step_schedule import StepSchedule

_CLOSE = 1e-2  # to a minimum: there
_RATES = 60


@dataclass(frozen=True)
class OptimizerPath:
    """Where one rule went from one start: points (steps + 1, 2) and their heights."""

    rule: Optimizer
    points: NDArray[np.float64]
    heights: NDArray[np.float64]
    minima: tuple[Point, ...]

    @property
    def steps(self) -> int | None:
        """The first step that ends within 0.01 of a minimum; None if none does."""
        near = np.flatnonzero(self.distances < _CLOSE)
        return int(near[0]) if len(near) else None

    @property
    def diverged(self) -> bool:
        """Whether it ended at infinity or NaN."""
        return not np.isfinite(self.points[-1]).all()

    @property
    def distances(self) -> NDArray[np.float64]:
        """The distance to the nearest minimum at each step."""
        apart = self.points[:, None] - np.array(self.minima).reshape(1, -1, 2)
        return np.hypot(apart[..., 0], apart[..., 1]).min(axis=1)


def compare_optimizers(
    landscape: Landscape,
    rules: Sequence[Optimizer],
    starts: Sequence[Point] | None = None,
    *,
    steps: int = 500,
) -> list[OptimizerPath]:
    """Run several optimizers on a landscape, each from every start.

    Args:
        landscape: with its derivatives by autograd.
        rules: update rules; minimizers of SciPy's take as many evaluations.
        starts: where from; the landscape's own start by default.
        steps: at least 1.

    Returns:
        A path for each rule and start, in that order.

    Raises:
        InputError: no rules or no steps.

    >>> from wellfit.landscapes import Beale
    >>> from wellfit.optim import LBFGS
    >>> (path,) = compare_optimizers(Beale(), [LBFGS()], [(4.0, 4.0)])
    >>> path.points[-1].round(3).tolist()
    [3.0, 0.5]
    """
    if not rules or steps < 1:
        raise InputError(
            f"a comparison needs optimizers and steps; given {len(rules)} and {steps}"
        )
    points = torch.tensor(list(starts or [landscape.start]), dtype=torch.float64)
    paths = []
    for rule in rules:
        if isinstance(rule, Minimizer):
            tracks = [_minimized(landscape, rule, start, steps) for start in points]
        else:
            tracks = list(_stepped(landscape, [rule] * len(points), points, steps))
        paths += [_path(landscape, rule, track) for track in tracks]
    return paths


def at_best_rate(
    landscape: Landscape, rule: Optimizer, start: Point | None = None, *, steps: int = 500
) -> Optimizer:
    """Return a rule with the learning rate that reaches a minimum first, or ends lowest.

    Sixty rates from 1e-6 to 10 run at once, as one stack.

    >>> from wellfit.landscapes import Ravine
    >>> from wellfit.optim import SGD
    >>> 0.5 < at_best_rate(Ravine(), SGD()).learning_rate < 1
    True
    """
    if isinstance(rule, Minimizer):
        return rule
    # Learning rates matter by their magnitude, hence the even steps of the logarithm.
    rules = [rule.replace(learning_rate=float(rate)) for rate in np.geomspace(1e-6, 10, _RATES)]
    starts = torch.tensor([start or landscape.start] * _RATES, dtype=torch.float64)
    tracks = _stepped(landscape, rules, starts, steps)
    paths = [_path(landscape, one, track) for one, track in zip(rules, tracks, strict=True)]
    return min(paths, key=_rank).rule


def _rank(path: OptimizerPath) -> tuple[bool, float, float]:
    """Order paths: those that end well, by steps; then by height."""
    last = path.heights[-1] if np.isfinite(path.heights[-1]) else np.inf
    steps = path.steps if path.steps is not None else len(path.points)
    # Tuples compare from the left: any path that stays finite beats one that doesn't.
    return path.diverged, steps, last


def _stepped(
    landscape: Landscape, rules: Sequence[Optimizer], starts: Tensor, steps: int
) -> Tensor:
    """Return where a stack of members, a start for each, is after each step: (K, steps + 1, 2)."""
    k, places = len(starts), [starts.clone()]
    schedule = StepSchedule(
        [Member(optimizer=rule, epochs=1) for rule in rules],
        torch.ones(k, dtype=torch.float64),
        torch.float64,
        torch.device("cpu"),
    )
    # As in training: one flat stretch where members share their numbers, else a row for each.
    p = starts.clone().flatten() if schedule.scheduled.uniform else starts.clone()
    slots = {name: torch.zeros_like(p) for name in rules[0].slots()}
    with torch.no_grad():
        for values in schedule.values(0, steps):
            _, slopes = landscape.gradient(p.view(k, 2))
            rules[0].update(p, slopes.view_as(p), slots, values.updates[0])
            places.append(p.view(k, 2).clone())
    return torch.stack(places, dim=1)


def _minimized(landscape: Landscape, rule: Minimizer, start: Tensor, steps: int) -> Tensor:
    """Return the points that a minimizer evaluated, and where it ended."""
    tried: list[Tensor] = []

    def evaluate(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        if len(tried) >= steps:
            # SciPy has no limit on evaluations that all of its minimizers obey; an exception has.
            raise StopIteration
        point = torch.from_numpy(np.array(x))
        tried.append(point)
        height, slope = landscape.gradient(point[None])
        return float(height[0]), slope[0].numpy()

    with suppress(StopIteration):
        tried.append(torch.from_numpy(rule.minimize(evaluate, start.numpy()).x))
    return torch.stack(tried)


def _path(landscape: Landscape, rule: Optimizer, track: Tensor) -> OptimizerPath:
    heights = landscape.value(track[:, 0], track[:, 1])
    return OptimizerPath(rule, track.numpy(), heights.numpy(), landscape.minima)
