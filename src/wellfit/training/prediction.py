"""Prediction, block by block, for rows that need not fit on the device at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.nn.execution import Executor, Memory, layer_hypers
from wellfit.training.precision import arithmetic
from wellfit.training.rows import Rows
from wellfit.training.stack import Weights
from wellfit.training.tables import RowSelection, RowTable

_BLOCK_BYTES = 1 << 20  # of the widest layer: what a block needs stays in the caches


class Predictor:
    """The networks of K members, bound for predicting (no dropout, running batch statistics)."""

    def __init__(self, weights: Weights) -> None:
        self._network = weights.network
        like = weights.parameters
        hypers = layer_hypers(weights.networks, like.device)
        # Layers with randomness are left out when predicting: their keys are never read.
        keys = [torch.empty(0) for _ in self._network.layers]
        self._memory = Memory(weights.members, like, None, weights.statistics, hypers, keys)
        self.rows = self._network.rows_per_example[0]  # of an example
        # Blocks are cut by the widest layer, so that what passes between layers stays in the
        # caches.
        widest = max(self._network.sizes) * like.element_size() * weights.members
        # A GPU's larger blocks start fewer kernels.
        block = _BLOCK_BYTES if like.device.type == "cpu" else 2 * _BLOCK_BYTES
        self.most = max(1, block // widest)
        self._bound: dict[int, Executor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits (K, B, C) of x (K, B, D + 1), overwritten by the next call.

        Where an example has several ``rows``, x has so many times B.
        """
        return self._executor(x.shape[1] // self.rows).forward(x)

    def outputs(self, x: Tensor) -> list[tuple[str, Tensor]]:
        """Return the name and a copy of the outputs (K, B, width) of each layer at work."""
        executor = self._executor(x.shape[1] // self.rows)
        executor.forward(x)
        return executor.outputs()

    def _executor(self, batch: int) -> Executor:
        if batch not in self._bound:
            self._bound[batch] = Executor(self._network, self._memory, batch)
        return self._bound[batch]


def predict(
    weights: Weights,
    x: NDArray[np.generic] | sparse.csr_array | RowTable | RowSelection,
    link: Callable[[Tensor], Tensor],
    *,
    precision: str = "float32",
    pixel_max: int = 255,
    predictor: type[Predictor] | None = None,
) -> NDArray[np.floating]:
    """Return (K, N, C): ``link`` of the logits of x (N, D), which it gets as (K, C, N).

    Where the network merges rows, x has all rows of an example, then those of the next.

    ``link`` is a loss's ``predict``, say.
    ``precision`` and ``pixel_max`` (of pixels) are those of the training; ``predictor`` is how the
    networks are computed.

    >>> from wellfit.nn import SoftmaxCrossEntropy, mlp
    >>> from wellfit.training import Member
    >>> start = Weights.initial([Member(mlp(2, (), 3))], torch.float32, torch.device("cpu"))
    >>> predict(start, np.zeros((5, 2)), SoftmaxCrossEntropy().predict).shape
    (1, 5, 3)
    """
    bound, like = (predictor or Predictor)(weights), weights.parameters
    k, total, blocks = weights.members, x.shape[0], []
    with torch.inference_mode(), arithmetic(precision, like.device):
        most = bound.most * bound.rows
        for start in range(0, total, most):
            # The last block reads some rows again, rather than be bound for itself.
            again = max(0, start + most - total) if start else 0
            block: Any = x[start - again : start + most]
            ids = torch.arange(block.shape[0], device=like.device)
            rows = Rows(
                block, np.zeros(0), dtype=like.dtype, device=like.device, pixel_max=pixel_max
            )
            logits = bound(rows.features(ids).expand(k, -1, -1))[:, again // bound.rows :]
            outputs = link(logits.transpose(1, 2)).transpose(1, 2)
            # The next block lands in the same memory, which a link may hand out as it is.
            shared = outputs.untyped_storage().data_ptr() == logits.untyped_storage().data_ptr()
            blocks.append((outputs.clone() if shared else outputs).cpu())
    if not blocks:
        return np.empty((k, 0, weights.network.outputs), dtype=np.float32)
    return torch.cat(blocks, dim=1).numpy()
