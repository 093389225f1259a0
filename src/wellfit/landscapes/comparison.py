"""Comparison of optimizers on test functions, by the engine's own update rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.charts import Axis, Chart, Line
from wellfit.charts.to_markup import svg
from wellfit.core.errors import InputError
from wellfit.core.lazy import public
from wellfit.core.markup import table
from wellfit.core.words import pluralize, short
from wellfit.landscapes.functions import Landscape, Point
from wellfit.optim import Minimizer, Optimizer
from wellfit.training import Member
from wellfit.training.step_schedule import StepSchedule

Bounds: TypeAlias = tuple[float, float] | Sequence[tuple[float, float]]

_CLOSE = 1e-2  # to a minimum: there
_RATES = 60
_FAR = 10.0  # times the distance at the start, beyond which a path isn't drawn


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

    @property
    def label(self) -> str:
        """The rule's name, its momentum, and its learning rate where it has one.

        >>> from wellfit.landscapes import Beale
        >>> from wellfit.optim import SGD
        >>> compare_optimizers(Beale(), [SGD(1e-4, momentum=0.9)])[0].label
        'sgd, momentum 0.9, rate 0.0001'
        """
        rule = self.rule
        if "start" in rule.slots():
            return rule.name
        momentum = getattr(rule, "momentum", 0.0)
        words = [rule.name, *([f"momentum {momentum:g}"] if momentum else [])]
        words += ["Nesterov"] if getattr(rule, "nesterov", False) else []
        return ", ".join([*words, f"rate {rule.learning_rate:.2g}"])


class OptimizerPaths(list[OptimizerPath]):
    """The paths of a comparison; in a notebook, a table of them.

    Args:
        paths: one for each rule and start.
        landscape: that they go down.
    """

    def __init__(self, paths: Iterable[OptimizerPath], landscape: Landscape) -> None:
        super().__init__(paths)
        self.landscape = landscape

    def plot(self) -> Any:
        """Draw the paths on the landscape's contours; return the figure, one of pyplot's.

        See :func:`wellfit.report.landscape.landscape_figure`.
        """
        import matplotlib.pyplot as plt

        size = (6.4, 7.0)
        figure = plt.figure(figsize=size, layout="constrained")
        return public("landscape_figure")(self.landscape, self, figure)

    def chart(self) -> Chart:
        """Return the distance to the nearest minimum by step, a line for each path."""
        # Of paths that diverge the beginning is drawn: the rest would hide all others.
        most = _FAR * max(float(path.distances[0]) for path in self)
        lines = [
            Line(
                np.arange(float(len(path.points))),
                np.where(path.distances < most, path.distances, np.nan),
                path.label,
                color=place,
            )
            for place, path in enumerate(self)
        ]
        there = sum(path.steps is not None for path in self)
        text = (
            f"{there} of {pluralize(len(self), 'path')} come to a minimum of {self.landscape.name}"
        )
        y = Axis("distance to the nearest minimum", log=True)
        return Chart("Distance to the minimum", text, lines, Axis("step"), y)

    def _repr_html_(self) -> str:
        """Return the chart, and each path's steps and end, for a notebook."""
        rows = [
            [
                path.label,
                "–" if path.steps is None else f"{path.steps:,}",
                "diverged" if path.diverged else short(float(path.distances[-1])),
                short(float(path.heights[-1])),
            ]
            for path in self
        ]
        heads = ["rule", "steps to a minimum", "distance at the end", "height at the end"]
        drawn = f"<div>{svg(self.chart(), (480, 260))}</div>" if self.landscape.minima else ""
        return drawn + table(rows, heads)


def compare_optimizers(
    landscape: Landscape,
    rules: Sequence[Optimizer],
    starts: Sequence[Point] | None = None,
    *,
    steps: int = 500,
    bounds: Bounds | None = None,
) -> OptimizerPaths:
    """Run several optimizers on a landscape, each from every start.

    Args:
        landscape: with its derivatives by autograd.
        rules: update rules; minimizers of SciPy's take as many evaluations.
        starts: where from; the landscape's own start by default.
        steps: at least 1.
        bounds: (low, high) of each number, or one pair for all: points that leave them are moved
            to the nearest within; L-BFGS keeps to them by itself.

    Returns:
        A path for each rule and start, in that order: a list, which a notebook shows as a table.

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
    return OptimizerPaths(paths, landscape)


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
