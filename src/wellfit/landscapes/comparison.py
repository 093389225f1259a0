"""Comparison of optimizers on test functions, by the engine's own update rules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.landscapes.functions import Landscape, Point
from wellfit.optim import Minimizer, Optimizer
from wellfit.training import Member
from wellfit.training.step_schedule import StepSchedule

Bounds: TypeAlias = tuple[float, float] | Sequence[tuple[float, float]]

_CLOSE = 1e-2  # to a minimum: there
_RATES = 60


@dataclass(frozen=True)
class OptimizerPath:
    """Where one rule went from one start: points (steps + 1, n) and their heights."""

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
        apart = self.points[:, None] - np.array(self.minima).reshape(1, -1, self.points.shape[1])
        # hypot doesn't overflow where squares would, on paths that diverge.
        distances: NDArray[np.float64] = np.hypot.reduce(apart, axis=2).min(axis=1)
        return distances


def compare_optimizers(
    landscape: Landscape,
    rules: Sequence[Optimizer],
    starts: Sequence[Point] | None = None,
    *,
    steps: int = 500,
    bounds: Bounds | None = None,
) -> list[OptimizerPath]:
    """Run several optimizers on a landscape, each from every start.

    Args:
        landscape: with its derivatives by autograd.
        rules: update rules; minimizers of SciPy's take as many evaluations.
        starts: where from; the landscape's own start by default.
        steps: at least 1.
        bounds: (low, high) of each number, or one pair for all: points that leave them are moved
            to the nearest within; L-BFGS keeps to them by itself.

    Returns:
        A path for each rule and start, in that order.

    Raises:
        InputError: no rules or no steps, starts of another length or outside of the bounds, or a
            minimizer that can't keep to bounds.

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
    points = torch.tensor(_starts(landscape, starts), dtype=torch.float64)
    limits = None if bounds is None else _limits(bounds, landscape.n_parameters)
    if limits is not None and ((points < limits[:, 0]) | (points > limits[:, 1])).any():
        raise InputError(f"a start lies outside of the bounds {bounds}; expected it within")
    paths = []
    for rule in rules:
        if isinstance(rule, Minimizer):
            tracks = [_minimized(landscape, rule, start, steps, limits) for start in points]
        else:
            tracks = list(_stepped(landscape, [rule] * len(points), points, steps, limits))
        paths += [_path(landscape, rule, track) for track in tracks]
    return paths


def at_best_rate(
    landscape: Landscape,
    rule: Optimizer,
    start: Point | None = None,
    *,
    steps: int = 500,
    bounds: Bounds | None = None,
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
    begin = _starts(landscape, None if start is None else [start])
    starts = torch.tensor(begin * _RATES, dtype=torch.float64)
    limits = None if bounds is None else _limits(bounds, landscape.n_parameters)
    tracks = _stepped(landscape, rules, starts, steps, limits)
    paths = [_path(landscape, one, track) for one, track in zip(rules, tracks, strict=True)]
    return min(paths, key=_rank).rule


def _starts(landscape: Landscape, starts: Sequence[Point] | None) -> list[Point]:
    """Return the starts, or the landscape's own.

    Raises:
        InputError: one has another number of coordinates than the landscape.
    """
    n = landscape.n_parameters
    for start in starts or ():
        if len(start) != n:
            raise InputError(
                f"{landscape.name} is a function of {n} numbers; given the start {start}"
            )
    return list(starts or [landscape.start])


def _limits(bounds: Bounds, n: int) -> Tensor:
    """Return the lowest and the highest value of each number, (n, 2).

    Raises:
        InputError: not a pair for each number or one for all, or a low above its high.
    """
    try:
        limits = torch.as_tensor(
            np.broadcast_to(np.array(bounds, dtype=np.float64), (n, 2)).copy()
        )
    except ValueError:
        limits = torch.full((n, 2), torch.nan, dtype=torch.float64)
    if not (limits[:, 0] <= limits[:, 1]).all():
        raise InputError(f"bounds is {bounds!r}; expected (low, high), or {n} such pairs")
    return limits


def _rank(path: OptimizerPath) -> tuple[bool, float, float]:
    """Order paths: those that end well, by steps; then by height."""
    last = path.heights[-1] if np.isfinite(path.heights[-1]) else np.inf
    steps = path.steps if path.steps is not None else len(path.points)
    # Tuples compare from the left: any path that stays finite beats one that doesn't.
    return path.diverged, steps, last


def _stepped(
    landscape: Landscape,
    rules: Sequence[Optimizer],
    starts: Tensor,
    steps: int,
    limits: Tensor | None,
) -> Tensor:
    """Return where a stack of members, a start for each, is after each step: (K, steps + 1, n)."""
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
            at = p.view(k, -1)
            _, slopes = landscape.gradient(at)
            rules[0].update(p, slopes.view_as(p), slots, values.updates[0])
            if limits is not None:
                at.copy_(torch.clamp(at, limits[:, 0], limits[:, 1]))
            places.append(at.clone())
    return torch.stack(places, dim=1)


def _minimized(
    landscape: Landscape, rule: Minimizer, start: Tensor, steps: int, limits: Tensor | None
) -> Tensor:
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
        within = None if limits is None else limits.numpy()
        tried.append(torch.from_numpy(rule.minimize(evaluate, start.numpy(), within).x))
    return torch.stack(tried)


def _path(landscape: Landscape, rule: Optimizer, track: Tensor) -> OptimizerPath:
    heights = landscape.value(*track.unbind(1))
    return OptimizerPath(rule, track.numpy(), heights.numpy(), landscape.minima)
