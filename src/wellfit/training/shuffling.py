"""The order of an epoch's rows: shuffled as a whole, or in blocks that lie together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wellfit.core.rng import generator, permutation


@dataclass(frozen=True)
class ShuffleBlocks:
    """How rows are shuffled that are read from a disk: blocks first, then rows of some blocks.

    Blocks of consecutive rows come in a random order; as many as a buffer holds are taken at
    once, and their rows are shuffled among each other. So a disk reads whole blocks, and each
    batch has rows from all over.

    Attributes:
        rows: consecutive rows that make a block.
        buffer: rows that are shuffled among each other, a multiple of ``rows``.
    """

    rows: int
    buffer: int


def shuffled(seed: int, epoch: int, count: int, blocks: ShuffleBlocks | None = None) -> Tensor:
    """Return the order (count,) of rows in an epoch: a function of the seed and the epoch.

    Rows that a buffer holds are shuffled as a whole, as without blocks.

    Args:
        seed: of the stream.
        epoch: from 0.
        count: how many rows there are.
        blocks: how they are shuffled where they lie on a disk; None for as a whole.

    >>> order = shuffled(0, 0, 12, ShuffleBlocks(rows=2, buffer=4))
    >>> sorted(order.tolist()) == list(range(12))
    True
    >>> len({row // 2 for row in order[:4].tolist()})  # the first four rows are of two blocks
    2
    """
    if blocks is None or count <= blocks.buffer:
        return permutation(seed, epoch, count)
    order = torch.empty(count, dtype=torch.int64)
    whole = torch.randperm(-(-count // blocks.rows), generator=generator(seed, "blocks", epoch))
    done, within = 0, torch.arange(blocks.rows)
    for window, chosen in enumerate(torch.split(whole, blocks.buffer // blocks.rows)):
        rows = (chosen[:, None] * blocks.rows + within).flatten()
        rows = rows[rows < count]  # the last block may be shorter
        mixed = torch.randperm(len(rows), generator=generator(seed, "buffer", epoch, window))
        torch.index_select(rows, 0, mixed, out=order[done : done + len(rows)])
        done += len(rows)
    return order
