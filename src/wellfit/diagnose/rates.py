"""The learning-rate range test: many rates at once, as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper, resolve
from wellfit.core.rng import derive
from wellfit.diagnose.base import Check, Finding, Outcome, Stage
from wellfit.diagnose.case import Case
from wellfit.diagnose.start import beginning
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.prepared import Prepared
from wellfit.optim import Constant, Minimizer, Optimizer
from wellfit.training import Member, Rows, Stream, train
from wellfit.training.precision import threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = 100
_STACK_BYTES = 10 << 20  # of parameters, gradients and moments
_JUDGED = 1000  # rows
_DECADES = 4  # on either side of the rule's default
_AS_GOOD = 0.99  # of the best rate's progress: nothing much better lies between
_NOTHING = 0.01  # of the best rate's progress: what makes no more has diverged, or gets nowhere
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
        share: NDArray[np.float64] = (self.start - self.losses) / most
        return share

    @property
    def suggested(self) -> float:
        """The rate to begin with: the smallest that comes nearly as far as the best."""
        return float(self.rates[self._enough])

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
        Where one may lie beyond the rates tried so far, it is the next at a stride from those.

        >>> grid = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
        >>> test = RangeTest(grid[[0, 2]], np.array([0.9, 0.2]), 1.0, 50, 0.01)
        >>> test.wanted(grid, stride=2)
        array([0.02, 0.16])
        """
        places = np.searchsorted(grid, self.rates)
        ends = [max(places[0] - stride, 0), *places, min(places[-1] + stride, len(grid) - 1)]
        gaps, outer = {self._enough, *self._beside()}, {0, len(places)}
        if ends[self._worse + 1] - ends[self._worse] > stride // 4:
            gaps.add(self._worse)
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

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss by learning rate, the suggested one, and where training diverges.

        Args:
            ax: where to draw; else in a figure of its own.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(5.6, 4.2), layout="constrained").add_subplot()
        # Beyond twice the start, how bad it is doesn't matter.
        shown = np.where(self.losses < 2 * self.start, self.losses, 2 * self.start)
        ax.semilogx(self.rates, shown, ".-", color="#0072B2", label=f"after {self.steps} steps")
        ax.axhline(self.start, color="#666666", linewidth=1, label="at the start")
        ax.axvline(
            self.suggested, color="#D55E00", linestyle="--", label=f"try {self.suggested:.2g}"
        )
        ax.axvline(self.rate, color="#666666", linestyle=":", label=f"now {self.rate:.2g}")
        ax.set(xlabel="learning rate", ylabel="loss", ylim=(0, 2.05 * self.start))
        ax.set_title(f"A learning rate of {self.suggested:.2g} comes far, and safely")
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        return ax

    def __str__(self) -> str:
        diverges = "nowhere" if self.diverges is None else f"from {self.diverges:.2g}"
        return (
            f"try a learning rate of {self.suggested:.2g} (now {self.rate:.2g}; "
            f"{len(self.rates)} rates from {self.rates[0]:.0e} to {self.rates[-1]:.0e}, "
            f"{self.steps} steps each; diverges {diverges})"
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
            better, and gaps are halved beside the best, the suggested and the first that
            diverges. Or the rates themselves, of which all are tried.
        steps: of each training.
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
    own: BaseMLP = clone(estimator).set_params(warm_start=False, random_state=random_state)
    prepared = own._prepare(X, y)
    return range_test(prepared, prepared.rows(), rates, steps, random_state)


def range_test(
    prepared: Prepared, rows: Rows, rates: int | Sequence[float], steps: int, seed: int
) -> RangeTest:
    """Return the range test of a prepared training; see :func:`learning_rate_range`."""
    member = prepared.member
    if isinstance(member.optimizer, Minimizer):
        raise HyperparameterError(
            f"{member.optimizer!r} finds its own steps and has no learning rate; expected an "
            "optimizer such as 'adam'"
        )
    grid = _rates(member.optimizer, rates)
    ids = np.random.default_rng(derive(seed, "range test")).permutation(prepared.stream.train)
    batch = min(member.batch_size, len(ids))
    # As many whole batches as there are steps, of rows that come again where they don't suffice.
    # Judged by rows it learns from: what counts here is how fast the loss falls.
    stream = Stream(np.resize(ids, steps * batch), ids[:_JUDGED], seed)
    trial = _Trial(prepared, rows, stream, batch)
    stride = max(1, len(grid) // (2 * _DECADES))
    first = _middle(grid, stride) if isinstance(rates, int) else grid
    start, losses = trial.start(), trial.losses(first)
    own = float(dict(member.optimizer.values())["learning_rate"])
    test = RangeTest(first, losses, start, steps, own)
    while isinstance(rates, int) and len(more := test.wanted(grid, stride)):
        tried, losses = np.append(test.rates, more), np.append(test.losses, trial.losses(more))
        order = np.argsort(tried)
        test = replace(test, rates=tried[order], losses=losses[order])
    return test


@dataclass(frozen=True)
class _Trial:
    """Short trainings on the same rows in the same order, at rates that are told later."""

    prepared: Prepared
    rows: Rows
    stream: Stream
    batch: int

    def start(self) -> float:
        """Return the loss before the first step, by a rate of 0, which moves no weight.

        One step shows it, but batch norm needs all of them to learn its statistics.
        """
        statistics = any(block.rows for block in self.prepared.member.network.statistics.blocks)
        stop = None if statistics else self.batch
        few = replace(self.stream, train=self.stream.train[:stop])
        return float(replace(self, stream=few).losses([0.0])[0])

    def losses(self, rates: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the loss at which each rate ends; infinite where it diverged."""
        members = _members(self.prepared.member, rates, self.batch)
        most = _most(self.prepared.member)
        with threads(self.prepared.estimator.threads):
            parts = [self._part(members[k : k + most]) for k in range(0, len(members), most)]
        losses = np.array([loss for part in parts for loss in part])
        return np.where(np.isfinite(losses), losses, np.inf)

    def _part(self, members: list[Member]) -> list[float]:
        precision = "float64" if self.prepared.estimator.precision == "float64" else "float32"
        resume = beginning(self.prepared, members, self.rows)
        result = train(members, self.rows, [self.stream], precision=precision, resume=resume)
        return [result.history(k)["val_loss"][-1] for k in range(len(members))]


def _members(
    member: Member, rates: Sequence[float] | NDArray[np.float64], batch: int
) -> list[Member]:
    """Return a member for each rate."""
    return [
        member.replace(
            optimizer=_at(member.optimizer, rate),
            schedule=Constant(),
            schedules=(),
            average=0.0,
            batch_size=batch,
            epochs=1,
        )
        for rate in rates
    ]


def _most(member: Member) -> int:
    """Return how many such members a stack takes before it outgrows the cores' caches."""
    return max(1, _STACK_BYTES // (member.network.size * (2 + len(member.slots())) * 4))


def _at(optimizer: Optimizer, rate: float) -> Optimizer:
    return optimizer.replace(learning_rate=float(rate))


def _rates(optimizer: Optimizer, rates: int | Sequence[float]) -> NDArray[np.float64]:
    if not isinstance(rates, int):
        given = np.sort(np.asarray(rates, dtype=float))
        if len(given) < 2 or not (given > 0).all():
            raise HyperparameterError(
                f"rates are {rates!r}; expected their number, or at least 2 numbers above 0"
            )
        return given
    if rates < 2:
        raise HyperparameterError(f"rates is {rates!r}; expected at least 2")
    middle = np.log10(float(dict(resolve(Optimizer, optimizer.name).values())["learning_rate"]))
    return np.logspace(middle - _DECADES, middle + _DECADES, rates)


def _middle(grid: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """Return five rates around the middle of a grid, a stride apart; of a short one, all."""
    middle = len(grid) // 2
    return grid[max(middle - 2 * stride, 0) : middle + 2 * stride + 1 : stride]


class LearningRate(Check, name="learning_rate"):
    """A learning rate that is neither too high nor too low for the steps that are planned.

    A :func:`learning_rate_range` of few rates and steps. Too high is a rate far above the
    suggested one that makes less progress. Too low is one that wouldn't get there in all its
    epochs either, where a tenth of the rate takes ten times the steps; schedules halve it.
    """

    stage: ClassVar[Stage] = "trial"
    did: ClassVar[str] = "trained for a few steps at many learning rates at once"

    rates: int = hyper("how many", default=20, low=4)
    steps: int = hyper("of each", default=40, low=10)
    above: float = hyper("times the suggested rate that may be too high", default=5.0, low=1)
    less: float = hyper("progress of a rate that is too high", default=0.95, low=0, high=1)
    little: float = hyper("progress of a rate that is too low", default=0.85, low=0, high=1)

    def look(self, case: Case) -> Finding | None:
        """Warn of a rate that is too high or too low; fail where the loss rises."""
        if isinstance(case.member.optimizer, Minimizer):
            return None
        test = range_test(case.prepared, case.rows, self.rates, self.steps, case.seed)
        share = test.at(test.rate)
        high = test.rate / test.suggested > self.above and share < self.less
        reached = test.reached(test.rate * max(1.0, _planned(case) / 2 / self.steps))
        low = not high and reached < self.little
        told = "is too high" if high else "is in range"
        if low:
            told = f"is too low (all planned steps are worth {max(reached, 0):.0%})"
        fails = high and share <= 0
        return self.finding(
            Outcome.FAIL if fails else Outcome.WARN if high or low else Outcome.PASS,
            f"{test.rate:.2g} {told}: in {test.steps} steps it makes {max(share, 0):.0%} of the "
            f"progress of the best rate; suggested {test.suggested:.2g}",
            f"try a learning rate of {test.suggested:.2g}",
            rate=test.rate,
            suggested=test.suggested,
            progress=share,
            reached=reached,
        )


def _planned(case: Case) -> int:
    """Return how many steps the whole training takes."""
    member, rows = case.member, len(case.prepared.stream.train)
    return member.epochs * -(-rows // member.batch_size)
