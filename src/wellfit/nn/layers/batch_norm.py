"""Batch normalization, training and predicting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError, did_you_mean
from wellfit.core.hyper import hyper, positive, resolve
from wellfit.nn.layers.base import Layer
from wellfit.nn.ops import BindContext, Op, ParameterShape

_PLACES = ("before", "after")


class BatchNorm(Layer, name="batch_norm"):
    r"""y = γ (x - mean) / √(variance + ε) + β, by the batch's statistics while training.

    Running statistics, r ← momentum · r + (1 - momentum) · batch, stand in when predicting; the
    running variance is the unbiased one. Each member has its own. They stand in, and stay as they
    are, while the layer is frozen, too.

    ``place`` and ``output`` are read where it is given as ``batch_norm=``; a layer among others
    stands where it is put.

    Source: Ioffe and Szegedy, "Batch normalization", 2015.

    >>> BatchNorm().parameters(inputs=5)
    ParameterShape(rows=2, columns=5, weight_rows=0, matrices=1)
    """

    mixes_rows: ClassVar[bool] = True

    momentum: float = hyper(
        "share of the running statistics kept at a step",
        default=0.9,
        low=0,
        high=1,
        search=(0.8, 0.999),
        per_member=True,
    )
    epsilon: float = positive("added to the variance", default=1e-5, search=(1e-6, 1e-2))
    place: str = hyper(
        "before or after the activation, of hidden layers", default="before", choices=_PLACES
    )
    output: bool = hyper("whether the output layer's logits are normalized too", default=False)

    @classmethod
    def from_value(cls, given: Any) -> Self:
        """Return the batch norm that a parameter ``batch_norm=`` asks for.

        Raises:
            HyperparameterError: it asks for none, or for something else.

        >>> BatchNorm.from_value("after")
        BatchNorm(place='after')
        """
        if isinstance(given, str) and given in _PLACES:
            return cls(place=given)
        if given is True:
            return cls()
        if isinstance(given, Mapping):
            given = {"name": cls.name, **given}
        if isinstance(given, cls | Mapping):
            return resolve(cls, given)
        raise HyperparameterError(
            f"batch_norm is {given!r}{did_you_mean(str(given), _PLACES)} "
            "Expected True, False, 'before' or 'after' (the activation), or a BatchNorm such as "
            "BatchNorm(momentum=0.95)"
        )

    def placed(self) -> Self:
        """Return it as a layer that stands where it is to stand."""
        return self.replace(place="before", output=False)

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of γ and β, one row each."""
        return ParameterShape(2, inputs)

    def statistics(self, inputs: int) -> ParameterShape:
        """Return the shape of the running mean and variance, one row each."""
        return ParameterShape(2, inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return γ = 1, β = 0."""
        return torch.tensor([[1.0], [0.0]], dtype=torch.float64).repeat(1, inputs)

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return mean 0, variance 1."""
        return torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, inputs)

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        if not context.training:
            return _BatchNormPredicting(context)
        return _BatchNormTraining(context) if context.learns else _BatchNormFrozen(context)


class _BatchNormTraining(Op):
    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._epsilon, momentum = context.number("epsilon"), context.number("momentum")
        self._freshness = 1 - momentum
        self._gamma, self._beta = context.weight[:, :1], context.weight[:, 1:]
        self._grad_gamma, self._grad_beta = context.grad[:, :1], context.grad[:, 1:]
        self._stats = context.stats
        # Two buffers of the batch's size are all that both passes need; nothing is allocated at a
        # step but for the small (K, 1, units) roots.
        self._normal, self._product = context.empty(context.inputs), context.empty(context.inputs)
        self._batch_stats = torch.empty_like(context.stats)
        self._mean, self._variance = self._batch_stats[:, :1], self._batch_stats[:, 1:]
        # The running variance estimates that of new rows, hence B / (B - 1); the batch itself is
        # normalized by the biased one, as in the paper and in PyTorch.
        self._unbias = context.share.of / max(context.share.of - 1, 1)
        self._inverse_std = self._gamma
        self._share, self._grad = context.share, context.grad

    def forward(self, x: Tensor) -> Tensor:
        # torch.var_mean does the same in one pass, ten times slower where rows aren't last.
        self._share.mean(torch.mean(x, dim=1, keepdim=True, out=self._mean))
        torch.sub(x, self._mean, out=self._normal)
        torch.mul(self._normal, self._normal, out=self._product)
        self._share.mean(torch.mean(self._product, dim=1, keepdim=True, out=self._variance))
        self._inverse_std = (self._variance + self._epsilon).rsqrt_()
        self._normal.mul_(self._inverse_std)
        torch.addcmul(self._beta, self._normal, self._gamma, out=self.out)
        # In place, after its use above: _batch_stats then holds what the running statistics take
        # in.
        self._variance.mul_(self._unbias)
        self._stats.lerp_(self._batch_stats, self._freshness)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        # With x̂ the normalized input, ∂γ = mean δ x̂, ∂β = mean δ, and ∂x = γ/σ (δ - ∂β - x̂ ∂γ):
        # the two means that the parameters need are those that the input needs.
        torch.mul(delta, self._normal, out=self._product)
        torch.mean(self._product, dim=1, keepdim=True, out=self._grad_gamma)
        torch.mean(delta, dim=1, keepdim=True, out=self._grad_beta)
        # Gradients are summed over processes at the end of the step; these means are needed now.
        means = self._share.weighted_sum(self._grad)
        delta.sub_(means[:, 1:]).sub_(self._normal.mul_(means[:, :1]))
        return delta.mul_(self._gamma * self._inverse_std)


class _BatchNormPredicting(Op):
    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._epsilon = context.number("epsilon")
        self._weight, self._stats = context.weight, context.stats

    def forward(self, x: Tensor) -> Tensor:
        # Computed at every call: while training goes on, validation reads statistics that move.
        scale = self._weight[:, :1] * (self._stats[:, 1:] + self._epsilon).rsqrt()
        shift = self._weight[:, 1:] - self._stats[:, :1] * scale
        torch.addcmul(shift, x, scale, out=self.out)
        return self.padded_output


class _BatchNormFrozen(Op):
    """As when predicting: parameters and statistics are what they are when it is bound."""

    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        # Frozen parameters can't change until the stack is bound anew, so both rows fold into one
        # multiplication and one addition.
        inverse_std = (context.stats[:, 1:] + context.number("epsilon")).rsqrt_()
        self._scale = context.weight[:, :1] * inverse_std
        self._shift = context.weight[:, 1:] - context.stats[:, :1] * self._scale

    def forward(self, x: Tensor) -> Tensor:
        torch.addcmul(self._shift, x, self._scale, out=self.out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        return delta.mul_(self._scale)
