"""The training loop, which trains every network of wellfit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.digests import blake2b
from wellfit.core.errors import InputError
from wellfit.training.bound_stack import BoundStack
from wellfit.training.callbacks import Callback, Decision, EpochLogs, MetricHistory, Run
from wellfit.training.callbacks.base import combined
from wellfit.training.checks import check_precision, numbers_in_range, same_data
from wellfit.training.fingerprint import fingerprint
from wellfit.training.initial import initial_weights
from wellfit.training.interrupt import Interrupt
from wellfit.training.judging import Judge
from wellfit.training.member import Member
from wellfit.training.metric_sums import Metrics, MetricSums, ScoreFunction
from wellfit.training.minimizer_runs import MinimizerRuns
from wellfit.training.native import Workers
from wellfit.training.objective import with_objectives
from wellfit.training.periods import Periods
from wellfit.training.plateau_schedule import plateau_callbacks
from wellfit.training.precision import arithmetic, dtype_of
from wellfit.training.processes import ProcessGroup
from wellfit.training.result import CallbackState, Result, Status
from wellfit.training.result_writer import ResultWriter
from wellfit.training.room import check_room
from wellfit.training.rows import Rows
from wellfit.training.stack import Stack, Weights
from wellfit.training.streams import Stream

_log = logging.getLogger(__name__)


def train(
    members: Sequence[Member],
    rows: Rows,
    streams: Sequence[Stream],
    *,
    callbacks: Sequence[Callback] = (),
    scores: Mapping[str, ScoreFunction] | None = None,
    precision: str = "float32",
    eval_every: int = 1,
    eval_steps: int | None = None,
    val_metrics: Mapping[str, Sequence[float]] | None = None,
    resume: Result | None = None,
    until: int | None = None,
    describe: Callable[[], Mapping[str, Any]] | None = None,
    group: ProcessGroup | None = None,
    part: str = "",
) -> Result:
    """Train K members together, each as if it were alone.

    Args:
        members: K trainings of one structure.
        rows: the table that all of them read, on the device they train on.
        streams: K streams, or one for all.
        callbacks: called at every epoch; a history is always kept.
        scores: more metrics of validation rows by name, from predictions (N, C) and the rows'
            numbers (N,) to a number; the name gets ``val_`` before it.
        precision: one of ``float32``, ``float64`` and ``bfloat16``.
        eval_every: epochs from one judgement by validation rows to the next; the last epoch is
            always judged. Metrics of epochs between are NaN.
        eval_steps: steps from one judgement to the next, where they are not counted in epochs:
            what histories, callbacks and ``until`` call an epoch is then so many steps.
        val_metrics: validation metrics that are known beforehand, by name (``val_loss``), a value
            for each epoch, in place of validation rows: those of like networks, for example, each
            on the fold that it hasn't seen.
        resume: an earlier result to go on from, with the same callbacks; it stays as it is.
        until: pause after this epoch, to be resumed later.
        describe: returns what a checkpoint of the only member is to say of its model.
        group: the processes that train the same members, each by its share of every batch; the
            first alone calls callbacks, and all do what these decide. By default this one alone.
        part: which of several stacks this is, in words, for those that show the progress.

    Returns:
        The members' weights and how each ended. Ctrl-C ends training at the next batch and
        returns what is there.

    Raises:
        InputError: members or streams that cannot share a stack, or differ between processes;
            rows of another type than ``precision`` keeps.
        LostProcessError: another process of the group has ended.
        HyperparameterError: a schedule that leaves the range of what it schedules.

    >>> from wellfit.nn import mlp
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> rows = Rows(x, (x[:, 0] > 0).astype(int))
    >>> result = train([Member(mlp(2, (8,), 2), epochs=3)], rows, [Stream(np.arange(200))])
    >>> len(result.history()["loss"])
    3
    """
    if len(streams) not in (1, len(members)):
        raise InputError(
            f"{len(members)} members need as many streams, or one; given {len(streams)}"
        )
    check_precision(precision, rows)
    everyone = list(streams) * (len(members) if len(streams) == 1 else 1)
    group = group or ProcessGroup()
    own = [MetricHistory(), *plateau_callbacks([member.lr_schedule for member in members])]
    with torch.no_grad(), numbers_in_range(members[0], rows), Interrupt() as interrupt:
        periods = Periods.of(members, streams, eval_steps)
        every = [*own, *group.of_first(callbacks)]
        loop = _Loop(periods, rows, everyone, every, precision, resume, group)
        if not loop.busy:
            return loop.result()
        loop.describe, loop.part = describe, part
        return loop.run(interrupt, until, Judge(scores or {}, eval_every, val_metrics))


class _Loop:
    """The state of a training: the active members, their stack, the weights that are kept.

    It is also the view that callbacks have of the training.
    """

    describe: Callable[[], Mapping[str, Any]] | None = None
    part: str = ""

    def __init__(
        self,
        periods: Periods,
        rows: Rows,
        streams: Sequence[Stream],
        callbacks: Sequence[Callback],
        precision: str,
        resume: Result | None,
        group: ProcessGroup,
    ) -> None:
        self._rows, self._streams, self._precision = rows, streams, precision
        self._group = group
        self._periods, members, self._workers = periods, periods.members, Workers()
        self._data = same_data(resume, rows, streams) if resume else ""
        if resume is None:
            least = min(len(stream.train) for stream in streams)
            for member in members:
                check_room(member, least, rows.dtype, rows.device)
            first = initial_weights(members, rows, streams, dtype_of(precision))
            resume = Result.beginning(members, first)
        self._result = resume.copy()
        group.begin(self._result.last, self._digests)
        self._planned = np.array(periods.planned(self._result))
        # States belong to callbacks by position: a resumed run gives the same callbacks first.
        remembered = self._result.callbacks[: len(callbacks)]
        fresh: list[CallbackState] = [{} for _ in callbacks[len(remembered) :]]
        self._result.callbacks = remembered + fresh
        self._callbacks = list(zip(callbacks, self._result.callbacks, strict=True))
        self._writer = ResultWriter(self._result, rows.device)
        self._active = self._writer.begin(list(members), self._planned)
        if len(self._active):
            active = [members[index] for index in self._active.tolist()]
            weights = self._writer.latest(self._active)
            scale = torch.as_tensor(self._result.scale[self._active])
            self._bind(Stack(active, weights, scale))

    @property
    def busy(self) -> bool:
        """Whether there is anything to train."""
        return bool(len(self._active))

    def run(
        self,
        interrupt: Interrupt,
        until: int | None,
        judge: Judge,
    ) -> Result:
        result, bound = self._result, self._bound
        last = int(min(self._planned.max(), self._planned.max() if until is None else until))
        self._judge = judge
        run = Run(
            result.members,
            last,
            self._periods.length or bound.per_epoch,
            result.epoch,
            judge.can_judge(bound),
            self,
            self.describe,
            self._periods.steps,
            self._periods.length is not None,
            self.part,
        )
        self._stack.step_schedule.scheduled.check(bound.per_epoch)
        # Seconds of a resumed run go on from those of the run before.
        began = time.perf_counter() - _seconds_before(result)
        for callback, state in self._callbacks:
            callback.check_state(run, state)
            callback.on_train_begin(run, state)
        try:
            with arithmetic(self._precision, self._rows.device, bound.operations()):
                bound.begin(result.epoch)
                while self.busy and result.epoch < last and not self._group.asked(interrupt):
                    self._epoch(interrupt, began)
            if interrupt.asked:  # not reached if a second Ctrl-C cut an epoch's end in two
                self._writer.end(self._active, Status.INTERRUPTED)
        finally:
            self._settle()
            for callback, state in self._callbacks:
                callback.on_train_end(state)
        return result

    # The view for callbacks.

    def weights(self) -> Weights:
        """Return a copy of all members' weights: those that would predict now."""
        self._archive(np.arange(len(self._active)))
        return self._writer.latest(np.arange(len(self._result.members))).for_prediction()

    def activations(self) -> list[tuple[str, Tensor]]:
        """Return the name and outputs (K, B, width) of each layer, of members that train."""
        return self._bound.activations()

    def result(self) -> Result:
        """Return a snapshot that training can be resumed from."""
        self._archive(np.arange(len(self._active)))
        snapshot = self._result.copy()
        if not self._data:
            self._data = fingerprint(self._rows, self._streams)
        snapshot.data = self._data
        if snapshot.position and self.busy:
            snapshot.metric_sums = self._metric_sums.sums()
        return snapshot

    # An epoch.

    def _epoch(self, interrupt: Interrupt, began: float) -> None:
        decisions: list[Decision | None] = []
        metrics = self._train_epoch(interrupt, decisions)
        if metrics is None:
            return
        result, per_epoch = self._result, self._bound.per_epoch
        result.epoch += 1
        result.step = self._periods.end(result.step)
        result.position = 0
        if self._judge.can_judge(self._bound):
            # Validation comes after the last step: these are the metrics of the weights that are
            # kept.
            ends = self._planned[self._active]
            metrics |= self._judge.metrics(self._bound, metrics, result.epoch, ends)
        metrics = with_objectives(metrics, self._stack, result.step - 1, per_epoch)
        rates = self._stack.step_schedule.learning_rates(result.step - 1, per_epoch)
        metrics["learning_rate"] = rates.cpu().numpy()
        metrics |= self._periods.stamps(result.step, len(self._active))
        seconds = time.perf_counter() - began
        spread = _spread(metrics, self._active, len(result.members))
        logs = EpochLogs(result.epoch, seconds, *spread, self)
        result.epochs[self._active] = result.epoch
        decisions += [callback.on_epoch_end(logs, state) for callback, state in self._callbacks]
        decisions = self._group.from_first(decisions)
        self._apply([decision for decision in decisions if decision is not None], logs)
        for callback, state in self._callbacks:
            callback.on_decisions_applied(logs, state)

    def _train_epoch(
        self, interrupt: Interrupt, decisions: list[Decision | None]
    ) -> Metrics | None:
        """Train one epoch; return the mean loss and accuracy, or nothing if interrupted."""
        result, bound = self._result, self._bound
        self._metric_sums = sums = MetricSums(self._stack, result.metric_sums)
        result.metric_sums = None
        steps = self._periods.end(result.step) - result.step
        for chunk in self._periods.chunks(bound, result):
            part, done = chunk.part, chunk.run(self._group.stopped(interrupt))
            _note_step(result, bound.trained_by)
            result.position += done - part.done
            chunk.step.count(sums, part, done)
            # Interrupted within a chunk: the steps that were done count, and their sums are kept.
            if done < part.stop:
                return None
            decisions += [
                callback.on_batches_end(result.epoch + 1, result.position, steps, state)
                for callback, state in self._callbacks
            ]
        return sums.means()

    def _apply(self, decisions: Sequence[Decision], logs: EpochLogs) -> None:
        """Keep weights, scale rates and let members go, as callbacks ask, or as they end."""
        diverged = logs.active & ~np.isfinite(logs.metrics["loss"])
        finished = (logs.epoch >= self._planned) | self._converged()
        if not decisions and not (finished | diverged)[self._active].any():
            return  # the usual case; an epoch of small data takes less than a millisecond
        keep, stop, scale = combined(decisions, len(diverged))
        chosen = logs.active & keep & ~diverged
        self._writer.keep(self._stack.weights, self._active, chosen, logs.epoch)
        self._rescale(np.where(logs.active, scale, 1.0))
        gone = (finished | stop | diverged)[self._active]
        if not gone.any():
            return
        # In this order, so that divergence wins: a member that diverged in its last epoch has no
        # usable weights.
        for mask, status in (
            (finished, Status.FINISHED),
            (stop, Status.EARLY_STOPPED),
            (diverged, Status.DIVERGED),
        ):
            self._writer.end(np.flatnonzero(logs.active & mask), status)
        self._remove_members(np.flatnonzero(gone), np.flatnonzero(~gone))

    # Members that stop.

    def _archive(self, positions: NDArray[np.int64]) -> None:
        """Write members of the stack, by position, to the result."""
        if len(positions):  # else there may be no stack
            self._writer.archive(self._stack.weights, self._active, positions)

    def _settle(self) -> None:
        """Put everything away when training is over, for whatever reason."""
        self._bound.close()
        self._result.metric_sums = self._metric_sums.sums() if self._result.position else None
        self._archive(np.arange(len(self._active)))

    def _remove_members(self, gone: NDArray[np.int64], left: NDArray[np.int64]) -> None:
        """Archive the members at positions ``gone``, and go on with those ``left``."""
        minimizer_runs = self._bound.minimizer_runs
        if minimizer_runs is not None:
            # A line search ends where it looked last, which may be worse than the lowest point it
            # saw.
            minimizer_runs.restore_best(self._stack, gone)
        self._archive(gone)
        self._active = self._active[left]
        if len(left):
            if minimizer_runs is not None:
                minimizer_runs.select(left.tolist())
            self._bind(self._stack.select(self._writer.index(left)), minimizer_runs)

    def _rescale(self, factor: NDArray[np.float64]) -> None:
        """Multiply learning rates by ``factor`` (K,) from here on."""
        if (factor == 1).all():
            return
        self._result.scale *= factor
        stack, scale = self._stack, torch.as_tensor(self._result.scale[self._active])
        # Rates are baked into the numbers of the steps ahead, so the stack is bound anew: rare,
        # and simpler than numbers that may change.
        self._bind(Stack(stack.members, stack.weights, scale), self._bound.minimizer_runs)

    def _bind(self, stack: Stack, minimizer_runs: MinimizerRuns | None = None) -> None:
        """Bind a stack of the active members to their batches."""
        self._stack = stack
        streams = [self._streams[index] for index in self._active.tolist()]
        self._bound = BoundStack(
            stack, self._rows, streams, self._workers, self._group, minimizer_runs
        )
        self._metric_sums = MetricSums(stack)

    # Small things.

    def _digests(self) -> dict[str, str]:
        """Return what has to be the same in all processes that train together."""
        self._data = self._data or fingerprint(self._rows, self._streams)
        result = self._result
        settings = repr((result.members, self._precision, result.epoch, result.step))
        return {"data": self._data, "settings": blake2b([settings])}

    def _converged(self) -> NDArray[np.bool_]:
        """Return which members' minimizers are done, (K,)."""
        done = np.zeros(len(self._planned), dtype=bool)
        if self._bound.minimizer_runs is not None:
            done[self._active] = self._bound.minimizer_runs.done
        return done


def _note_step(result: Result, kind: str) -> None:
    """Keep in the result which kind of step trains, and tell a change of it."""
    before, result.trained_by = result.trained_by, kind
    if before not in ("", kind):
        _log.info("%s goes on where %s ended: last digits may differ", kind, before)


def _seconds_before(result: Result) -> float:
    """Return how long the training has taken before it was resumed."""
    earlier = result.callbacks[0].get("seconds", ())
    return float(earlier[-1]) if len(earlier) else 0.0


def _spread(
    metrics: Metrics, members: NDArray[np.int64], k: int
) -> tuple[NDArray[np.bool_], Metrics]:
    """Return which of all K members train, and the metrics of all: NaN of those that left."""
    # Callbacks see all K members at their first positions.
    active = np.zeros(k, dtype=bool)
    active[members] = True
    spread = {name: np.full(k, np.nan) for name in metrics}
    for name, values in metrics.items():
        spread[name][members] = values
    return active, spread
