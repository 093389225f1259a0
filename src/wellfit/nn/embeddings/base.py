"""The base classes of embeddings of numeric features, and of their ops."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.core.parameter import is_auto
from wellfit.nn.layers.base import Layer
from wellfit.nn.ops import BindContext, Op

# Numbers of the widest buffer of a block of rows: what a block needs stays in the caches, and
# long batches don't take rows times features times bins of memory.
_BLOCK = 1 << 19


class NumericEmbedding(Layer, family="numeric_embedding"):
    """Turns each of some columns into ``size`` numbers, by functions that it learns.

    The numbers of all these columns come first, column by column; the other columns follow as they
    are. It has no weights in the sense of penalties, constraints and layer rates: it belongs to
    the linear layer above it, with which it is frozen and transferred.

    Args:
        size: numbers that a column becomes.
        activation: None, or ``"relu"`` of these numbers.
        columns: the inputs that are embedded, from 0; empty for all.
        lr_multiplier: factor on its learning rate.
    """

    size: int = hyper("numbers that a feature becomes", default=8, low=1)
    activation: str | None = hyper(
        "of these numbers", default=None, choices=("relu",), optional=True
    )
    columns: tuple[int, ...] = hyper(
        "inputs that are embedded, from 0; all where empty", default=(), kw_only=True
    )
    lr_multiplier: float = hyper(
        "factor on its learning rate",
        default=1.0,
        low=0,
        open_low=True,
        scale="log",
        search=(0.1, 10),
        per_member=True,
        kw_only=True,
    )

    @classmethod
    def from_value(cls, given: Any) -> Self:
        """Return the embedding that a parameter's value stands for: ``"auto"`` where it suits."""
        return super().from_value("piecewise_with_jumps" if is_auto(given) else given)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle_positions("columns")

    def _settle_positions(self, key: str) -> None:
        """Keep positions of inputs as a tuple.

        Raises:
            HyperparameterError: they aren't whole numbers from 0 in ascending order.
        """
        given = getattr(self, key)
        places = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        whole = all(type(place) is int and place >= 0 for place in places)
        if not whole or list(places) != sorted(set(places)):
            raise HyperparameterError(
                f"{key} of numeric_embedding {self.name!r} is {given!r}; expected positions of "
                "inputs from 0, in ascending order"
            )
        object.__setattr__(self, key, places)

    def fitted_to(self, x: Tensor, target: Tensor, weight: Tensor | None) -> NumericEmbedding:
        """Return the embedding with no more parameters than such rows need; this one by default.

        Args:
            x: (rows, inputs).
            target: (rows,) class numbers, or (rows, outputs) numbers.
            weight: (rows,), or None where all are 1.
        """
        return self

    def embedded(self, inputs: int) -> tuple[int, ...]:
        """Return the positions of the columns that are embedded, of so many.

        Raises:
            HyperparameterError: a position beyond the last column.
        """
        if self.columns and self.columns[-1] >= inputs:
            raise HyperparameterError(
                f"columns of numeric_embedding {self.name!r} hold {self.columns[-1]}, and there "
                f"are {inputs} inputs; expected positions below {inputs}"
            )
        return self.columns or tuple(range(inputs))

    def kept(self, inputs: int) -> tuple[int, ...]:
        """Return the positions of the columns that stay as they are, of so many."""
        return tuple(sorted(set(range(inputs)) - set(self.embedded(inputs))))

    def width(self, inputs: int) -> int:
        """Return the numbers of all columns."""
        return len(self.embedded(inputs)) * self.size + len(self.kept(inputs))

    def names(self, inputs: Sequence[str]) -> list[str]:
        """Return the names of all its numbers, of inputs with such names.

        >>> from wellfit.nn import Periodic
        >>> Periodic(size=2, columns=(1,)).names(["town_Ulm", "age"])
        ['age 1', 'age 2', 'town_Ulm']
        """
        embedded = [inputs[at] for at in self.embedded(len(inputs))]
        own = [f"{name} {number}" for name in embedded for number in range(1, self.size + 1)]
        return own + [inputs[at] for at in self.kept(len(inputs))]

    def learning_rate_factor(self) -> float:
        """Return the factor on the learning rate of what it learns."""
        return self.lr_multiplier


