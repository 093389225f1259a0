"""Ops: layers and activations bound to K members and a batch of B rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class ParameterShape:
    """The shape of a layer's parameters or statistics for one member: (rows, columns).

    The first ``weight_rows`` rows are weights; the rest (biases, scales) take no penalty. The
    weights are so many ``matrices``, side by side.
    """

    rows: int
    columns: int
    weight_rows: int = 0
    matrices: int = 1


@dataclass(frozen=True)
class BatchShare:
    """The examples of a batch that this process computes: all, where it trains alone.

    Where several processes train one network, each has its share of every batch. What is summed
    over a batch's rows, such as gradients, is then summed over the processes too.

    Attributes:
        first: how many examples of the batch come before its own.
        own: how many are its own.
        of: the examples of the whole batch.
    """

    first: int
    own: int
    of: int

    @classmethod
    def whole(cls, batch: int) -> BatchShare:
        """Return the share of a process that trains alone."""
        return cls(0, batch, batch)

    def times(self, rows: int) -> Self:
        """Return the share in rows, of which each example has so many."""
        return replace(self, first=rows * self.first, own=rows * self.own, of=rows * self.of)

    @property
    def rows(self) -> int:
        """The examples that are computed: one that doesn't count where none is its own."""
        return max(self.own, 1)

    @property
    def weight(self) -> float:
        """The share as a number from 0 to 1: that of a mean over its own in one over all."""
        return self.own / self.of

    def add_up(self, values: Tensor) -> Tensor:
        """Sum numbers over the processes, in place, and return them."""
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Turn means over its own rows into those over all rows, in place, and return them."""
        return values

    def weighted_sum(self, values: Tensor) -> Tensor:
        """Return sums over the processes times :attr:`weight`; ``values`` stay as they are."""
        return values


@dataclass(frozen=True)
class BindContext:
    """Everything that a layer is bound to: the memory, and the members that it works for.

    ``out`` (K, B, width) is where results go; ``padded_output`` is the whole buffer around it,
    wider by a column of ones where a dense layer reads next (its bias is the last row of its
    weights).
    ``hypers`` are the layer's per-member hyper-parameters, each (K,), in double precision.
    ``learns`` says whether any of the members learns the layer, or all leave it as it is.
    ``share`` is the part of the whole batch's rows that is computed here.
    """

    members: int
    batch: int
    inputs: int
    out: Tensor
    padded_output: Tensor
    weight: Tensor
    grad: Tensor
    stats: Tensor
    hypers: dict[str, Tensor]
    keys: Tensor
    steps: int
    training: bool
    passes_down: bool
    share: BatchShare
    learns: bool = True

    def part(self, members: slice, *, learns: bool) -> BindContext:
        """Return the context of some members in a row, in the same memory."""
        return replace(
            self,
            members=members.stop - members.start,
            out=self.out[members],
            padded_output=self.padded_output[members],
            weight=self.weight[members],
            grad=self.grad[members],
            stats=self.stats[members],
            hypers={key: value[members] for key, value in self.hypers.items()},
            keys=self.keys[members],
            learns=learns,
        )

    def empty(self, width: int) -> Tensor:
        """Return a buffer (K, B, width) of the context's type."""
        return self.out.new_empty(self.members, self.batch, width)

    def number(self, key: str) -> Tensor | float:
        """Return a hyper-parameter as (K, 1, 1), or as the number that all members share."""
        return collapsed(self.hypers[key], self.out.dtype)


def collapsed(values: Tensor, dtype: torch.dtype) -> Tensor | float:
    """Return members' numbers (K,) as (K, 1, 1), or as the one that all share.

    A number is much faster than a tensor that has to be spread over rows and units.

    >>> collapsed(torch.tensor([0.5, 0.5]), torch.float32)
    0.5
    """
    # Read back from the device once, when the op is bound: never within a step.
    if bool((values == values[0]).all()):
        return float(values[0])
    return values.to(dtype).view(-1, 1, 1)


class Op:
    """A layer bound to K members and B rows; it writes its results into ``padded_output``."""

    def __init__(self, context: BindContext) -> None:
        self.out, self.padded_output = context.out, context.padded_output

    def refresh(self, step: int, steps: int) -> None:
        """Prepare the randomness of the ``steps`` steps from ``step`` on."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer's output from x, write it where it belongs and return it."""
        raise NotImplementedError

    def backward(self, delta: Tensor) -> Tensor:
        """Turn ∂loss/∂output into parameter gradients and ∂loss/∂input; may reuse ``delta``."""
        raise NotImplementedError


class PerRun(Op):
    """A layer that computes differently in some members than in others.

    Args:
        context: of all members.
        parts: the op of each run of members, bound to that part of the context.
    """

    def __init__(self, context: BindContext, parts: Sequence[tuple[slice, Op]]) -> None:
        super().__init__(context)
        self._parts = parts

    def refresh(self, step: int, steps: int) -> None:
        """Prepare the randomness of every run."""
        for _, op in self._parts:
            op.refresh(step, steps)

    def forward(self, x: Tensor) -> Tensor:
        """Compute run by run, each into its part of the output."""
        for members, op in self._parts:
            op.forward(x[members])
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        """Go back run by run, and bring the results together in ``delta``."""
        for members, op in self._parts:
            part = delta[members]
            below = op.backward(part)
            # Ops of learned layers write their own buffer; the next layer down reads one for all
            # members.
            if below is not part:
                part.copy_(below)
        return delta
