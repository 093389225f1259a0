"""Chunk: consecutive batches of a stack's members."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches of B examples, for each of K members.

    Features (n, K, B, D + 1), targets (n, K, C, B), weights (n, K, 1, B) or None. Of pairs,
    features are (n, K, 2B, D + 1), one pair after the other. Each example is of ``one_class``, or
    of a set of them; ``certain`` targets are columns of zeros with a single 1. Members that have
    fewer examples left than B get some of weight 0; ``filled`` (n, K, 1, 1) is B by those that
    they have, or None where all have as many.

    Where an example has several ``logit_rows``, its target and weight are there for each of them:
    (n, K, C, B · logit_rows).

    Where the step picks rows from the table itself, ``ids`` (n, S, B) are their numbers, and
    features and targets are empty, (n, K, B, 0) and (n, K, 0, B).

    Where some members share a stream and others don't, ``x`` has the features (n, S, B, D + 1) of
    the streams, ``shared`` (K,) says whose a member reads, and ``spread`` gives those of a batch
    to the members.

    Where several processes share each batch, the examples are those of one, ``of`` so many.
    """

    x: Tensor
    target: Tensor
    weight: Tensor | None
    certain: bool = False
    filled: Tensor | None = None
    spread: Callable[[Tensor], Tensor] | None = None
    shared: Tensor | None = None
    logit_rows: int = 1
    one_class: bool = False
    ids: Tensor | None = None
    of: int | None = None

    @property
    def steps(self) -> int:
        """The number of batches, n."""
        return self.x.shape[0]

    @property
    def batch(self) -> int:
        """B, the examples of each batch."""
        return self.target.shape[3] // self.logit_rows

    @property
    def whole_batch(self) -> int:
        """The examples of each batch, those of other processes among them."""
        return self.batch if self.of is None else self.of

    def features(self) -> Iterable[Tensor]:
        """Return every batch's features (K, B, D + 1), which may lie in the same memory."""
        batches = self.x.unbind(0)
        return batches if self.spread is None else map(self.spread, batches)

    @property
    def pull(self) -> Tensor | None:
        """The weights with which a mean over B examples is one over those that are there."""
        if self.weight is None or self.filled is None:
            return self.weight
        return self.weight * self.filled

    def part(self, start: int, end: int | None = None) -> Chunk:
        """Return the batches from ``start`` to ``end``, in the same memory."""
        weight, filled = (
            None if every is None else every[start:end] for every in (self.weight, self.filled)
        )
        return replace(
            self,
            x=self.x[start:end],
            target=self.target[start:end],
            weight=weight,
            filled=filled,
            ids=None if self.ids is None else self.ids[start:end],
        )
