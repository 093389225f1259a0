"""Shares of batches: the rows of a process among those of all that train the same network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.augment import Examples
from wellfit.nn.ops import BatchShare
from wellfit.training.rows import Rows


def own_rows(ids: Tensor, share: BatchShare) -> Tensor:
    """Return a share's rows of batches that follow each other.

    Args:
        ids: (S, n · B, 1 or 2) the rows of n batches' examples.
        share: of B examples; one that has none gets the first, which is to count as none.

    Returns:
        (S, n · b, 1 or 2).
    """
    if share.own == share.of:
        return ids
    batches = ids.view(len(ids), -1, share.of, ids.shape[2])
    return batches[:, :, _places(share)].flatten(1, 2)


def own_examples(examples: Examples, share: BatchShare) -> Examples:
    """Return a share's part of whole batches, whose rows were changed together."""
    if share.own == share.of:
        return examples
    places, each = _places(share), examples.x.shape[2] // share.of
    rows = slice(each * places.start, each * places.stop)
    weight = examples.weight
    return Examples(
        examples.x[:, :, rows].contiguous(),
        examples.target[..., places].contiguous(),
        None if weight is None else weight[..., places],
    )


def weights_of(
    examples: Examples, there: Tensor | None, share: BatchShare
) -> tuple[Tensor | None, Tensor | None]:
    """Return the weights of rows, and the factor that turns their mean into the batch's.

    Args:
        examples: of n batches of S streams, a share of each.
        there: (1, S, 1, B) which examples of the batch streams have; None for all.
        share: that the examples are.

    Returns:
        (n, S, 1, b) and (n, S, 1, 1); None where all are 1.
    """
    weight, target = examples.weight, examples.target
    if there is None:
        if share.own == share.of:
            return weight, None
        ones = target.new_full((*target.shape[:2], 1, share.rows), float(share.own > 0))
        factor = target.new_full((*target.shape[:2], 1, 1), share.weight)
    else:
        # Losses are means over B examples; with fewer, their weights grow by B over their number.
        factor = share.weight / there.mean(-1, keepdim=True)
        ones = there[..., _places(share)] * float(share.own > 0)
    return ones if weight is None else weight * ones, factor


def _places(share: BatchShare) -> slice:
    """Return the places of a share's examples in the batch."""
    first = min(share.first, share.of - 1)
    return slice(first, first + share.rows)


def examples_there(lengths: Sequence[int], whole: int, rows: Rows) -> Tensor | None:
    """Return which examples of the last batch streams have (1, S, 1, B), or None if all.

    Args:
        lengths: (S,) the examples of each stream.
        whole: those of all batches before.
        rows: the table.
    """
    if len(set(lengths)) == 1:
        return None
    there = torch.arange(whole, max(lengths)) < torch.tensor(lengths)[:, None]
    return there.to(rows.device, rows.dtype)[None, :, None]
