"""Layers for examples of several rows, such as the pairs of a siamese network.

Where rows share their weights, all layers below :class:`ConcatRows` see them one by one, as rows.
Where they don't, ``ConcatRows`` comes first, and linear layers are :class:`GroupedLinear`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.initializers import GlorotUniform, Initializer, Zeros
from wellfit.nn.layers.base import Layer
from wellfit.nn.matmul_backend import is_large, use_backend
from wellfit.nn.ops import BindContext, Op, ParameterShape


class ConcatRows(Layer, name="concat_rows", aliases=("merge",)):
    r"""Puts the rows of an example side by side: (B · rows, H) becomes (B, rows · H).

    The layers below see every row by itself, so that the rows of an example share their weights.

    Source: Bromley, Guyon, LeCun, Säckinger and Shah, "Signature verification using a siamese time
    delay neural network", 1993.

    >>> ConcatRows(2).width(inputs=100)
    200
    """

    rows: int = hyper("rows of an example; one is left as it is", default=1, low=1)

    @property
    def rows_per_output(self) -> int:
        """The rows that become one row here."""
        return self.rows

    def width(self, inputs: int) -> int:
        """Return the numbers of all rows of an example."""
        return self.rows * inputs

    def bind(self, context: BindContext) -> Op:
        """Return the op that copies rows side by side."""
        return _ConcatOp(context, self.rows)


class _ConcatOp(Op):
    def __init__(self, context: BindContext, rows: int) -> None:
        super().__init__(context)
        self._rows = rows
        # A view (K, B, rows, inputs) of the output, whose padding column doesn't disturb the
        # strides.
        self._apart = self.out.view(*self.out.shape[:2], rows, context.inputs)
        self._down = torch.empty_like(self._apart, memory_format=torch.contiguous_format)

    def forward(self, x: Tensor) -> Tensor:
        self._apart.copy_(x.view(self._apart.shape))
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        # Gradients are means over rows: below there are more of them to every example.
        torch.mul(delta.view(self._down.shape), self._rows, out=self._down)
        return self._down.flatten(1, 2)


class GroupedLinear(Layer, name="grouped_linear"):
    r"""zᵍ = xᵍ Wᵍ + bᵍ, where inputs and outputs fall into groups, each with its own weights.

    As one matrix this would be block-diagonal. The weights (inputs / groups + 1, groups · units)
    hold the groups side by side, the biases as the last row.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012.

    Raises:
        HyperparameterError: inputs that the groups can't share evenly.

    >>> GroupedLinear(100, groups=2).parameters(inputs=1568)
    ParameterShape(rows=785, columns=200, weight_rows=784, matrices=2)
    """

    units: int = hyper("outputs of each group", default=100, low=1, scale="log", search=(16, 1024))
    groups: int = hyper("number of groups", default=1, low=1)
    initializer: Initializer = hyper(
        "how the weights start", default=GlorotUniform(), init_only=True
    )
    bias_initializer: Initializer = hyper("how the biases start", default=Zeros(), init_only=True)

    def width(self, inputs: int) -> int:
        """Return the number of units of all groups."""
        return self.groups * self.units

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the weights' shape, the biases as their last row."""
        if inputs % self.groups:
            raise HyperparameterError(
                f"{inputs} inputs can't be shared evenly by {self.groups} groups"
            )
        each = inputs // self.groups
        return ParameterShape(each + 1, self.width(inputs), each, matrices=self.groups)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the weights and biases of one group after the other."""
        each = inputs // self.groups
        # Group by group, so that each has the fan of its own inputs.
        drawn = [
            torch.cat(
                [
                    self.initializer.sample(each, self.units, generator),
                    self.bias_initializer.sample(each, self.units, generator)[:1],
                ]
            )
            for _ in range(self.groups)
        ]
        return torch.cat(drawn, dim=1)

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _GroupedOp(context, self.groups)


class _GroupedOp(Op):
    def __init__(self, context: BindContext, groups: int) -> None:
        super().__init__(context)
        self._groups, self._mean, self._learns = groups, 1 / context.batch, context.learns
        self._out = self.out.chunk(groups, dim=-1)
        self._weight, self._bias = _by_group(context.weight, groups)
        self._grad, self._bias_grad = _by_group(context.grad, groups)
        self._down = context.empty(context.inputs) if context.passes_down else None
        self._x = self._out
        each, units = context.inputs // groups, self._out[0].shape[-1]
        self._large = is_large(context.members * context.batch, each, units)

    def forward(self, x: Tensor) -> Tensor:
        use_backend(self._large)
        self._x = x.chunk(self._groups, dim=-1)
        # A loop over groups, of which there are two in practice; one batched product would have to
        # copy the parts of x, which aren't contiguous.
        for part, weight, bias, out in zip(
            self._x, self._weight, self._bias, self._out, strict=True
        ):
            torch.baddbmm(bias, part, weight, out=out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        use_backend(self._large)
        deltas = delta.chunk(self._groups, dim=-1)
        if self._learns:
            self._learn(deltas)
        if self._down is None:
            return delta
        downs = self._down.chunk(self._groups, dim=-1)
        for own, weight, down in zip(deltas, self._weight, downs, strict=True):
            torch.bmm(own, weight.transpose(1, 2), out=down)
        return self._down

    def _learn(self, deltas: Sequence[Tensor]) -> None:
        parts = zip(self._x, deltas, self._grad, self._bias_grad, strict=True)
        for part, own, grad, bias in parts:
            torch.baddbmm(grad, part.transpose(1, 2), own, beta=0, alpha=self._mean, out=grad)
            torch.mean(own, dim=1, keepdim=True, out=bias)


def _by_group(block: Tensor, groups: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the weights and the biases of every group, views of (K, rows, columns)."""
    parts = block.chunk(groups, dim=-1)
    return tuple(part[:, :-1] for part in parts), tuple(part[:, -1:] for part in parts)
