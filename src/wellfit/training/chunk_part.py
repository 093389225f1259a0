"""ChunkPart: the batches of a chunk that a step is to take now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

from wellfit.training.chunk import Chunk
from wellfit.training.step_schedule import StepValues


class ChunkPart(NamedTuple):
    """Some batches of a chunk, which lie between those that are done and those for later.

    Attributes:
        chunk: n batches.
        done: how many of them are done already.
        stop: the first of them that is not to be done now.
        logits: memory (n, K, C, B) for what the steps put out.
        values: the numbers that each step needs, to be taken one by one.
    """

    chunk: Chunk
    done: int
    stop: int
    logits: Tensor
    values: Iterator[StepValues]

    def batches(self) -> Iterator[tuple[Any, ...]]:
        """Yield what the step takes, for each batch that is left."""
        chunk, logits = self.chunk, self.logits
        if self.done or self.stop < chunk.steps:
            chunk = chunk.part(self.done, self.stop)
            logits = logits[self.done : self.stop]
        return zip(logits.unbind(0), self.values, *_unbound(chunk), strict=False)


def _unbound(chunk: Chunk) -> tuple[Iterable[Tensor], ...]:
    """Return a chunk's batches one by one; views are made all at once, which is cheaper."""
    pull = chunk.pull
    weight = () if pull is None else (pull.unbind(0),)
    return chunk.features(), chunk.target.unbind(0), *weight
