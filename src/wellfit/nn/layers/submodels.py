"""Layers of submodels: several networks in one, which share all weights, some, or none.

:class:`RepeatRows` gives each submodel a row of its own of every example; the rows of an example
are neighbours, the first submodel's first. Layers in between see them as rows, and so are shared;
the layers here know which row is whose.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.initializers import GlorotUniform, Initializer, Zeros
from wellfit.nn.layers.base import Layer
from wellfit.nn.links import mean_logits
from wellfit.nn.matmul_backend import is_large, is_narrow, use_backend
from wellfit.nn.ops import BindContext, Op, ParameterShape


class RepeatRows(Layer, name="repeat_rows"):
    r"""Repeats every row: (B, H) becomes (B · rows, H), copies of a row side by side.

    The opposite of :class:`ConcatRows`.

    Source: Wen, Tran and Ba, "BatchEnsemble", 2020.

    >>> RepeatRows(16).rows_per_input
    16
    """

    rows: int = hyper("rows that each becomes", default=1, low=1)

    @property
    def rows_per_input(self) -> int:
        """The rows that one row becomes here."""
        return self.rows

    def bind(self, context: BindContext) -> Op:
        """Return the op that copies rows."""
        return _RepeatOp(context, self.rows)


class _RepeatOp(Op):
    def __init__(self, context: BindContext, rows: int) -> None:
        super().__init__(context)
        self._apart = _by_submodel(self.out, rows)
        self._down = context.empty(context.inputs) if context.passes_down else None

    def forward(self, x: Tensor) -> Tensor:
        self._apart.copy_(x.unsqueeze(2))
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        if self._down is None:
            return delta
        # Gradients are means over rows: below there are fewer of them to every example.
        return torch.mean(delta.view(self._apart.shape), dim=2, out=self._down)


class SubmodelScale(Layer, name="submodel_scale"):
    r"""yᵢ = xᵢ ⊙ rᵢ, or with ``shift`` xᵢ ⊙ sᵢ + bᵢ: each submodel's own factors of every unit.

    Below and above a linear layer that submodels share, they make it n different ones. Rows are
    those of :class:`RepeatRows`. Parameters are the scales (n, units), then the shifts; none is a
    weight that penalties act on.

    Source: Wen, Tran and Ba, "BatchEnsemble: an alternative approach to efficient ensemble and
    lifelong learning", 2020.

    Args:
        submodels: n.
        shift: whether something is added too.
        start: the scales' initial values, ``"ones"``, random ``"signs"``, or ``"normal"`` from
            N(0, 1).
        widths: the numbers that each input feature became, in order: they start with one scale.
            Empty where each number is a feature.
        shift_initializer: of the shifts.

    >>> SubmodelScale(16, start="signs").parameters(inputs=100)
    ParameterShape(rows=16, columns=100, weight_rows=0, matrices=1)
    """

    submodels: int = hyper("number of submodels", default=1, low=1)
    shift: bool = hyper("whether shifts are added", default=False)
    start: str = hyper(
        "the scales' initial values",
        default="ones",
        choices=("ones", "signs", "normal"),
        init_only=True,
    )
    widths: tuple[int, ...] = hyper(
        "numbers of each feature that start alike; one each where empty",
        default=(),
        init_only=True,
    )
    shift_initializer: Initializer = hyper("how the shifts start", default=Zeros(), init_only=True)

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of the scales and, below them, the shifts."""
        return ParameterShape(self.submodels * (1 + self.shift), inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the scales, a number for each feature, and the shifts."""
        widths = torch.tensor(self.widths or [1] * inputs)
        if int(widths.sum()) != inputs:
            raise HyperparameterError(
                f"widths of SubmodelScale add up to {int(widths.sum())}; expected the {inputs} "
                "inputs"
            )
        scales = torch.ones(self.submodels, len(widths), dtype=torch.float64)
        if self.start != "ones":
            scales.normal_(generator=generator)
        if self.start == "signs":
            scales = torch.where(scales < 0, -1.0, 1.0).to(scales)
        shifts = [
            self.shift_initializer.sample(inputs, inputs, generator)[:1]
            for _ in range(self.submodels if self.shift else 0)
        ]
        return torch.cat([scales.repeat_interleave(widths, dim=1), *shifts])

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _ScaleOp(context, self.submodels)


class _ScaleOp(Op):
    def __init__(self, context: BindContext, n: int) -> None:
        super().__init__(context)
        self._n, self._learns, self._mean = n, context.learns, 1 / context.batch
        self._out = _by_submodel(self.out, n)
        # (K, 1, n, units): of every example.
        self._scale, self._shift = _scales(context.weight, n)
        self._grad, self._shift_grad = (
            None if part is None else part.squeeze(1) for part in _scales(context.grad, n)
        )
        self._product = context.empty(context.inputs).view(self._out.shape)
        self._x = self._out

    def forward(self, x: Tensor) -> Tensor:
        self._x = _by_submodel(x, self._n)
        if self._shift is None:
            torch.mul(self._x, self._scale, out=self._out)
        else:
            torch.addcmul(self._shift, self._x, self._scale, out=self._out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        apart = _by_submodel(delta, self._n)
        if self._learns and self._grad is not None:
            torch.mul(apart, self._x, out=self._product)
            torch.sum(self._product, dim=1, out=self._grad).mul_(self._mean)
            if self._shift_grad is not None:
                torch.sum(apart, dim=1, out=self._shift_grad).mul_(self._mean)
        apart.mul_(self._scale)
        return delta


class SubmodelLinear(Layer, name="submodel_linear"):
    r"""zᵢ = xᵢ Wᵢ + bᵢ, where each submodel has weights of its own.

    Rows are those of :class:`RepeatRows`. The weights (inputs + 1, n · units) hold the submodels
    side by side, the biases as the last row.

    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017; as output layers, Gorishniy, Kotelnikov and Babenko,
    "TabM", 2024.

    >>> SubmodelLinear(3, submodels=16).parameters(inputs=100)
    ParameterShape(rows=101, columns=48, weight_rows=100, matrices=16)
    """

    units: int = hyper("outputs of each submodel", default=100, low=1, scale="log")
    submodels: int = hyper("number of submodels", default=1, low=1)
    initializer: Initializer = hyper(
        "how the weights start", default=GlorotUniform(), init_only=True
    )
    bias_initializer: Initializer = hyper("how the biases start", default=Zeros(), init_only=True)

    def width(self, inputs: int) -> int:
        """Return the number of units of a submodel."""
        return self.units

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the weights' shape, the biases as their last row."""
        n = self.submodels
        return ParameterShape(inputs + 1, n * self.units, inputs, matrices=n)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the weights and biases of one submodel after the other."""
        drawn = []
        for _ in range(self.submodels):
            weights = self.initializer.sample(inputs, self.units, generator)
            biases = self.bias_initializer.sample(inputs, self.units, generator)[:1]
            drawn.append(torch.cat([weights, biases]))
        return torch.cat(drawn, dim=1)

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        kind = _NarrowSubmodelOp if is_narrow(self.units) else _SubmodelLinearOp
        return kind(context, self.submodels)


class _SubmodelLinearOp(Op):
    """One batched product a member: all of its submodels at once."""

    def __init__(self, context: BindContext, n: int) -> None:
        super().__init__(context)
        self._n, self._learns, self._mean = n, context.learns, 1 / context.batch
        self._out = _matrices(_by_submodel(self.out, n))
        self._weight, self._grad = _by_columns(context.weight, n), _by_columns(context.grad, n)
        self._down = context.empty(context.inputs) if context.passes_down else None
        self._x = self._out
        rows, units = context.members * context.batch, self.out.shape[-1]
        self._large = is_large(rows, context.inputs, units)

    def forward(self, x: Tensor) -> Tensor:
        use_backend(self._large)
        self._x = _matrices(_by_submodel(x, self._n))
        for own, weight, out in zip(self._x, self._weight, self._out, strict=True):
            self._multiply(own, weight, out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        use_backend(self._large)
        deltas = _matrices(_by_submodel(delta, self._n))
        if self._learns:
            for own, delta_of, grad in zip(self._x, deltas, self._grad, strict=True):
                self._learn(own, delta_of, grad)
                torch.sum(delta_of, dim=1, keepdim=True, out=grad[:, -1:]).mul_(self._mean)
        if self._down is None:
            return delta
        downs = _matrices(_by_submodel(self._down, self._n))
        for delta_of, weight, down in zip(deltas, self._weight, downs, strict=True):
            self._descend(delta_of, weight, down)
        return self._down

    def _multiply(self, x: Tensor, weight: Tensor, out: Tensor) -> None:
        """Write x (n, B, inputs) times weights (n, inputs + 1, units) to ``out``."""
        torch.baddbmm(weight[:, -1:], x, weight[:, :-1], out=out)

    def _learn(self, x: Tensor, delta: Tensor, grad: Tensor) -> None:
        """Write the gradient of the weights, all but the biases, from delta (n, B, units)."""
        own = grad[:, :-1]
        torch.baddbmm(own, x.transpose(1, 2), delta, beta=0, alpha=self._mean, out=own)

    def _descend(self, delta: Tensor, weight: Tensor, down: Tensor) -> None:
        """Write ∂loss/∂x (n, B, inputs)."""
        torch.bmm(delta, weight[:, :-1].transpose(1, 2), out=down)


class _NarrowSubmodelOp(_SubmodelLinearOp):
    """The same for few units: products of (units, inputs) matrices are up to ten times as fast."""

    def __init__(self, context: BindContext, n: int) -> None:
        super().__init__(context, n)
        new, units, inputs = context.out.new_empty, self.out.shape[-1], context.inputs
        examples = context.batch // n
        self._turned, self._products = new(n, units, inputs + 1), new(n, units, examples)
        self._grads, self._downs = new(n, units, inputs), new(n, examples, inputs)

    def _multiply(self, x: Tensor, weight: Tensor, out: Tensor) -> None:
        turned, products = self._turned.copy_(weight.transpose(1, 2)), self._products
        torch.baddbmm(turned[..., -1:], turned[..., :-1], x.transpose(1, 2), out=products)
        out.copy_(products.transpose(1, 2))

    def _learn(self, x: Tensor, delta: Tensor, grad: Tensor) -> None:
        few = self._products.copy_(delta.transpose(1, 2))
        grads = torch.bmm(few, x, out=self._grads).mul_(self._mean)
        grad[:, :-1].copy_(grads.transpose(1, 2))

    def _descend(self, delta: Tensor, weight: Tensor, down: Tensor) -> None:
        turned = self._turned.copy_(weight.transpose(1, 2))[..., :-1]
        down.copy_(torch.bmm(delta.contiguous(), turned, out=self._downs))


class SubmodelMean(Layer, name="submodel_mean"):
    r"""Logits of the mean of the submodels' predictions: (B · n, C) becomes (B, C).

    It is at work when predicting only. While training, each submodel has logits and a loss of its
    own: the mean of the losses is lowered, and not the loss of the mean, by which submodels would
    lean on each other.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", 2024.

    Args:
        submodels: n.
        link: what makes predictions of logits, by the loss.

    >>> SubmodelMean(16, "softmax").rows_per_output
    16
    """

    predicting_only: ClassVar[bool] = True

    submodels: int = hyper("number of submodels", default=1, low=1)
    link: str = hyper(
        "what makes predictions of logits",
        default="identity",
        choices=("identity", "softmax", "sigmoid", "exp"),
    )

    @property
    def rows_per_output(self) -> int:
        """The rows that become one row here."""
        return self.submodels

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _MeanOp(context, self)


class _MeanOp(Op):
    def __init__(self, context: BindContext, layer: SubmodelMean) -> None:
        super().__init__(context)
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        self.out.copy_(mean_logits(_by_submodel(x, self._layer.submodels), self._layer.link))
        return self.padded_output


def _by_submodel(rows: Tensor, n: int) -> Tensor:
    """Return rows (K, B · n, width) as a view (K, B, n, width)."""
    return rows.view(len(rows), -1, n, rows.shape[2])


def _scales(block: Tensor, n: int) -> tuple[Tensor, Tensor | None]:
    """Return the scales and the shifts (K, 1, n, units) of a block, views of it."""
    scales, shifts = block[:, None, :n], block[:, None, n:]
    return scales, shifts if shifts.shape[2] else None


def _matrices(parts: Tensor) -> tuple[Tensor, ...]:
    """Return each member's part of (K, rows, n, columns) as a view (n, rows, columns)."""
    return parts.transpose(1, 2).unbind(0)


def _by_columns(block: Tensor, n: int) -> tuple[Tensor, ...]:
    """Return each member's weights and biases (n, inputs + 1, units), views of its block."""
    return _matrices(block.view(*block.shape[:2], n, -1))
