r"""Layers: what each holds, computes, and passes back.

A layer is a frozen description. Bound to K members and a batch of B rows (:meth:`Layer.bind`) it
becomes an :class:`Op`, whose buffers are allocated once and written over at every step.

Deltas are the rows' own derivatives, not yet divided by the batch: an op's parameter gradients
are means over the batch, so that nothing needs dividing on the way down.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import Config, hyper
from wellfit.core.rng import Bits
from wellfit.nn.activations import Activation, ReLU
from wellfit.nn.initializers import GlorotUniform, Initializer
from wellfit.nn.products import choose, is_large


@dataclass(frozen=True)
class Block:
    """The shape of a layer's parameters or statistics for one member: (rows, columns).

    The first ``penalized`` rows are weights; the rest (biases, scales) take no penalty.
    """

    rows: int
    columns: int
    penalized: int = 0


@dataclass(frozen=True)
class Site:
    """Where a layer is bound: the memory and the members it works for.

    ``out`` (K, B, width) is where results go; ``landing`` is the whole buffer around it, wider
    by a column of ones where a dense layer reads next (its bias is the last row of its weights).
    """

    members: int
    batch: int
    inputs: int
    out: Tensor
    landing: Tensor
    weight: Tensor
    grad: Tensor
    stats: Tensor
    hypers: dict[str, Tensor]
    keys: Tensor
    steps: int
    training: bool
    passes_down: bool

    def empty(self, width: int) -> Tensor:
        """Return a buffer (K, B, width) of the site's type."""
        return self.out.new_empty(self.members, self.batch, width)


class Op:
    """A layer at work on K members and B rows; ``landing`` is where its results go."""

    def __init__(self, site: Site) -> None:
        self.out, self.landing = site.out, site.landing

    def refresh(self, step: int, steps: int) -> None:
        """Prepare the randomness of the ``steps`` steps from ``step`` on."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer's output from x, write it where it belongs and return it."""
        raise NotImplementedError

    def backward(self, delta: Tensor) -> Tensor:
        """Turn ∂loss/∂output into parameter gradients and ∂loss/∂input; may reuse ``delta``."""
        raise NotImplementedError


