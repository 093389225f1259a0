"""A stack bound to its batches, which is bound anew whenever members leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wellfit.optim.minimizers import Minimizer
from wellfit.training.chunk_part import ChunkPart
from wellfit.training.metric_sums import Metrics, MetricSums, ScoreCollector, ScoreFunction
from wellfit.training.minimizer_runs import MinimizerRuns, MinimizerStep
from wellfit.training.native import NativeJudge, NativeStep, TableRows, Workers, obstacle
from wellfit.training.prediction import Predictor
from wellfit.training.processes import ProcessGroup
from wellfit.training.rows import Rows
from wellfit.training.stack import Stack
from wellfit.training.step import Step
from wellfit.training.streams import CHUNK_BYTES, Batches, Stream

_log = logging.getLogger(__name__)
_MOST_STEPS = 256  # of a chunk: keeps Ctrl-C and progress prompt on tiny networks
_SHOWN_ROWS = 256  # whose activations callbacks see


class BoundStack:
    """K members bound to the rows they read.

    Args:
        stack: the members.
        rows: the table.
        streams: K streams.
        workers: threads of the training that the stack is of.
        group: the processes that train the same members.
        minimizer_runs: those of the members, where a minimizer moves them and has begun.

    Attributes:
        trained_by: the kind of step that moves them, once one is bound.
    """

    def __init__(
        self,
        stack: Stack,
        rows: Rows,
        streams: Sequence[Stream],
        workers: Workers,
        group: ProcessGroup,
        minimizer_runs: MinimizerRuns | None = None,
    ) -> None:
        first, self._group = stack.members[0], group
        self.stack, self.minimizer_runs = stack, minimizer_runs
        self._rows, self._streams, self._workers = rows, streams, workers
        self._minimizes = isinstance(first.optimizer, Minimizer)
        # A minimizer's function is the loss of all rows, so its batch is the whole table.
        batch = len(streams[0].train) if self._minimizes else first.batch_size
        self.batches = Batches(
            rows,
            streams,
            batch,
            first.loss,
            stack.network.outputs,
            rows_independent=first.rows_independent,
            logit_rows=stack.network.logit_rows,
            group=group,
        )
        self.per_epoch = self.batches.per_epoch
        self._predictor = Predictor(stack.weights.for_prediction())
        self._steps = self._chunk_steps()
        self._bound: dict[int, tuple[Step | NativeStep, Tensor]] = {}
        self._table_rows = TableRows(rows, stack)
        self._picked: bool | None = None  # whether the step picks rows itself, once that is known
        self._native_judge: NativeJudge | None = None
        self.trained_by = ""

    def begin(self, epochs: int) -> None:
        """Get ready to go on after so many epochs."""
        if not self._minimizes or self.minimizer_runs is not None:
            return
        start, now = self.stack.weights.slots["start"], self.stack.weights.parameters
        if epochs == 0:
            start.copy_(now)
        # A resumed search repeats its evaluations from its own start, which a slot holds.
        now.copy_(start)
        self.minimizer_runs = MinimizerRuns(self.stack)
        self._repeat(epochs)

    def close(self) -> None:
        """End the minimizers' searches, and the workers."""
        if self.minimizer_runs is not None:
            self.minimizer_runs.restore_best(self.stack)
            self.minimizer_runs.close()
        self._workers.close()

    def _repeat(self, epochs: int) -> None:
        """Repeat the epochs of minimizers, since SciPy can't save the state of a search."""
        statistics = self.stack.weights.statistics.clone()
        for epoch in range(epochs):
            for bound in self.chunks(epoch, epoch):
                bound.run(lambda: False)
        # The repeated epochs also moved batch norm's statistics, which are already those of now.
        self.stack.weights.statistics.copy_(statistics)

    def chunks(
        self, epoch: int, step: int, position: int = 0, end: int | None = None
    ) -> Iterator[BoundChunk]:
        """Yield an epoch's batches in chunks, with what moves the members by them.

        Args:
            epoch: from 0.
            step: the global number of its first step.
            position: steps of it that are done already.
            end: its steps that are to be done; None for all.

        Yields:
            Whole chunks; of one that was begun before, or ends later, a part is to be done.
        """
        if self.stack.advance(epoch + 1, begins=position == 0):
            self._bound.clear()  # which worked on the layers that learned until now
        self.stack.schedule_layers(step, self.per_epoch)
        # `step` is the epoch's first one, also where it resumes in the middle: the numbers of the
        # steps before `position` are skipped.
        values = islice(self.stack.step_schedule.values(step, self.per_epoch), position, None)
        begun = 0
        if self._picked is None:
            self._picked = self._picks()
        for whole in self.batches.epoch(epoch, self._steps, picked=self._picked):
            done = max(0, position - begun)
            stop = whole.steps if end is None else min(whole.steps, end - begun)
            if stop <= 0:
                return
            if done < stop:
                bound, memory = self._binding(whole.whole_batch)
                bound.refresh(step + begun + done, whole.steps - done)
                part = ChunkPart(whole, done, stop, memory[: whole.steps], values)
                yield BoundChunk(bound, part)
            begun += whole.steps

    def judge(self, scores: Mapping[str, ScoreFunction]) -> Metrics:
        """Return the metrics of the validation rows, each (K,)."""
        sums = MetricSums(self.stack)
        # Scores want predictions, which the library doesn't hand out.
        if not scores and self.batches.judged_can_be_picked and not self._obstacle():
            self._bound_judge().add_to(sums)
            return sums.means()
        link = self.stack.members[0].loss.predict
        more = ScoreCollector(scores, link, self._judged_rows(), self._group)
        with self._group.counted(sums) as own:
            for chunk in self.batches.judging(self._predictor.most):
                (x,) = chunk.features()
                logits = self._predictor(x).transpose(1, 2)
                own.add(logits[None], chunk)
                more.add(logits)
        return sums.means() | more.values()

    def activations(self) -> list[tuple[str, Tensor]]:
        """Return each layer's name and outputs (K, B, width) on some rows, as when predicting."""
        if self.batches.has_validation:
            chunk = next(self.batches.judging(_SHOWN_ROWS))
        else:
            chunk = next(self.batches.epoch(0, 1))
        return self._predictor.outputs(next(iter(chunk.features()))[:, :_SHOWN_ROWS])

    def operations(self) -> float:
        """Return the operations of a matrix product of a step, on average over the layers."""
        shapes = [shape for shape in self.stack.network.parameters.shapes if shape.weight_rows]
        size = sum(shape.rows * shape.columns for shape in shapes) / len(shapes)
        return 2.0 * self.stack.k * self.batches.batch * size

    def _judged_rows(self) -> NDArray[np.integer]:
        """Return the numbers (K, N) of the rows that each member is judged on."""
        judged = [stream.judged for stream in self._streams]
        return np.stack([ids for ids in judged if ids is not None])

    def _chunk_steps(self) -> int:
        widest = self.stack.k * max(self.stack.network.sizes[1:])
        streams = len({id(stream) for stream in self._streams})
        numbers = self.batches.batch * max(widest, streams * self._rows.width)
        # A GPU has no such cache to respect, and every call to it takes longer to start.
        budget = CHUNK_BYTES * (16 if self._rows.device.type == "cuda" else 1)
        fitting = budget // (numbers * self.stack.gradients.element_size())
        return max(1, min(fitting, _MOST_STEPS, self.per_epoch))

    def _binding(self, batch: int) -> tuple[Step | NativeStep, Tensor]:
        """Return the step for batches of a size, and memory for its logits."""
        if batch not in self._bound:
            stack, steps = self.stack, self._steps if batch == self.batches.batch else 1
            step = self._bind(batch, steps)
            # Logits of all steps of a chunk, so that PyTorch computes metrics in one call for many
            # steps.
            share = self._group.share(batch).rows
            rows = 0 if isinstance(step, NativeStep) else share * stack.network.logit_rows
            logits = stack.gradients.new_empty(steps, stack.k, stack.network.outputs, rows)
            self._bound[batch] = step, logits
        return self._bound[batch]

    def _picks(self) -> bool:
        """Return whether the step picks rows from the table, which then aren't gathered."""
        if self._minimizes or not self.batches.can_be_picked:
            return False
        return not self._obstacle()

    def _obstacle(self) -> str:
        """Return why PyTorch moves and judges the members; empty where the library does."""
        # What takes whole batches takes the smaller last one as well.
        return self._group.obstacle or obstacle(self.stack, self.batches.batch)

    def _bound_judge(self) -> NativeJudge:
        """Return what judges the members on the validation rows."""
        if self._native_judge is None:
            chunk = self.batches.judged_as_picked()
            self._native_judge = NativeJudge(self.stack, self._table_rows, chunk, self._workers)
        return self._native_judge

    def _bind(self, batch: int, steps: int) -> Step | NativeStep:
        """Return what moves the members by batches of a size: the fastest that can."""
        if self.minimizer_runs is not None:
            return MinimizerStep(self.stack, batch, self.minimizer_runs, self._group)
        reason = self._group.obstacle or obstacle(self.stack, batch)
        self.trained_by = "PyTorch" if reason else "compiled step"
        if not reason:
            return NativeStep(
                self.stack, batch, self.per_epoch, steps, self._table_rows, self._workers
            )
        _log.debug("PyTorch takes the steps: %s", reason)
        return Step(self.stack, batch, steps, self._group)


class BoundChunk(NamedTuple):
    """Batches that are to be done, and the step that moves the members by them."""

    step: Step | NativeStep
    part: ChunkPart

    def run(self, stopped: Callable[[], bool]) -> int:
        """Move the members by the batches that are left; return how many of the chunk are done.

        Args:
            stopped: asked again and again: whether to end before the next batch.
        """
        return self.step.run(self.part, stopped)
