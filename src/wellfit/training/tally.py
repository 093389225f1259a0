"""Losses, hits and scores of a stack, summed on the device, on the host once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.training.stack import Stack
from wellfit.training.streams import Chunk

Metrics: TypeAlias = dict[str, NDArray[np.float64]]
# From predictions (N, C) of the rows with the given numbers (N,) to a score.
Score: TypeAlias = Callable[[NDArray[np.floating], NDArray[np.integer]], float]


class Tally:
    """Sums losses and hits of K members.

    Args:
        stack: whose logits will come.
        before: sums (3, K) to go on from.
    """

    def __init__(self, stack: Stack, before: NDArray[np.float64] | None = None) -> None:
        self._loss_of, self._hypers = stack.members[0].loss, stack.loss
        like = torch.zeros(3, stack.k, dtype=torch.float64, device=stack.gradients.device)
        self._sums = like if before is None else torch.as_tensor(before).to(like)
        self._loss, self._hits, self._weight = self._sums
        self._classifies = False

    def add(self, logits: Tensor, chunk: Chunk) -> None:
        """Count the logits (n, K, C, B) of a chunk."""
        values, hits = self._loss_of.measure(
            logits, chunk.target, self._hypers, certain=chunk.certain
        )
        self._classifies = hits is not None
        if chunk.weight is None:
            self._weight += values.shape[0] * values.shape[2]
        else:
            weight = chunk.weight.squeeze(-2)
            self._weight += weight.sum((0, 2))
            values, hits = values * weight, None if hits is None else hits * weight
        self._loss += values.sum((0, 2))
        if hits is not None:
            self._hits += hits.sum((0, 2))

    def sums(self) -> NDArray[np.float64]:
        """Return a copy of the sums (3, K), from which another tally can go on."""
        return self._sums.cpu().numpy().copy()

    def means(self) -> Metrics:
        """Return the mean loss, and the accuracy where there are classes, each (K,)."""
        means = {"loss": (self._loss / self._weight).cpu().numpy()}
        if self._classifies:
            means["accuracy"] = (self._hits / self._weight).cpu().numpy()
        return means


class Scores:
    """Collects predictions of all members on their validation rows, and scores them.

    Args:
        scores: by name.
        link: from logits to predictions.
        ids: (K, N) the rows that each member is judged on.
    """

    def __init__(
        self, scores: Mapping[str, Score], link: Callable[[Tensor], Tensor], ids: NDArray[Any]
    ) -> None:
        self._scores, self._link, self._ids = scores, link, ids
        self._blocks: list[Tensor] = []

    def add(self, logits: Tensor) -> None:
        """Keep the predictions from logits (K, C, B)."""
        if self._scores:
            self._blocks.append(self._link(logits).transpose(1, 2).cpu())

    def values(self) -> Metrics:
        """Return every score, (K,)."""
        if not self._scores:
            return {}
        predictions = torch.cat(self._blocks, dim=1).numpy()
        pairs = list(zip(predictions, self._ids, strict=True))
        return {
            name: np.array([score(outputs, ids) for outputs, ids in pairs])
            for name, score in self._scores.items()
        }
