"""Prediction with mostly zero weights, by SciPy's sparse matrices."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.nn.execution import Executor
from wellfit.nn.layers import Linear, Op
from wellfit.training.prediction import Predictor
from wellfit.training.stack import Weights


class SparsePredictor(Predictor):
    """Like :class:`Predictor`, of one member, with dense layers' weights as sparse matrices.

    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Member
    >>> start = Weights.initial([Member(mlp(2, (), 3))], torch.float32, torch.device("cpu"))
    >>> SparsePredictor(start)(torch.ones(1, 5, 3)).shape
    torch.Size([1, 5, 3])
    """

    def _executor(self, batch: int) -> Executor:
        fresh = batch not in self._bound
        executor = super()._executor(batch)
        if fresh:
            # Everything but the matrix product stays as it is; the op writes into the same
            # buffers.
            executor.swap(Linear, _SparseProduct)
        return executor


class _SparseProduct(Op):
    """z = x W of one member, W sparse."""

    def __init__(self, weight: Tensor, dense: Op) -> None:
        self.out, self.padded_output = dense.out, dense.padded_output
        # SciPy multiplies a sparse matrix from the left: zᵀ = Wᵀ xᵀ.
        self._transposed = sparse.csr_array(weight[0].cpu().numpy().T)

    def forward(self, x: Tensor) -> Tensor:
        product: NDArray[np.floating] = self._transposed @ x[0].cpu().numpy().T
        self.out[0].copy_(torch.from_numpy(product.T))
        return self.padded_output


def pruned(weights: Weights, *, threshold: float = 0.0, share: float = 0.0) -> Weights:
    """Return a copy whose small weights (not biases or scales) are zero.

    Args:
        weights: of any number of members.
        threshold: weights up to this size become zero.
        share: the smallest so many of each member's weights become zero, in [0, 1).

    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Member
    >>> start = Weights.initial([Member(mlp(9, (9,), 3))], torch.float32, torch.device("cpu"))
    >>> zero_shares(pruned(start, share=0.5)).round(2)
    array([0.5])
    """
    copy = weights.select(torch.arange(weights.members, device=weights.parameters.device))
    views = copy.network.parameters.weights(copy.parameters, copy.members)
    sizes = torch.cat([view.abs().flatten(1) for view in views], dim=1)
    count = round(share * sizes.shape[1])
    # The k-th smallest of each member: selecting is linear in the number of weights, sorting
    # isn't.
    least = sizes.kthvalue(max(count, 1), dim=1).values if count else sizes.new_zeros(len(sizes))
    limit = least.clamp(min=threshold).view(-1, 1, 1)
    for view in views:
        view[view.abs() <= limit] = 0
    return copy


def zero_shares(weights: Weights) -> NDArray[np.float64]:
    """Return the share of each member's weights that are exactly zero, (K,)."""
    views = weights.network.parameters.weights(weights.parameters, weights.members)
    zeros = torch.cat([(view == 0).flatten(1) for view in views], dim=1)
    return zeros.double().mean(1).cpu().numpy()
