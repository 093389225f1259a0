"""The one loop: every network that wellfit trains is trained here."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.training.interrupt import Interrupt
from wellfit.training.observers import Answer, History, Observer, Record, Run
from wellfit.training.precision import arithmetic, dtype_of
from wellfit.training.prediction import Predictor
from wellfit.training.result import ObserverState, Result, Status
from wellfit.training.stack import Member, Stack, Weights
from wellfit.training.step import Step
from wellfit.training.streams import CHUNK_BYTES, Batches, Chunk, Rows, Stream

Metrics = dict[str, NDArray[np.float64]]
_MOST_STEPS = 256  # of a chunk: keeps Ctrl-C and progress prompt on tiny networks


def train(
    members: Sequence[Member],
    rows: Rows,
    streams: Sequence[Stream],
    *,
    observers: Sequence[Observer] = (),
    precision: str = "float32",
    resume: Result | None = None,
    until: int | None = None,
) -> Result:
    """Train K members together, each as if it were alone.

    Args:
        members: K trainings of one structure.
        rows: the table that all of them read, on the device they train on.
        streams: K streams, or one for all.
        observers: told of every epoch; a history is always kept.
        precision: one of ``float32``, ``float64`` and ``bfloat16``.
        resume: an earlier result to go on from, with the same observers; it stays as it is.
        until: pause after this epoch, to be resumed later.

    Returns:
        The members' weights and how each ended. Ctrl-C ends training at the next batch and
        returns what is there.

    Raises:
        InputError: members or streams that cannot share a stack.

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
    everyone = list(streams) * (len(members) if len(streams) == 1 else 1)
    loop = _Loop(members, rows, everyone, [History(), *observers], precision, resume)
    with torch.no_grad(), Interrupt() as interrupt:
        return loop.run(interrupt, until)


