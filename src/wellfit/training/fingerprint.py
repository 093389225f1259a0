"""A fingerprint of the data, by which a resumed training finds out that they changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wellfit.core.digests import blake2b
from wellfit.training.rows import Rows
from wellfit.training.streams import Stream


def fingerprint(rows: Rows, streams: Sequence[Stream]) -> str:
    """Return a digest of all that members read: the table, whose rows, in which order.

    >>> rows = Rows(np.eye(2), np.array([0, 1]))
    >>> first, other = Stream(np.arange(2)), Stream(np.arange(2), seed=1)
    >>> fingerprint(rows, [first]) == fingerprint(rows, [first]) != fingerprint(rows, [other])
    True
    """
    return blake2b(_parts(rows, streams))


def _parts(rows: Rows, streams: Sequence[Stream]) -> Iterator[str | np.ndarray]:
    for part in rows.arrays():
        if not isinstance(part, str):
            yield f"{part.dtype}{part.shape}"
        yield part
    for stream in dict.fromkeys(streams):
        yield stream.train
        if stream.validation is not None:
            yield stream.validation
        how = (stream.seed, stream.augment, stream.image_shape, stream.shuffle)
        # As before there were blocks, so that older checkpoints are known again.
        blocks = () if stream.blocks is None else (stream.blocks,)
        yield repr(how + ("pairs",) * stream.pairs + blocks)