class EmbeddingOp(Op):
    """Embeds F columns of B rows for K members, block by block of rows; copies the others.

    Args:
        context: what it is bound to.
        layer: the description.
        widest: numbers of a feature and row in the largest buffer.
        plain: the last so many of a feature's numbers have no activation.
    """

    def __init__(
        self, context: BindContext, layer: NumericEmbedding, widest: int, plain: int = 0
    ) -> None:
        super().__init__(context)
        columns, kept = layer.embedded(context.inputs), layer.kept(context.inputs)
        self.features, self.size = len(columns), layer.size
        self.learns, self.mean = context.learns, 1 / context.batch
        self._columns, self._kept = _index(columns, self.out), _index(kept, self.out)
        self._active = slice(layer.size - plain if layer.activation == "relu" else 0)
        self._rows = context.batch
        most = max(1, _BLOCK // (context.members * self.features * widest))
        self.block = min(most, context.batch)
        self._cut = self.features * self.size
        self.embedded, self._others = self.apart(self.out), self.out[..., self._cut :]
        self._down = context.empty(context.inputs) if context.passes_down else None
        self._delta = self.buffer(self.size)
        self._x = self.out

    def buffer(self, width: int) -> Tensor:
        """Return memory (K, F, rows of a block, width)."""
        return self.out.new_empty(len(self.out), self.features, self.block, width)

    @abstractmethod
    def embed(self, x: Tensor, out: Tensor) -> None:
        """Write the embedding of x (K, F, rows, 1) to ``out`` (K, F, rows, size)."""

    @abstractmethod
    def learn(self, x: Tensor, delta: Tensor, *, again: bool, first: bool) -> None:
        """Add a block's part to the gradients.

        Args:
            x: (K, F, rows, 1).
            delta: (K, F, rows, size).
            again: whether other blocks were embedded since this one was.
            first: whether no block was added before.
        """

    @abstractmethod
    def descend(self, x: Tensor, delta: Tensor) -> Tensor:
        """Return ∂loss/∂x (K, F, rows) of the block that was learned last."""

    def pack(self) -> None:
        """Take the present parameters, which may have moved since the last call."""

    def settle(self) -> None:
        """Write the gradients where they belong."""

    def forward(self, x: Tensor) -> Tensor:
        """Embed the columns, and copy the others."""
        self.pack()
        self._x = _picked(x, self._columns).transpose(1, 2).unsqueeze(-1)
        for rows in self._blocks():
            out = self.embedded[:, :, rows]
            self.embed(self._x[:, :, rows], out)
            if self._active.stop:
                out[..., self._active].clamp_(min=0)
        if self._others.shape[-1]:
            self._others.copy_(_picked(x, self._kept))
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        """Compute the gradients, and ∂loss/∂x where a layer below learns."""
        above, blocks = self.apart(delta), list(self._blocks())
        below = None if self._down is None else self._x.new_empty(self._x.shape[:-1])
        for number, rows in enumerate(blocks):
            x, own = self._x[:, :, rows], self._delta[:, :, : rows.stop - rows.start]
            own.copy_(above[:, :, rows])
            if self._active.stop:
                own[..., self._active].mul_(self.embedded[:, :, rows, self._active] > 0)
            self.learn(x, own, again=len(blocks) > 1, first=number == 0)
            if below is not None:
                below[:, :, rows] = self.descend(x, own)
        if self.learns:
            self.settle()
        if below is None or self._down is None:
            return delta
        self._down[..., self._columns] = below.transpose(1, 2)
        if self._others.shape[-1]:
            self._down[..., self._kept] = delta[..., self._cut :]
        return self._down

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, self._rows, self.block):
            yield slice(start, min(start + self.block, self._rows))

    def apart(self, rows: Tensor) -> Tensor:
        """Return what embedded columns have in (K, rows, width), as a view (K, F, rows, size)."""
        own = rows[..., : self._cut]
        return own.view(*own.shape[:-1], self.features, self.size).transpose(1, 2)


def _index(places: Sequence[int], like: Tensor) -> slice | Tensor:
    """Return neighbouring columns as a slice, which is a view and no copy; else as an index."""
    if places and places[-1] - places[0] + 1 == len(places):
        return slice(places[0], places[-1] + 1)
    return torch.tensor(places, dtype=torch.long, device=like.device)


def _picked(rows: Tensor, places: slice | Tensor) -> Tensor:
    """Return some columns of rows (K, B, width)."""
    if isinstance(places, slice):
        return rows[..., places]
    # One kernel where an index would first be spread over all axes.
    return rows.index_select(-1, places)


def add_rows(target: Tensor, places: Tensor, rows: Tensor) -> None:
    """Add each of some rows to the row of ``target`` at its place, in a fixed order."""
    if target.device.type == "cpu":
        target.index_add_(0, places, rows)
    else:  # where index_add_ adds in any order, so that sums differ in their last bits
        target.index_put_((places,), rows, accumulate=True)
