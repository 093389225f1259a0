"""The entity embedding of categories."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper
from wellfit.core.rng import Bits
from wellfit.nn.embeddings.base import add_rows
from wellfit.nn.embeddings.categorical import CategoricalEmbedding
from wellfit.nn.ops import BindContext, Op, ParameterShape


class EntityEmbedding(CategoricalEmbedding, name="entity"):
    r"""embedding(c) = W[c]: a row of numbers for each code, which it learns.

    It is what a linear layer without bias makes of a column of 0 and 1 for each code, and costs
    as much for a million of them as for two. A code that training rows don't have keeps its
    initial row, which is near 0, unless it is 0; a code beyond the last counts as the last.

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables", 2016; codes that count
    as unknown at random: Iyyer, Manjunatha, Boyd-Graber and Daumé, "Deep unordered composition
    rivals syntactic methods for text classification", 2015.

    Args:
        size: numbers that a column becomes.
        std: standard deviation of the initial rows.
        min_levels, levels, lr_multiplier, unknown_rate: as of every embedding of categories.

    >>> layer = EntityEmbedding(4, levels=(100, 30))
    >>> layer.parameters(inputs=5), layer.width(inputs=5)
    (ParameterShape(rows=130, columns=4, weight_rows=0, matrices=1), 11)
    """

    std: float = hyper(
        "standard deviation of the initial rows",
        default=0.05,
        low=0,
        scale="log",
        search=(0.01, 1),
        init_only=True,
    )

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of W: the codes of all columns, one column's below another's."""
        return ParameterShape(sum(self.levels), self.size)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw W from N(0, std²)."""
        block = torch.empty(sum(self.levels), self.size, dtype=torch.float64)
        return block.normal_(0, self.std, generator=generator) if self.std else block.zero_()

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _EntityOp(context, self)


class _EntityOp(Op):
    """Looks up the rows of K members' codes, and adds up the gradients of each row."""

    def __init__(self, context: BindContext, layer: EntityEmbedding) -> None:
        super().__init__(context)
        self._weight, self._grad = (part.flatten(0, 1) for part in (context.weight, context.grad))
        self._kept, self._shape = layer.kept(context.inputs), (len(layer.levels), layer.size)
        counts = torch.tensor(layer.levels, device=self.out.device)
        first = torch.tensor([0, *accumulate(layer.levels)][:-1], device=self.out.device)
        members = torch.arange(context.members, device=self.out.device) * sum(layer.levels)
        self._last, self._first = counts - 1, first + members[:, None, None]
        self._places = self._first
        own = self.out[..., self._kept :]
        self._found = own.view(*own.shape[:2], *self._shape)  # (K, B, columns, size)
        self._learns, self._mean = context.learns, 1 / context.batch
        # What is passed down for codes is 0, once and for all.
        below = context.empty(context.inputs).zero_() if context.passes_down else None
        self._down = below
        self._hidden = _HiddenCodes(context, len(layer.levels)) if context.training else None

    def refresh(self, step: int, steps: int) -> None:
        """Draw which codes count as unknown."""
        if self._hidden is not None:
            self._hidden.refresh(step, steps)

    def forward(self, x: Tensor) -> Tensor:
        """Copy the other columns, and look the rows of the codes up."""
        kept = self._kept
        codes = x[..., kept:].long().clamp_(min=0)
        if self._hidden is not None:
            codes = self._hidden.applied(codes)
        self._places = torch.minimum(codes, self._last).add_(self._first).flatten()
        rows = self._weight.index_select(0, self._places)
        self.out[..., :kept] = x[..., :kept]
        self._found.copy_(rows.view(self._found.shape))
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        """Add up the gradients of each row; pass on those of the other columns."""
        kept = self._kept
        if self._learns:
            self._grad.zero_()
            add_rows(self._grad, self._places, delta[..., kept:].reshape(-1, self._shape[1]))
            self._grad.mul_(self._mean)
        if self._down is None:
            return delta
        self._down[..., :kept] = delta[..., :kept]
        return self._down


class _HiddenCodes:
    """Sets codes to 0 at random, by each member's own seed and the step alone."""

    def __init__(self, context: BindContext, columns: int) -> None:
        self._rate = context.hypers["unknown_rate"].view(1, -1, 1, 1)
        shape = context.batch, columns
        self._bits = Bits(context.keys, shape, context.steps, context.share.first)
        self._masks: list[Tensor] = []

    def refresh(self, step: int, steps: int) -> None:
        kept = self._bits.draw(step)[:steps] >= Bits.threshold(self._rate)
        # Reversed, so that pop() hands masks out in the order of the steps.
        self._masks = list(kept.long().unbind(0))[::-1]

    def applied(self, codes: Tensor) -> Tensor:
        """Return codes (K, rows, columns) of the next step, 0 where they are hidden."""
        # Checks of gradients and layers look at rows as they are, and draw nothing.
        return codes * self._masks.pop() if self._masks else codes
