"""The learning-rate range test: many rates trained at once, as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from wellfit.charts import Axis, Chart, Line, Rule
from wellfit.charts.to_markup import svg
from wellfit.charts.to_matplotlib import draw_on
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.markup import paragraph
from wellfit.core.rng import derive
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import warn_of_own_fit
from wellfit.fitting import TrainingJob
from wellfit.fitting.runner import train_members
from wellfit.optim import ConstantSchedule, Minimizer, Optimizer
from wellfit.training import Member, Rows, Stream
from wellfit.training.stack import STACK_BYTES, bytes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = 100
_JUDGED = 1000  # rows
_DECADES = 4  # on either side of the rule's default
_AS_GOOD = 0.99  # of the best rate's progress: nothing much better lies between
_NOTHING = 0.01  # of the best rate's progress: what makes no more has diverged, or gets nowhere
_STILL = 1e-3  # of the loss at the start: a network that no rate gets further stands still
_NEARLY = 0.9  # of the best rate's progress: the smallest rate that makes as much is the safe one


@dataclass(frozen=True)
class RangeTest:
    """How far each learning rate comes in a few steps.

    Attributes:
        rates: (K,) learning rates, rising.
        losses: (K,) the loss after the steps, without dropout; infinite where training diverged.
        start: the loss before them.
        steps: how many.
        rate: the estimator's own learning rate.

    >>> test = RangeTest(np.array([0.01, 0.1, 1.0]), np.array([1.0, 0.2, np.inf]), 1.1, 50, 0.01)
    >>> test.suggested, test.diverges
    (0.1, 1.0)
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    start: float
    steps: int
    rate: float

    @property
    def progress(self) -> NDArray[np.float64]:
        """The share (K,) of the best rate's progress that each makes; below 0 it gets worse."""
        most = max(self.start - float(self.losses.min()), 1e-12)
        return (self.start - self.losses) / most

    @property
    def moves(self) -> bool:
        """Whether any rate makes progress worth the name."""
        return bool(self.start - self.losses.min() > _STILL * abs(self.start))

    @property
    def suggested(self) -> float:
        """The rate to begin with: the smallest that comes nearly as far as the best.

        The estimator's own where none gets anywhere: then it isn't the rate.
        """
        return float(self.rates[self._enough]) if self.moves else self.rate

    @property
    def diverges(self) -> float | None:
        """The smallest rate from which on the loss gets no better than it was; None for none."""
        return float(self.rates[self._worse]) if self._worse < len(self.rates) else None

    @property
    def _best(self) -> int:
        return int(np.argmin(self.losses))

    @property
    def _enough(self) -> int:
        """The place of the suggested rate."""
        enough = np.flatnonzero(self.progress[: self._best + 1] >= _NEARLY)
        return int(enough[0]) if len(enough) else self._best

    @property
    def _worse(self) -> int:
        """The place from which on the loss gets no better than it was."""
        good = np.flatnonzero(self.progress > _NOTHING)
        return int(good[-1]) + 1 if len(good) else 0

    def _beside(self) -> list[int]:
        """Return the gaps beside the best rate, without those to one that is as good."""
        sides = (self._best, self._best - 1), (self._best + 1, self._best + 1)
        inner = range(len(self.rates))
        return [
            gap for gap, other in sides if other not in inner or self.progress[other] < _AS_GOOD
        ]

    def wanted(self, grid: NDArray[np.float64], stride: int = 1) -> NDArray[np.float64]:
        """Return which rates of a grid to try next: amid the gaps beside what is looked for.

        That is the best rate, the suggested one, and, less exactly, the first that diverges.
        Where the best, or the estimator's own, may lie beyond the rates tried so far, it is the
        next at a stride from those.

        >>> grid = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
        >>> test = RangeTest(grid[[0, 2]], np.array([0.9, 0.2]), 1.0, 50, 0.01)
        >>> test.wanted(grid, stride=2)
        array([0.02, 0.16])
        """
        places = np.searchsorted(grid, self.rates)
        ends = [max(places[0] - stride, 0), *places, min(places[-1] + stride, len(grid) - 1)]
        gaps, outer = {self._enough, *self._beside()}, {0, len(places)}
        worse = self._worse
        if 0 < worse < len(places) and places[worse] - places[worse - 1] > stride // 4:
            gaps.add(worse)
        if not self.rates[0] <= self.rate <= self.rates[-1]:
            gaps.add(0 if self.rate < self.rates[0] else len(places))
        amid = [(ends[gap] + ends[gap + 1]) // 2 for gap in gaps - outer]
        amid += [ends[gap + (gap > 0)] for gap in gaps & outer]
        return grid[np.setdiff1d(amid, places).astype(np.int64)]

    def at(self, rate: float) -> float:
        """Return the share of the best rate's progress that ``rate`` makes, interpolated.

        >>> test = RangeTest(np.array([0.01, 0.1]), np.array([1.0, 0.5]), 1.0, 50, 0.01)
        >>> round(test.at(0.0316), 2)
        0.5
        """
        share = np.clip(self.progress, -1, 1)
        return float(np.interp(np.log(rate), np.log(self.rates), share))

    def reached(self, rate: float) -> float:
        """Return the largest share of the best rate's progress that rates up to ``rate`` make.

        >>> test = RangeTest(np.array([0.01, 0.1]), np.array([0.5, 1.0]), 1.0, 50, 0.01)
        >>> test.at(0.1), test.reached(0.1)
        (0.0, 1.0)
        """
        below = self.progress[self.rates <= rate]
        return float(np.max([self.at(rate), *below]))

    def chart(self) -> Chart:
        """Return the loss by learning rate, with the suggested rate and the present one."""
        # Beyond twice the start, how bad it is doesn't matter.
        shown = np.where(self.losses < 2 * self.start, self.losses, 2 * self.start)
        found = f"A learning rate of {self.suggested:.2g} comes far, and safely"
        return Chart(
            "Learning rate range test",
            found if self.moves else "No learning rate gets anywhere",
            [
                Line(self.rates, shown, f"after {self.steps} steps", points=True),
                Rule(self.start, "y", "at the start", dash="solid"),
                Rule(self.suggested, "x", f"try {self.suggested:.2g}", 1, "dash"),
                Rule(self.rate, "x", f"now {self.rate:.2g}"),
            ],
            Axis("learning rate", log=True),
            Axis("loss", low=0, high=2.05 * self.start),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss by learning rate, the suggested one, and where training diverges.

        Args:
            ax: where to draw; else on a new figure of pyplot's, which a notebook shows.
        """
        return draw_on(self.chart(), ax, (5.6, 4.2))

    def _repr_html_(self) -> str:
        """Return the chart and the result in words, for a notebook."""
        return f"<div>{svg(self.chart())}</div>{paragraph(self)}"

    def __str__(self) -> str:
        diverges = self.diverges
        wall = "none diverges" if diverges is None else f"diverges from {diverges:.2g}"
        text = f"try a learning rate of {self.suggested:.2g}"
        return (
            f"{text if self.moves else 'no learning rate gets anywhere'} (now {self.rate:.2g}; "
            f"{len(self.rates)} rates from {self.rates[0]:.0e} to {self.rates[-1]:.0e}, "
            f"{self.steps} steps each; {wall})"
        )


def learning_rate_range(
    estimator: BaseMLP,
    X: Any,
    y: Any,
    rates: int | Sequence[float] = 64,
    *,
    steps: int = _STEPS,
    random_state: int = 0,
) -> RangeTest:
    """Train for a few steps at many learning rates, all at once, and see how far each comes.

    All are one stack, or several where that would outgrow the processor's caches, and start from
    the same weights; the schedule is left out. Smith raises the rate step by step in one
    training; members of a stack can each keep their own, so that no rate suffers from the one
    before.

    Args:
        estimator: a classifier or regressor; it is copied.
        X: (n_samples, n_features), as for ``fit``.
        y: (n_samples,) or (n_samples, n_outputs).
        rates: how many make a grid over 8 decades around the update rule's default, of which
            five are tried first, a decade apart; then more beyond them as long as these may be
            better, and gaps are halved beside the best, the suggested and the first of them
            that diverges. Or the rates themselves, of which all are tried.
        steps: of each training, at least 1; never more than the estimator itself would take.
        random_state: of weights, rows and their order.

    Raises:
        HyperparameterError: the optimizer is a minimizer, which has no learning rate.
        InputError: data or parameters that cannot be used.

    Source: Smith, "Cyclical learning rates for training neural networks", 2017.

    >>> from sklearn.datasets import load_digits
    >>> from wellfit import MLPClassifier
    >>> test = learning_rate_range(MLPClassifier((32,)), *load_digits(return_X_y=True), rates=24)
    >>> 3e-4 < test.suggested < 3e-1
    True
    """
    warn_of_own_fit(estimator)
    own: BaseMLP = clone(estimator).set_params(warm_start=False, random_state=random_state)
    prepared = own.prepare(X, y)
    return range_test(prepared, prepared.on_device(), rates, steps, random_state)


def range_test(
    prepared: TrainingJob, rows: Rows, rates: int | Sequence[float], steps: int, seed: int
) -> RangeTest:
    """Return the range test of a prepared training; see :func:`learning_rate_range`."""
    member = prepared.member
    if isinstance(member.optimizer, Minimizer):
        raise HyperparameterError(
            f"{member.optimizer!r} finds its own steps and has no learning rate; expected an "
            "optimizer such as 'adam'"
        )
    if steps < 1:
        raise HyperparameterError(f"steps is {steps!r}; expected at least 1")
    grid, many = _rates(member.optimizer, rates), np.ndim(rates) == 0
    ids = np.random.default_rng(derive(seed, "range test")).permutation(prepared.stream.train)
    batch, steps = min(member.batch_size, len(ids)), min(steps, planned(prepared))
    # As many whole batches as there are steps, of rows that come again where they don't suffice.
    # Judged by rows it learns from: what counts here is how fast the loss falls.
    stream = Stream(np.resize(ids, steps * batch), ids[:_JUDGED], seed)
    trial = _RateTrial(prepared, rows, stream, batch)
    stride = max(1, len(grid) // (2 * _DECADES))
    first = _middle(grid, stride) if many else grid
    start, losses = trial.start(), trial.losses(first)
    own = float(dict(member.optimizer.values())["learning_rate"])
    test = RangeTest(first, losses, start, steps, own)
    while many and len(more := test.wanted(grid, stride)):
        tried, losses = np.append(test.rates, more), np.append(test.losses, trial.losses(more))
        order = np.argsort(tried)
        test = replace(test, rates=tried[order], losses=losses[order])
    return test


@dataclass(frozen=True)
class _RateTrial:
    """Short trainings on the same rows in the same order, at rates that are given later."""

    prepared: TrainingJob
    rows: Rows
    stream: Stream
    batch: int

    def start(self) -> float:
        """Return the loss before the first step, by a rate of 0, which moves no weight.

        One step shows it, but batch norm needs all of them to learn its statistics.
        """
        statistics = any(block.rows for block in self.prepared.member.network.statistics.shapes)
        stop = None if statistics else self.batch
        few = replace(self.stream, train=self.stream.train[:stop])
        return float(replace(self, stream=few).losses([0.0])[0])

    def losses(self, rates: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the loss at which each rate ends; infinite where it diverged."""
        members = _members(self.prepared.member, rates, self.batch)
        # As many as a stack takes before it outgrows the cores' caches.
        most = max(1, STACK_BYTES // bytes_of(self.prepared.member))
        parts = [self._part(members[k : k + most]) for k in range(0, len(members), most)]
        losses = np.array([loss for part in parts for loss in part])
        return np.where(np.isfinite(losses), losses, np.inf)

    def _part(self, members: list[Member]) -> list[float]:
        result = train_members(self.prepared, members, [self.stream], rows=self.rows)
        return [result.history(k)["val_loss"][-1] for k in range(len(members))]


def _members(
    member: Member, rates: Sequence[float] | NDArray[np.float64], batch: int
) -> list[Member]:
    """Return a member for each rate."""
    return [
        member.replace(
            optimizer=member.optimizer.replace(learning_rate=float(rate)),
            lr_schedule=ConstantSchedule(),
            schedules=(),
            ema_decay=0.0,
            batch_size=batch,
            epochs=1,
        )
        for rate in rates
    ]


def _rates(optimizer: Optimizer, rates: int | Sequence[float]) -> NDArray[np.float64]:
    if np.ndim(rates):
        given = np.sort(np.asarray(rates, dtype=float), axis=None)
        if len(given) < 2 or not (given > 0).all():
            raise HyperparameterError(
                f"rates are {rates!r}; expected their number, or at least 2 numbers above 0"
            )
        return given
    if not isinstance(rates, Integral) or rates < 2:
        raise HyperparameterError(f"rates is {rates!r}; expected a whole number, at least 2")
    middle = np.log10(float(dict(resolve(Optimizer, optimizer.name).values())["learning_rate"]))
    return np.logspace(middle - _DECADES, middle + _DECADES, rates)


def _middle(grid: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """Return five rates around the middle of a grid, a stride apart; of a short one, all."""
    middle = len(grid) // 2
    return grid[max(middle - 2 * stride, 0) : middle + 2 * stride + 1 : stride]


def planned(prepared: TrainingJob) -> int:
    """Return how many steps the whole training takes."""
    member, rows = prepared.member, len(prepared.stream.train)
    return member.steps(-(-rows // member.batch_size))
