"""Straight paths in the encoded spaces of a model's networks, from a baseline to rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.explanation.members import AveragedNetwork
from wellfit.explanation.outputs import Scale
from wellfit.training import Weights
from wellfit.training.input_gradient import InputGradient
from wellfit.training.precision import arithmetic

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST = 1e-15  # probabilities nearer to 0 or 1 have the logit of this one


class EncodedPaths:
    """The output of a model along paths, and its derivative as a sum over the columns.

    Every network of the model has a space of its own, of encoded rows or, where these are embedded
    as categories or with jumps, of what the embeddings make of them; all of them go along their
    paths together.

    Args:
        networks: that the model averages.
        X: (n_rows, n_columns) where paths end.
        baseline: (n, n_columns) rows whose mean, encoded, is where they begin; None for zeros.
        positions: (n_rows,) the output that each row is explained by.
        scale: of outputs that are probabilities.
    """

    def __init__(
        self,
        networks: Sequence[AveragedNetwork],
        X: Any,
        baseline: Any,
        positions: Ints,
        scale: Scale,
    ) -> None:
        self._networks = networks
        self._parts = [
            _NetworkPath(each, weights, X, baseline)
            for each in networks
            for weights in each.network.stacks
        ]
        self._positions, self._scale = torch.from_numpy(positions), scale
        self._most = min(part.most for part in self._parts)

    def __call__(self, rows: Ints, places: Floats) -> tuple[Floats, Floats]:
        """Return the output (n,) and its derivatives by the place (n, n_columns).

        Args:
            rows: (n,) whose paths.
            places: (n,) from 0, the baseline, to 1, the row.
        """
        values, slopes = [], []
        with torch.no_grad(), arithmetic("float64", torch.device("cpu")):
            for start in range(0, len(rows), self._most):
                some, at = (each[start : start + self._most] for each in (rows, places))
                # Networks are bound for few sizes of blocks, which cost time and memory each.
                size = min(self._most, 1 << (len(some) - 1).bit_length())
                filled = (torch.from_numpy(np.resize(each, size)) for each in (some, at))
                value, slope = self._at(*filled)
                values.append(value[: len(some)])
                slopes.append(slope[: len(some)])
        return np.concatenate(values), np.concatenate(slopes)

    def _at(self, rows: Tensor, places: Tensor) -> tuple[Floats, Floats]:
        logits = [part.logits(rows, places) for part in self._parts]
        value, deltas = self._output(logits, self._positions[rows])
        slopes = [
            part.slopes(delta, rows) for part, delta in zip(self._parts, deltas, strict=True)
        ]
        return value.numpy(), torch.stack(slopes).sum(0).numpy()

    def _output(self, logits: list[Tensor], positions: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs (B,), and their derivatives by the logits of each network."""
        # Only what lies above the logits: below, the networks have a backward pass of their own.
        with torch.enable_grad():
            leaves = [each.requires_grad_() for each in logits]
            left = iter(leaves)
            parts = [
                each.share * each.predictions(list(islice(left, len(each.network.stacks))))
                for each in self._networks
            ]
            value = torch.stack(parts).sum(0).gather(1, positions[:, None])[:, 0]
            if self._scale == "logit":
                value = torch.logit(value.clamp(_LEAST, 1 - _LEAST))
            deltas = torch.autograd.grad(value.sum(), leaves)
        return value.detach(), list(deltas)


class _NetworkPath:
    """The paths of one architecture of an averaged network."""

    def __init__(self, averaged: AveragedNetwork, weights: Weights, X: Any, baseline: Any) -> None:
        self._network = InputGradient(weights)
        self.most = self._network.most
        end = averaged.encoded(X)
        rows = torch.zeros_like(end[:1]) if baseline is None else averaged.encoded(baseline)
        with torch.no_grad(), arithmetic("float64", torch.device("cpu")):
            self._start = self._network.lifted(rows).mean(1, keepdim=True)  # (K or 1, 1, width)
            self._apart = self._network.lifted(end) - self._start  # (K or 1, n_rows, width)
        features = averaged.network.features
        sources = features.sources[self._network.sources]
        self._sources, self._columns = torch.from_numpy(sources), features.n_columns

    def logits(self, rows: Tensor, places: Tensor) -> Tensor:
        """Return a copy of the logits (K, B · submodels, C) at places (B,) of rows' paths."""
        x = self._start + self._apart[:, rows] * places[:, None]
        return self._network.logits(x).clone()

    def slopes(self, delta: Tensor, rows: Tensor) -> Tensor:
        """Return the derivative by the place, column by column (B, n_columns)."""
        each = (self._network.gradient(delta) * self._apart[:, rows]).sum(0)
        return each.new_zeros(len(each), self._columns).index_add_(1, self._sources, each)
