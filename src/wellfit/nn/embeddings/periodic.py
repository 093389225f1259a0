"""The periodic embedding of numeric features."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper
from wellfit.nn.embeddings.base import EmbeddingOp, NumericEmbedding
from wellfit.nn.ops import BindContext, Op, ParameterShape


class Periodic(NumericEmbedding, name="periodic"):
    r"""embedding(x) = (cos(2π x w + p) A + b, x), with frequencies w and phases p learned too.

    The frequencies start from N(0, σ²), the phases from U(-π, π). The feature itself is the last
    of its ``size`` numbers. Known as PBLD, for periodic, bias, linear, densely connected.

    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default", 2024, whose factor on its
    learning rate is 0.1; first, Gorishniy, Rubachev and Babenko, "On embeddings for numerical
    features in tabular deep learning", 2022.

    Args:
        size: numbers that a feature becomes, the feature among them; at least 2.
        activation: None, or ``"relu"`` of these numbers but for the feature itself.
        n_frequencies: of a feature.
        sigma: the standard deviation of the first frequencies, in periods for a scaled feature's
            unit.
        columns, lr_multiplier: as of every embedding.

    >>> Periodic(n_frequencies=16).parameters(inputs=5)
    ParameterShape(rows=83, columns=5, weight_rows=0, matrices=1)
    """

    size: int = hyper("numbers that a feature becomes, itself among them", default=4, low=2)
    n_frequencies: int = hyper(
        "frequencies of a feature", default=16, low=1, scale="log", search=(4, 64)
    )
    sigma: float = hyper(
        "standard deviation of the first frequencies",
        default=0.1,
        low=0,
        open_low=True,
        scale="log",
        search=(0.01, 10),
        init_only=True,
    )

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of w, p, A and b, one below the other, a column for each feature."""
        made = self.size - 1
        rows = 2 * self.n_frequencies + (self.n_frequencies + 1) * made
        return ParameterShape(rows, len(self.embedded(inputs)))

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw w, p, and A uniform within ±1/√n; b is 0."""
        n, shape = self.n_frequencies, self.parameters(inputs)
        block = torch.zeros(shape.rows, shape.columns, dtype=torch.float64)
        block[:n].normal_(0, self.sigma, generator=generator)
        block[n : 2 * n].uniform_(-math.pi, math.pi, generator=generator)
        bound = 1 / math.sqrt(n)
        block[2 * n : -(self.size - 1)].uniform_(-bound, bound, generator=generator)
        return block

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _PeriodicOp(context, self)


class _PeriodicOp(EmbeddingOp):
    def __init__(self, context: BindContext, layer: Periodic) -> None:
        n, made = layer.n_frequencies, layer.size - 1
        super().__init__(context, layer, n, plain=1)
        self._parts = [_apart(context.weight, n, made), _apart(context.grad, n, made)]
        # Copies with features as an axis of the batch, and gradients to be copied back.
        self._w, self._p, self._a, self._b = (_copy(each) for each in self._parts[0])
        self._sums = [_copy(each) for each in self._parts[0]]
        self._phase, self._cos, self._down_phase = (self.buffer(n) for _ in range(3))
        self._made, self._own = self.buffer(made), self.buffer(made)

    def pack(self) -> None:
        for copy, own in zip((self._w, self._p, self._a, self._b), self._parts[0], strict=True):
            copy.copy_(own)

    def embed(self, x: Tensor, out: Tensor) -> None:
        cos, made = self._waves(x), self._made[:, :, : x.shape[2]]
        torch.bmm(cos.flatten(0, 1), self._a.flatten(0, 1), out=made.flatten(0, 1))
        torch.add(made, self._b, out=out[..., :-1])
        out[..., -1:] = x

    def _waves(self, x: Tensor) -> Tensor:
        """Return cos(2π x w + p), (K, F, rows, n)."""
        rows = slice(x.shape[2])
        phase = self._phase[:, :, rows]
        torch.addcmul(self._p, x, self._w, value=2 * math.pi, out=phase)
        return torch.cos(phase, out=self._cos[:, :, rows])

    def learn(self, x: Tensor, delta: Tensor, *, again: bool, first: bool) -> None:
        rows = slice(x.shape[2])
        cos = self._waves(x) if again else self._cos[:, :, rows]
        own, down = self._own[:, :, rows], self._down_phase[:, :, rows]
        own.copy_(delta[..., :-1])
        if first:
            for total in self._sums:
                total.zero_()
        w, p, a, b = self._sums
        flat = own.flatten(0, 1)
        a.flatten(0, 1).baddbmm_(cos.flatten(0, 1).transpose(1, 2), flat)
        b.add_(own.sum(2, keepdim=True))
        torch.bmm(flat, self._a.flatten(0, 1).transpose(1, 2), out=down.flatten(0, 1))
        down.mul_(self._phase[:, :, rows].sin()).neg_()
        p.add_(down.sum(2, keepdim=True))
        w.add_(x.transpose(2, 3) @ down, alpha=2 * math.pi)

    def settle(self) -> None:
        for grad, total in zip(self._parts[1], self._sums, strict=True):
            torch.mul(total, self.mean, out=grad)

    def descend(self, x: Tensor, delta: Tensor) -> Tensor:
        down = self._down_phase[:, :, : x.shape[2]]
        waves = (down * self._w).sum(-1).mul_(2 * math.pi)
        return waves.add_(delta[..., -1])


def _apart(block: Tensor, n: int, made: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return w and p (K, F, 1, n), A (K, F, n, made) and b (K, F, 1, made) as views."""
    w, p, a, b = torch.split(block, [n, n, n * made, made], dim=1)
    w, p, b = (part.transpose(1, 2).unsqueeze(2) for part in (w, p, b))
    return w, p, a.view(len(a), n, made, -1).permute(0, 3, 1, 2), b


def _copy(part: Tensor) -> Tensor:
    """Return contiguous memory of a part's shape, which ``empty_like`` would not give."""
    return part.new_empty(part.shape)
