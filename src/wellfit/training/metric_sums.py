"""Sums of losses and correct predictions, kept on the device and read once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.training.chunk import Chunk
from wellfit.training.processes import ProcessGroup
from wellfit.training.stack import Stack

Numbers: TypeAlias = NDArray[np.float64]
Metrics: TypeAlias = dict[str, NDArray[np.float64]]
# From predictions (N, C) of the rows with the given numbers (N,) to a score.
ScoreFunction: TypeAlias = Callable[[NDArray[np.floating], NDArray[np.integer]], float]

EVERY = slice(None)


class MetricSums:
    """Sums of the losses and correct predictions of K members.

    The sums don't depend on where an epoch was interrupted: they are added step by step, in
    double precision, and a step's share is computed within its whole chunk, since kernels round
    by a value's place.

    Args:
        stack: whose logits will come.
        before: sums (3, K) to go on from.
    """

    def __init__(self, stack: Stack, before: NDArray[np.float64] | None = None) -> None:
        self._stack = stack
        self._loss_of, self._hypers = stack.members[0].loss, stack.loss
        like = torch.zeros(3, stack.k, dtype=torch.float64, device=stack.gradients.device)
        self._sums = like if before is None else torch.as_tensor(before).to(like)
        self._loss, self._hits, self._weight = self._sums
        self._classifies = False

    def add(self, logits: Tensor, chunk: Chunk, steps: slice = EVERY) -> None:
        """Count the logits (n, K, C, B) of a chunk, or of some of its steps only."""
        values, hits = self._loss_of.measure(
            logits,
            chunk.target,
            self._hypers,
            certain=chunk.certain,
            one_class=chunk.one_class,
        )
        self._classifies |= hits is not None
        if chunk.weight is None:
            self._weight += len(values[steps]) * values.shape[2]
        else:
            weight = chunk.weight.squeeze(-2)
            _add(self._weight, weight, steps)
            # Weighted means: a row of weight 0 counts in neither the sum nor the divisor.
            values, hits = values * weight, None if hits is None else hits * weight
        _add(self._loss, values, steps)
        if hits is not None:
            _add(self._hits, hits, steps)

    def add_sums(self, each: Numbers, *, classifies: bool) -> None:
        """Count steps by their sums over rows.

        Args:
            each: (3, n, K) losses, correct predictions and weights.
            classifies: whether rows are classified correctly or not.
        """
        self._classifies |= classifies
        add_in_turn(self._sums.numpy(), each)

    def empty(self) -> MetricSums:
        """Return sums of nothing, for the same members."""
        return MetricSums(self._stack)

    def exchanged(self) -> Tensor:
        """Return the sums (4, K) that processes exchange; the last says whether rows are hits."""
        row = torch.full_like(self._weight, float(self._classifies))
        return torch.cat([self._sums, row[None]])

    def merge(self, others: Tensor) -> None:
        """Add sums (4, K) of rows that were counted elsewhere."""
        self._sums += others[:3]
        self._classifies |= bool(others[3].any())

    def sums(self) -> NDArray[np.float64]:
        """Return a copy of the sums (3, K), from which another object can go on."""
        return self._sums.cpu().numpy().copy()

    def means(self) -> Metrics:
        """Return the mean loss, and the accuracy where there are classes, each (K,)."""
        means = {"loss": (self._loss / self._weight).cpu().numpy()}
        if self._classifies:
            means["accuracy"] = (self._hits / self._weight).cpu().numpy()
        return means


def _add(total: Tensor, values: Tensor, steps: slice) -> None:
    """Add the values (n, K, B) of some steps to a sum (K,), one step after the other."""
    if len(values) == 1:  # which can't be cut
        total += values[steps].sum((0, 2))
        return
    each = values.sum(2)[steps]
    if each.device.type == "cpu":
        add_in_turn(total.numpy(), each.numpy())  # where a call of PyTorch's takes thrice as long
    else:
        total.copy_(torch.cat([total.unsqueeze(0), each.double()]).cumsum(0)[-1])


def add_in_turn(total: NDArray[np.float64], each: NDArray[Any]) -> None:
    """Add the rows (…, n, K) to a sum (…, K), one after the other, as no sum of numpy's does.

    >>> total = np.zeros(1)
    >>> add_in_turn(total, np.array([[1.0], [2.0]]))
    >>> total
    array([3.])
    """
    run = np.concatenate([total[..., None, :], each], axis=-2, dtype=np.float64)
    # np.sum adds in pairs, in an order that depends on the length; accumulate adds one by one, so
    # an epoch cut in two sums to the same bits.
    total[:] = np.add.accumulate(run, axis=-2, out=run)[..., -1, :]


class ScoreCollector:
    """Collects predictions of all members on their validation rows, and scores them.

    Args:
        scores: by name.
        link: from logits to predictions.
        ids: (K, N) the rows that each member is judged on.
        group: the processes, each of which has the predictions of a part.
    """

    def __init__(
        self,
        scores: Mapping[str, ScoreFunction],
        link: Callable[[Tensor], Tensor],
        ids: NDArray[Any],
        group: ProcessGroup,
    ) -> None:
        self._scores, self._link, self._ids, self._group = scores, link, ids, group
        self._blocks: list[Tensor] = []

    def add(self, logits: Tensor) -> None:
        """Keep the predictions from logits (K, C, B)."""
        if self._scores:
            self._blocks.append(self._link(logits).transpose(1, 2).cpu())

    def values(self) -> Metrics:
        """Return every score, (K,)."""
        if not self._scores:
            return {}
        parts = torch.cat(self._blocks, dim=1)
        predictions = self._group.gathered(parts, self._ids.shape[1])
        pairs = list(zip(predictions.numpy(), self._ids, strict=True))
        return {
            name: np.array([score(outputs, ids) for outputs, ids in pairs])
            for name, score in self._scores.items()
        }