class Layer(Config, family="layer"):
    """A layer of a network: a description without memory.

    >>> Dense(3).width(inputs=5), Dense(3).parameters(inputs=5)
    (3, Block(rows=6, columns=3, penalized=5))
    """

    reads_ones: ClassVar[bool] = False  # whether its input comes with a column of ones
    training_only: ClassVar[bool] = False  # whether it does nothing when predicting

    def width(self, inputs: int) -> int:
        """Return the number of outputs for a number of inputs."""
        return inputs

    def parameters(self, inputs: int) -> Block:
        """Return the shape of what is learned by gradients."""
        return Block(0, 0)

    def statistics(self, inputs: int) -> Block:
        """Return the shape of what is tracked without gradients."""
        return Block(0, 0)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the first parameters (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return the first statistics (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    @abstractmethod
    def bind(self, site: Site) -> Op:
        """Return the op for a site."""


class Dense(Layer, name="dense"):
    r"""z = x W + b, every output a weighted sum of every input.

    The bias is the last row of the weights (inputs + 1, units), fed by a column of ones: one
    product gives z, one gives both gradients.

    Source: Rosenblatt, "The perceptron", 1958; the backward pass, Rumelhart, Hinton and
    Williams, 1986.

    >>> Dense(10).parameters(inputs=784)
    Block(rows=785, columns=10, penalized=784)
    """

    reads_ones: ClassVar[bool] = True

    units: int = hyper("number of outputs", default=100, low=1, scale="log", search=(16, 1024))
    initializer: Initializer = hyper("how the weights start", default=GlorotUniform())

    def width(self, inputs: int) -> int:
        """Return the number of units."""
        return self.units

    def parameters(self, inputs: int) -> Block:
        """Return the weights' shape, the bias as their last row."""
        return Block(inputs + 1, self.units, penalized=inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the weights; biases are 0."""
        weights = self.initializer.sample(inputs, self.units, generator)
        return torch.cat([weights, weights.new_zeros(1, self.units)])

    def bind(self, site: Site) -> Op:
        """Return the matrix product at work."""
        return _DenseOp(site)


class _DenseOp(Op):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._weight, self._grad = site.weight, site.grad
        self._weight_t = site.weight[:, : site.inputs].transpose(1, 2)
        self._mean = 1 / site.batch
        self._down = site.empty(site.inputs) if site.passes_down else None
        rows, units = site.members * site.batch, self.out.shape[-1]
        self._large = is_large(rows, site.inputs, units)
        self._large_down = is_large(rows, units, site.inputs)
        self._x = self._x_t = self.out

    def forward(self, x: Tensor) -> Tensor:
        if x is not self._x:  # the memory below stays the same, but for the batch itself
            self._x, self._x_t = x, x.transpose(1, 2)
        choose(self._large)
        torch.bmm(x, self._weight, out=self.out)
        return self.landing

    def backward(self, delta: Tensor) -> Tensor:
        choose(self._large)
        torch.baddbmm(self._grad, self._x_t, delta, beta=0, alpha=self._mean, out=self._grad)
        if self._down is None:
            return delta
        choose(self._large_down)
        return torch.bmm(delta, self._weight_t, out=self._down)


class Activate(Layer, name="activation"):
    """Applies an activation function to every unit.

    >>> Activate(ReLU()).width(inputs=5)
    5
    """

    activation: Activation = hyper("the function", default=ReLU())

    def bind(self, site: Site) -> Op:
        """Return the function at work."""
        return _ActivateOp(self.activation, site)


class _ActivateOp(Op):
    def __init__(self, activation: Activation, site: Site) -> None:
        super().__init__(site)
        self._activation, self._z = activation, site.out

    def forward(self, x: Tensor) -> Tensor:
        self._z = x
        self._activation.forward(x, self.out)
        return self.landing

    def backward(self, delta: Tensor) -> Tensor:
        return self._activation.backward(delta, self._z, self.out)


class Dropout(Layer, name="dropout"):
    r"""Silences units with probability ``rate`` while training; the rest grow by 1 / (1 - rate).

    A member's masks depend on its own seed and the step alone.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014.

    >>> Dropout(0.2).rate
    0.2
    """

    training_only: ClassVar[bool] = True

    rate: float = hyper(
        "share of units silenced",
        default=0.5,
        low=0,
        high=1,
        open_high=True,
        search=(0, 0.7),
        per_member=True,
    )

    def bind(self, site: Site) -> Op:
        """Return the masks at work."""
        return _DropoutOp(site)


class _DropoutOp(Op):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        rate = site.hypers["rate"].view(1, -1, 1, 1)
        self._threshold = (rate * 65536 - 32768).round().clamp(max=32767).to(torch.int16)
        self._scale = (1 / (1 - rate)).to(site.out.dtype)
        self._bits = Bits(site.keys, (site.batch, site.inputs), site.steps)
        self._masks: list[Tensor] = []
        self._mask = site.out

    def refresh(self, step: int, steps: int) -> None:
        bits = self._bits.draw(step)[:steps]
        masks = (bits >= self._threshold).to(self._scale.dtype).mul_(self._scale)
        self._masks = list(masks.unbind(0))[::-1]

    def forward(self, x: Tensor) -> Tensor:
        self._mask = self._masks.pop()
        torch.mul(x, self._mask, out=self.out)
        return self.landing

    def backward(self, delta: Tensor) -> Tensor:
        return delta.mul_(self._mask)


class BatchNorm(Layer, name="batch_norm"):
    r"""y = γ (x - mean) / √(variance + ε) + β, by the batch's statistics while training.

    Running statistics, r ← momentum · r + (1 - momentum) · batch, stand in when predicting; the
    running variance is the unbiased one. Each member has its own.

    Source: Ioffe and Szegedy, "Batch normalization", 2015.

    >>> BatchNorm().parameters(inputs=5)
    Block(rows=2, columns=5, penalized=0)
    """

    momentum: float = hyper(
        "share of the running statistics kept at a step",
        default=0.9,
        low=0,
        high=1,
        search=(0.8, 0.999),
    )
    epsilon: float = hyper(
        "added to the variance", default=1e-5, low=0, open_low=True, scale="log"
    )

    def parameters(self, inputs: int) -> Block:
        """Return the shape of γ and β, one row each."""
        return Block(2, inputs)

    def statistics(self, inputs: int) -> Block:
        """Return the shape of the running mean and variance, one row each."""
        return Block(2, inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return γ = 1, β = 0."""
        return torch.tensor([[1.0], [0.0]], dtype=torch.float64).repeat(1, inputs)

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return mean 0, variance 1."""
        return torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, inputs)

    def bind(self, site: Site) -> Op:
        """Return the normalization at work."""
        return (
            _BatchNormTraining(self, site) if site.training else _BatchNormPredicting(self, site)
        )


class _BatchNormTraining(Op):
    def __init__(self, layer: BatchNorm, site: Site) -> None:
        super().__init__(site)
        self._layer = layer
        self._gamma, self._beta = site.weight[:, :1], site.weight[:, 1:]
        self._grad, self._stats = site.grad, site.stats
        self._normal, self._product = site.empty(site.inputs), site.empty(site.inputs)
        self._unbias = site.batch / max(site.batch - 1, 1)
        self._inverse_std = self._gamma

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        torch.sub(x, mean, out=self._normal)
        self._inverse_std = (variance + self._layer.epsilon).rsqrt_()
        self._normal.mul_(self._inverse_std)
        torch.addcmul(self._beta, self._normal, self._gamma, out=self.out)
        self._track(mean, variance)
        return self.landing

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        fresh = torch.cat([mean, variance.mul_(self._unbias)], dim=1)
        self._stats.lerp_(fresh, 1 - self._layer.momentum)

    def backward(self, delta: Tensor) -> Tensor:
        torch.mul(delta, self._normal, out=self._product)
        grad_gamma, grad_beta = self._grad[:, :1], self._grad[:, 1:]
        torch.mean(self._product, dim=1, keepdim=True, out=grad_gamma)
        torch.mean(delta, dim=1, keepdim=True, out=grad_beta)
        delta.sub_(grad_beta).sub_(self._normal.mul_(grad_gamma))
        return delta.mul_(self._gamma * self._inverse_std)


class _BatchNormPredicting(Op):
    def __init__(self, layer: BatchNorm, site: Site) -> None:
        super().__init__(site)
        self._layer = layer
        self._weight, self._stats = site.weight, site.stats

    def forward(self, x: Tensor) -> Tensor:
        scale = self._weight[:, :1] * (self._stats[:, 1:] + self._layer.epsilon).rsqrt()
        shift = self._weight[:, 1:] - self._stats[:, :1] * scale
        torch.addcmul(shift, x, scale, out=self.out)
        return self.landing
