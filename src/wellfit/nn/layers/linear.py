"""The linear layer: every output a weighted sum of every input."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper
from wellfit.nn.initializers import GlorotUniform, Initializer, Zeros
from wellfit.nn.layers.base import Layer
from wellfit.nn.matmul_backend import (
    COPIED,
    GRADIENTS,
    by_onednn,
    is_large,
    is_large_narrow,
    rounding,
    use_backend,
)
from wellfit.nn.ops import BindContext, Op, ParameterShape


class Linear(Layer, name="linear"):
    r"""z = x W + b, every output a weighted sum of every input.

    The bias is the last row of the weights (inputs + 1, units), fed by a column of ones: one
    product gives z, one gives both gradients.

    Source: Rosenblatt, "The perceptron", 1958; the backward pass, Rumelhart, Hinton and
    Williams, 1986.

    >>> Linear(10).parameters(inputs=784)
    ParameterShape(rows=785, columns=10, weight_rows=784, matrices=1)
    """

    reads_ones: ClassVar[bool] = True

    units: int = hyper("number of outputs", default=100, low=1, scale="log", search=(16, 1024))
    initializer: Initializer = hyper(
        "how the weights start", default=GlorotUniform(), init_only=True
    )
    bias_initializer: Initializer = hyper("how the biases start", default=Zeros(), init_only=True)

    def width(self, inputs: int) -> int:
        """Return the number of units."""
        return self.units

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the weights' shape, the bias as their last row."""
        return ParameterShape(inputs + 1, self.units, weight_rows=inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the weights, then the biases: a row of such weights as their initializer draws."""
        # Biases are one row of a full draw, so that initializers which scale with the fan see this
        # layer's fan and not that of a single input.
        weights = self.initializer.sample(inputs, self.units, generator)
        biases = self.bias_initializer.sample(inputs, self.units, generator)[:1]
        return torch.cat([weights, biases])

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        if rounding():
            return _RoundedOp(context)
        # The executor lays the logits of few classes out in columns: see matmul_backend.is_narrow.
        return _NarrowOp(context) if _lies_in_columns(context.out) else _LinearOp(context)


class _LinearOp(Op):
    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._weight, self._grad, self._learns = context.weight, context.grad, context.learns
        # Gradients are means over the batch; the factor rides along in the product (alpha) for
        # free.
        self._mean = 1 / context.batch
        self._down = context.empty(context.inputs) if context.passes_down else None
        rows, units = context.members * context.batch, self.out.shape[-1]
        self._large, self._large_grad = self._sizes(rows, context.inputs, units)
        copied = context.members > 1
        self._large_down = is_large(rows, units, context.inputs, COPIED if copied else GRADIENTS)
        # oneDNN wants no biases between members' weights, and would copy them slowly each time.
        self._upward = context.weight[:, : context.inputs]
        self._packed: Tensor | None = None
        if copied and by_onednn(self._large_down) and not rounding():
            self._packed = context.weight.new_empty(self._upward.shape)
        tight = self._upward if copied else self._upward[0][None]
        self._weight_t = (tight if self._packed is None else self._packed).transpose(1, 2)
        self._copies = copied and self._learns and by_onednn(self._large)
        self._x = self._x_t = self.out
        self._own: Tensor | None = None

    def _sizes(self, rows: int, inputs: int, units: int) -> tuple[bool, bool]:
        """Return whether the products for outputs, and for gradients, are large."""
        return is_large(rows, inputs, units), is_large(rows, inputs, units, GRADIENTS)

    def forward(self, x: Tensor) -> Tensor:
        x = self._taken(x)
        use_backend(self._large)
        torch.bmm(x, self._weight, out=self.out)
        return self.padded_output

    def _taken(self, x: Tensor) -> Tensor:
        """Keep the input for the backward pass; rows that all members share are copied for each.

        oneDNN would copy them itself, in both products.
        """
        if self._copies and x.stride(0) == 0:
            if self._own is None:
                self._own = x.new_empty(x.shape)
            x = self._own.copy_(x)
        # Inputs come in the same buffer at every step, but for the first layer's.
        if x is not self._x:
            self._x, self._x_t = x, x.transpose(1, 2)
        return x

    def backward(self, delta: Tensor) -> Tensor:
        if self._learns:
            use_backend(self._large_grad)
            # With beta=0 the first argument is not read, so that NaN in an old gradient can't
            # survive.
            torch.baddbmm(self._grad, self._x_t, delta, beta=0, alpha=self._mean, out=self._grad)
        if self._down is None:
            return delta
        return self._descend(delta, self._down)

    def _descend(self, delta: Tensor, down: Tensor) -> Tensor:
        use_backend(self._large_down)
        if self._packed is not None:
            self._packed.copy_(self._upward)
        return torch.bmm(delta, self._weight_t, out=down)


class _NarrowOp(_LinearOp):
    """The same for few units, whose outputs lie in memory unit by unit, as losses want them."""

    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._out_t, self._whole_t = self.out.transpose(1, 2), context.weight.transpose(1, 2)
        self._grad_t = torch.empty_like(self._whole_t, memory_format=torch.contiguous_format)

    def _sizes(self, rows: int, inputs: int, units: int) -> tuple[bool, bool]:
        large = is_large_narrow(rows, inputs)
        return large, large

    def forward(self, x: Tensor) -> Tensor:
        self._taken(x)
        use_backend(self._large)
        # (K, units, inputs + 1) times (K, inputs + 1, B): few rows by many columns, the order in
        # which the default library is fast.
        torch.bmm(self._whole_t, self._x_t, out=self._out_t)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        if self._learns:
            use_backend(self._large_grad)
            few = delta.transpose(1, 2)
            torch.baddbmm(self._grad_t, few, self._x, beta=0, alpha=self._mean, out=self._grad_t)
            # The optimizer's flat buffer wants rows of inputs; copying so few units costs little.
            self._grad.copy_(self._grad_t.transpose(1, 2))
        if self._down is None:
            return delta
        return self._descend(delta, self._down)


class _RoundedOp(_LinearOp):
    """The same in bfloat16: factors and products are rounded, sums are not.

    Weights, gradients and what passes between layers stay float32.
    """

    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._weight_b, self._grad_b = _rounded(context.weight), _rounded(context.grad)
        self._weight_bt = self._weight_b[:, : context.inputs].transpose(1, 2)
        self._out_b, self._delta_b = _rounded(self.out), _rounded(self.out)
        # Copies in bfloat16 live beside the float32 originals: the update rule needs the latter,
        # since steps smaller than 1/256 of a weight would vanish in bfloat16.
        self._x_b = self._out_b.new_empty(context.members, context.batch, context.inputs + 1)
        self._x_bt = self._x_b.transpose(1, 2)
        self._down_b = None if self._down is None else _rounded(self._down)

    def forward(self, x: Tensor) -> Tensor:
        self._x_b.copy_(x)
        self._weight_b.copy_(self._weight)
        self.out.copy_(torch.bmm(self._x_b, self._weight_b, out=self._out_b))
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        self._delta_b.copy_(delta)
        if self._learns:
            torch.bmm(self._x_bt, self._delta_b, out=self._grad_b)
            # The mean is taken after the conversion, in float32.
            self._grad.copy_(self._grad_b).mul_(self._mean)
        if self._down is None or self._down_b is None:
            return delta
        torch.bmm(self._delta_b, self._weight_bt, out=self._down_b)
        return self._down.copy_(self._down_b)


def _lies_in_columns(out: Tensor) -> bool:
    return out.transpose(1, 2).is_contiguous() and not out.is_contiguous()


def _rounded(like: Tensor) -> Tensor:
    return torch.empty(like.shape, dtype=torch.bfloat16, device=like.device)