class _Loop:
    """Holds what changes while training: who is active, their stack, what was kept."""

    def __init__(
        self,
        members: Sequence[Member],
        rows: Rows,
        streams: Sequence[Stream],
        observers: Sequence[Observer],
        precision: str,
        resume: Result | None,
    ) -> None:
        self._rows, self._streams, self._observers = rows, streams, observers
        self._precision = precision
        self._result = resume.copy() if resume else _beginning(members, precision, rows.device)
        self._result.members = list(members)
        self._planned = np.array([member.epochs for member in members])
        remembered = self._result.observers[: len(observers)]
        fresh: list[ObserverState] = [{} for _ in observers[len(remembered) :]]
        self._result.observers = remembered + fresh
        self._active = np.flatnonzero(
            [
                status in (Status.RUNNING, Status.FINISHED, Status.INTERRUPTED)
                and done < member.epochs
                for member, status, done in zip(
                    members, self._result.status, self._result.epochs, strict=True
                )
            ]
        )
        for index in self._active:
            self._result.status[index] = Status.RUNNING
        self._assemble(Stack(members, self._result.last).take(self._index(self._active)))

    def run(self, interrupt: Interrupt, until: int | None) -> Result:
        result = self._result
        last = max(member.epochs for member in result.members)
        last = last if until is None else min(last, until)
        run = Run(
            len(result.members),
            last,
            self._batches.per_epoch,
            result.epoch,
            self._batches.has_validation,
        )
        states = list(zip(self._observers, result.observers, strict=True))
        began = time.perf_counter() - self._seconds_before()
        for observer, state in states:
            observer.start(run, state)
        try:
            with arithmetic(self._precision, self._rows.device, self._operations()):
                while len(self._active) and result.epoch < last and not interrupt.asked:
                    self._epoch(interrupt, began)
        finally:
            self._archive(np.arange(len(self._active)))
            for observer, state in states:
                observer.finish(state)
        for index in self._active if interrupt.asked else ():
            result.status[index] = Status.INTERRUPTED
        return result

    def _epoch(self, interrupt: Interrupt, began: float) -> None:
        metrics = self._train_epoch(interrupt)
        if metrics is None:
            return
        result = self._result
        result.epoch += 1
        result.step += self._batches.per_epoch
        if self._batches.has_validation:
            metrics |= {f"val_{name}": value for name, value in self._judge().items()}
        rates = self._stack.learning_rates(result.step - 1, self._batches.per_epoch)
        metrics["learning_rate"] = rates.cpu().numpy()
        record = self._record(metrics, time.perf_counter() - began)
        result.epochs[self._active] = result.epoch
        answers = [
            observer.epoch(record, state)
            for observer, state in zip(self._observers, result.observers, strict=True)
        ]
        self._obey([answer for answer in answers if answer is not None], record)

    def _train_epoch(self, interrupt: Interrupt) -> Metrics | None:
        """Train one epoch; return the mean loss and accuracy, or nothing if interrupted."""
        tally, done, result = _Tally(self._stack), 0, self._result
        per_epoch = self._batches.per_epoch
        coefficients = self._stack.coefficients(result.step, per_epoch)
        for chunk in self._batches.epoch(result.epoch, self._steps):
            step, logits = self._binding(chunk)
            step.refresh(result.step + done, chunk.steps)
            for args in zip(logits.unbind(0), coefficients, *_unbound(chunk), strict=False):
                if interrupt.asked:
                    return None
                step(*args)
            tally.add(logits, chunk)
            done += chunk.steps
            for observer, state in zip(self._observers, result.observers, strict=True):
                observer.progress(result.epoch + 1, done, per_epoch, state)
        return tally.means()

    def _judge(self) -> Metrics:
        tally = _Tally(self._stack)
        for chunk in self._batches.judging(self._predictor.most):
            tally.add(self._predictor(chunk.x[0]).transpose(1, 2)[None], chunk)
        return tally.means()

    def _obey(self, answers: Sequence[Answer], record: Record) -> None:
        """Keep weights and let members go, as observers ask, epochs run out or losses explode."""
        diverged = record.active & ~np.isfinite(record.metrics["loss"])
        keep, stop = np.zeros_like(diverged), np.zeros_like(diverged)
        for answer in answers:
            keep, stop = keep | answer.keep, stop | answer.stop
        self._keep(record.active & keep & ~diverged, record.epoch)
        finished = record.epoch >= self._planned
        gone = (finished | stop | diverged)[self._active]
        if not gone.any():
            return
        for mask, status in (
            (finished, Status.FINISHED),
            (stop, Status.STOPPED),
            (diverged, Status.DIVERGED),
        ):
            for index in np.flatnonzero(record.active & mask):
                self._result.status[index] = status
        self._archive(np.flatnonzero(gone))
        self._continue_with(np.flatnonzero(~gone))

    def _keep(self, mask: NDArray[np.bool_], epoch: int) -> None:
        if not mask.any():
            return
        result, weights = self._result, self._stack.weights
        if result.best is None:
            result.best = result.last.take(self._index(np.arange(len(result.members))))
        chosen = np.flatnonzero(mask[self._active])
        whole = len(chosen) == weights.members
        source = weights if whole else weights.take(self._index(chosen))
        result.best.put(self._index(np.flatnonzero(mask)), source)
        result.kept |= mask
        result.best_epoch[mask] = epoch

    def _archive(self, positions: NDArray[np.int64]) -> None:
        """Write members of the stack, by position, to the result."""
        if len(positions):
            source = self._stack.weights.take(self._index(positions))
            self._result.last.put(self._index(self._active[positions]), source)

    def _continue_with(self, positions: NDArray[np.int64]) -> None:
        self._active = self._active[positions]
        if len(positions):
            self._assemble(self._stack.take(self._index(positions)))

    def _assemble(self, stack: Stack) -> None:
        """Bind a stack of the active members to their batches."""
        first = stack.members[0]
        self._stack = stack
        self._batches = Batches(
            self._rows,
            [self._streams[index] for index in self._active.tolist()],
            first.batch_size,
            first.loss,
            stack.network.outputs,
        )
        self._predictor = Predictor(stack.weights)
        self._steps = self._chunk_steps()
        self._bound: dict[int, tuple[Step, Tensor]] = {}

    def _operations(self) -> float:
        """Return the operations of a matrix product of a step, on average over the layers."""
        blocks = [block for block in self._stack.network.parameters.blocks if block.penalized]
        size = sum(block.rows * block.columns for block in blocks) / len(blocks)
        return 2.0 * self._stack.k * self._batches.batch * size

    def _chunk_steps(self) -> int:
        widest = self._stack.k * max(self._stack.network.widths[1:])
        streams = len({id(self._streams[index]) for index in self._active.tolist()})
        numbers = self._batches.batch * max(widest, streams * self._rows.width)
        budget = CHUNK_BYTES * (64 if self._rows.device.type == "cuda" else 1)
        fitting = budget // (numbers * self._stack.gradients.element_size())
        return max(1, min(fitting, _MOST_STEPS, self._batches.per_epoch))

    def _binding(self, chunk: Chunk) -> tuple[Step, Tensor]:
        """Return the step for batches of the chunk's size, and memory for its logits."""
        batch = chunk.batch
        if batch not in self._bound:
            stack, steps = self._stack, self._steps if batch == self._batches.batch else 1
            logits = stack.gradients.new_empty(steps, stack.k, stack.network.outputs, batch)
            self._bound[batch] = Step(stack, batch, steps), logits
        step, memory = self._bound[batch]
        return step, memory[: chunk.steps]

    def _record(self, metrics: Metrics, seconds: float) -> Record:
        k = len(self._result.members)
        active = np.zeros(k, dtype=bool)
        active[self._active] = True
        spread = {name: np.full(k, np.nan) for name in metrics}
        for name, values in metrics.items():
            spread[name][self._active] = values
        return Record(self._result.epoch, seconds, active, spread)

    def _seconds_before(self) -> float:
        earlier = self._result.observers[0].get("seconds", ())
        return float(earlier[-1]) if len(earlier) else 0.0

    def _index(self, positions: NDArray[np.int64]) -> Tensor:
        return torch.as_tensor(positions, device=self._rows.device)


