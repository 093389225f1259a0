"""NativeJudge: validation by the compiled library, which also trains."""

from __future__ import annotations

import numpy as np

from wellfit.training.chunk import Chunk
from wellfit.training.metric_sums import MetricSums
from wellfit.training.native.paced_calls import PacedCalls
from wellfit.training.native.plan import NativePlan
from wellfit.training.native.table_rows import Located, TableRows
from wellfit.training.native.workers import Workers
from wellfit.training.stack import Stack

_BYTES = 1 << 17  # of a block's widest layer, which stays in a core's cache
_LEAST = 128  # rows of a block: its products then take longer than it takes to read the weights


class NativeJudge:
    """Judges all members of a stack on rows of the table, some examples at once.

    Args:
        stack: the members; the library must be able to train them.
        table_rows: the table.
        chunk: all rows that they are judged on, as one batch that is picked from the table.
        workers: threads that share the work, where it is worth them.
    """

    def __init__(
        self, stack: Stack, table_rows: TableRows, chunk: Chunk, workers: Workers
    ) -> None:
        assert chunk.ids is not None
        count, size = chunk.ids.shape[2], stack.gradients.element_size()
        self._block = min(count, _examples_at_once(stack, size))
        plan = NativePlan(stack, self._block, table_rows.one_class, judges=True)
        self._classifies = plan.classifies
        self._calls = PacedCalls(plan, stack, self._block, workers)
        self._chunk, self._table_rows = chunk, table_rows
        self._steps = -(-count // self._block)
        self._last = count - (self._steps - 1) * self._block
        self._sums = np.zeros((3, self._steps, stack.k))  # losses, hits, weights
        self._summed = [Located(each) for each in self._sums]
        self._point_at(chunk, size)

    def add_to(self, sums: MetricSums) -> None:
        """Add the losses of all rows, by the weights of now."""
        done = 0
        while done < self._steps:
            steps = min(self._calls.at_once, self._steps - done)
            self._place(done, steps)
            self._calls()
            done += steps
        sums.add_sums(self._sums, classifies=self._classifies)

    def _point_at(self, chunk: Chunk, size: int) -> None:
        """Write down where rows lie, which stay the same."""
        call, k = self._calls.call, self._sums.shape[2]
        assert chunk.ids is not None
        self._table_rows.point_at(call, chunk.ids)
        call.streams = 0 if chunk.shared is None else chunk.shared.data_ptr()
        # Blocks are cut of the one batch: each begins where the one before ends.
        self._ids, call.ids_step = chunk.ids.data_ptr(), self._block
        self._weight, self._weight_bytes = 0, self._block * size
        if chunk.weight is not None:
            weight = chunk.weight.expand(-1, k, -1, -1)
            assert weight.stride(3) == 1
            self._weight, call.weight_member = weight.data_ptr(), weight.stride(1)
            call.weight_step = self._block

    def _place(self, done: int, steps: int) -> None:
        """Write down which blocks come now."""
        call = self._calls.call
        call.steps, call.last = steps, self._last if done + steps == self._steps else 0
        call.ids = self._ids + done * self._block * 8
        call.weight = self._weight and self._weight + done * self._weight_bytes
        call.losses, call.hits, call.weights = (each.after(done) for each in self._summed)


def _examples_at_once(stack: Stack, size: int) -> int:
    """Return how many examples make a block, of numbers of so many bytes."""
    network = stack.network
    rows = max(network.rows_per_example)
    return max(1, _BYTES // (max(network.sizes) * size), _LEAST // rows)
