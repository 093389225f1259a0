"""Pairs of rows, half of them alike, drawn anew for every epoch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from wellfit.core.errors import DataError


class Pairing:
    """Draws pairs of some rows: as many as there are rows, alike and not alike in turn.

    Every row is the first of a pair once, where all have a row like them. The other is any row
    of the same label, or any of another, each equally likely.

    Args:
        ids: (N,) the rows' numbers.
        labels: (N,) their labels, as whole numbers.

    Raises:
        DataError: all rows alike, or no two of them.

    >>> pairing = Pairing(torch.tensor([5, 6, 7, 8]), torch.tensor([0, 0, 1, 1]))
    >>> pairs = pairing.draw(torch.Generator().manual_seed(0))
    >>> (pairs[:, 0] < 7).eq(pairs[:, 1] < 7).tolist()
    [True, False, True, False]
    """

    def __init__(self, ids: Tensor, labels: Tensor) -> None:
        codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)[1:]
        if len(counts) < 2 or int(counts.max()) < 2:
            what = "are all alike" if len(counts) < 2 else "are all different"
            raise DataError(
                f"the {len(labels)} rows to make pairs of {what}; expected two classes at least, "
                "and two rows of one of them"
            )
        # In the order of their labels, the rows of a class stand together: from its start on.
        order = codes.argsort(stable=True)
        self._ids = ids[order]
        self._count = counts.repeat_interleave(counts)
        starts = counts.cumsum(0) - counts
        self._start = starts.repeat_interleave(counts)

    def draw(self, generator: Generator) -> Tensor:
        """Return the numbers (N, 2) of the rows of N pairs."""
        total = len(self._ids)
        alike, different = self._firsts(torch.randperm(total, generator=generator))
        pairs = torch.empty(total, 2, dtype=torch.int64)
        pairs[0::2] = torch.stack([alike, self._alike(alike, generator)], dim=1)
        pairs[1::2] = torch.stack([different, self._different(different, generator)], dim=1)
        return self._ids[pairs]

    def _firsts(self, order: Tensor) -> tuple[Tensor, Tensor]:
        """Cut an order of places in two: the first rows of pairs that are alike, and the rest."""
        total = len(order)
        half = (total + 1) // 2
        paired = order[self._count[order] > 1]
        alike = paired.repeat(-(-half // len(paired)))[:half]
        free = torch.ones(total, dtype=torch.bool)
        free[alike] = False
        return alike, order[free[order]][: total - half]

    def _alike(self, places: Tensor, generator: Generator) -> Tensor:
        """Return for each place another of the same label."""
        start, count = self._start[places], self._count[places]
        # One less than the class has; places from the own one on are moved up by one.
        drawn = start + _below(count - 1, generator)
        return drawn + (drawn >= places)  # leaves out the place itself

    def _different(self, places: Tensor, generator: Generator) -> Tensor:
        """Return for each place one of another label."""
        start, count = self._start[places], self._count[places]
        # As if the own class were cut out of the order; places behind the gap are moved up by it.
        drawn = _below(len(self._ids) - count, generator)
        return drawn + count * (drawn >= start)  # leaves out the place's own class


def _below(bounds: Tensor, generator: Generator) -> Tensor:
    """Draw a whole number from 0 to each bound, without the bound."""
    shares = torch.rand(bounds.shape, dtype=torch.float64, generator=generator)
    return (shares * bounds).long()