class _Tally:
    """Sums losses and hits on the device; they come to the host once an epoch."""

    def __init__(self, stack: Stack) -> None:
        self._loss_of, self._hypers = stack.members[0].loss, stack.loss
        zeros = torch.zeros(stack.k, dtype=torch.float64, device=stack.gradients.device)
        self._loss, self._hits, self._weight = zeros, zeros.clone(), zeros.clone()
        self._classifies = False

    def add(self, logits: Tensor, chunk: Chunk) -> None:
        """Count the logits (n, K, C, B) of a chunk."""
        values = self._loss_of.value(logits, chunk.target, self._hypers)
        hits = self._loss_of.hits(logits, chunk.target)
        weight = torch.ones_like(values) if chunk.weight is None else chunk.weight.squeeze(-2)
        self._loss += (values * weight).sum((0, 2))
        self._weight += weight.sum((0, 2))
        if hits is not None:
            self._classifies = True
            self._hits += (hits * weight).sum((0, 2))

    def means(self) -> Metrics:
        means = {"loss": (self._loss / self._weight).cpu().numpy()}
        if self._classifies:
            means["accuracy"] = (self._hits / self._weight).cpu().numpy()
        return means


def _beginning(members: Sequence[Member], precision: str, device: torch.device) -> Result:
    return Result.beginning(members, Weights.initial(members, dtype_of(precision), device))


def _unbound(chunk: Chunk) -> tuple[Sequence[Tensor], ...]:
    """Return a chunk's batches one by one; views are made all at once, which is cheaper."""
    weight = () if chunk.weight is None else (chunk.weight.unbind(0),)
    return chunk.x.unbind(0), chunk.target.unbind(0), *weight
