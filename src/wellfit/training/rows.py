"""The table on the device: features with a column of ones, targets, weights."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.nn.losses import Loss

Features: TypeAlias = NDArray[np.generic] | sparse.csr_array


class Rows:
    """A table on the device: features with a column of ones, targets, weights.

    Pixels (uint8) stay bytes until their batch, which divides them by ``pixel_max``. Sparse rows
    stay sparse, on the host, until their batch.

    Args:
        x: (N, D), uint8, float or scipy.sparse.
        y: (N,) class numbers, or (N, C) targets.
        weight: (N,) weights of the rows, of mean 1, or None.
        dtype: of the batches.
        device: where the table lies.
        pixel_max: the value of a pixel that becomes 1.

    >>> rows = Rows(np.array([[0, 255]], np.uint8), np.array([1]))
    >>> rows.features(torch.tensor([0]))
    tensor([[0., 1., 1.]])
    """

    def __init__(
        self,
        x: Features,
        y: NDArray[np.generic],
        weight: NDArray[np.floating] | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        pixel_max: int = 255,
    ) -> None:
        self.dtype, self.device = dtype, torch.device(device)
        self._pixel_max = pixel_max
        self.width = x.shape[1] + 1
        self._table: Tensor | sparse.csr_array
        if sparse.issparse(x):
            self._table = sparse.csr_array(sparse.hstack([x, np.ones((x.shape[0], 1))]))
        else:
            self._table = _with_ones(np.asarray(x), dtype, pixel_max).to(self.device)
        self._y = torch.tensor(y, device=self.device)
        self._weight = None
        if weight is not None:
            self._weight = torch.tensor(weight, dtype=dtype, device=self.device)

    def __len__(self) -> int:
        return self._table.shape[0]

    @property
    def one_class(self) -> bool:
        """Whether targets are class numbers."""
        return not self._y.is_floating_point()

    @property
    def pixel_scale(self) -> float:
        """What a batch multiplies pixels by."""
        return 1 / self._pixel_max

    def parts(self) -> tuple[Tensor | sparse.csr_array | None, ...]:
        """Return the table, the targets and the weights, as they lie."""
        return self._table, self._y, self._weight

    def features(self, ids: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the rows ``ids`` (...) as (..., D + 1) numbers, in ``out`` if that is given."""
        shape = (*ids.shape, self.width)
        if out is None:
            out = torch.empty(shape, dtype=self.dtype, device=self.device)
        if not isinstance(self._table, Tensor):
            # Only the rows of a chunk become dense: the whole table need not fit in memory as a
            # dense one.
            dense = self._table[ids.flatten().cpu().numpy()].toarray()
            out.copy_(torch.from_numpy(dense).view(shape))
        elif self._table.dtype == torch.uint8:
            pixels = self._table.index_select(0, ids.flatten())
            # Bytes take a quarter of the memory of float32, in the caches too.
            out.copy_(pixels.view(shape)).mul_(self.pixel_scale)
        else:
            torch.index_select(self._table, 0, ids.flatten(), out=out.view(-1, self.width))
        return out

    def targets(self, ids: Tensor, loss: Loss, outputs: int) -> Tensor:
        """Return the targets of the rows ``ids`` (..., B) as ``loss`` wants them, (..., C, B)."""
        picked = self._y.index_select(0, ids.flatten()).view(*ids.shape, *self._y.shape[1:])
        return loss.encode(picked, outputs, self.dtype)

    def labels(self, ids: Tensor) -> Tensor:
        """Return the class numbers of the rows ``ids``, of any shape."""
        return self._y[ids]

    def alike(self, ids: Tensor, loss: Loss) -> Tensor:
        """Return whether the pairs ``ids`` (..., B, 2) are alike, as targets (..., 1, B)."""
        first, second = self.labels(ids).unbind(-1)
        return loss.encode((first == second).unsqueeze(-1), 1, self.dtype)

    def weights(self, ids: Tensor) -> Tensor | None:
        """Return the weights of the rows ``ids`` (..., B) as (..., 1, B), or None if all are 1."""
        return None if self._weight is None else self._weight[ids].unsqueeze(-2)


def _with_ones(x: NDArray[np.generic], dtype: torch.dtype, pixel_max: int) -> Tensor:
    pixels = x.dtype == np.uint8
    kind = np.dtype(np.uint8) if pixels else torch.empty(0, dtype=dtype).numpy().dtype
    table = np.empty((x.shape[0], x.shape[1] + 1), dtype=kind)
    table[:, :-1] = x
    # Divided with the pixels, this column becomes the ones that biases need.
    table[:, -1] = pixel_max if pixels else 1
    return torch.from_numpy(table)
