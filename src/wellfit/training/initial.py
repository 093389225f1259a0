"""Initial weights: drawn from seeds, and what layers take from training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.nn import CategoricalEmbedding, Network
from wellfit.training.member import Member
from wellfit.training.rows import Rows
from wellfit.training.stack import Weights
from wellfit.training.streams import Stream

_MOST_ROWS = 200_000  # that decide on statistics; more would hardly move a quantile


def initial_weights(
    members: Sequence[Member], rows: Rows, streams: Sequence[Stream], dtype: torch.dtype
) -> Weights:
    """Return the weights that members start from, each as if it were alone.

    Args:
        members: K trainings of one structure.
        rows: the table that all of them read.
        streams: K streams.
        dtype: of the weights.
    """
    weights = Weights.initial(members, dtype, rows.device)
    place = _lowest(weights.network)
    if not weights.network.layers[place].starts_from_rows:
        return weights
    views = weights.network.statistics.views(weights.statistics, weights.members)
    known: dict[tuple[int, object], Tensor] = {}
    for index, (member, stream) in enumerate(zip(members, streams, strict=True)):
        layer = member.network.layers[place]
        key = id(stream), layer
        if key not in known:
            x, target, weight = _read(rows, stream)
            below = member.network.layers[0]
            if isinstance(below, CategoricalEmbedding):
                x = below.without_codes(x)
            known[key] = layer.statistics_of(x, target, weight)
        views[place][index] = known[key].to(views[place])
    return weights


def _lowest(network: Network) -> int:
    """Return the place of the lowest layer that is at work when predicting.

    An embedding of categories is passed over: it leaves the other columns where they are.
    """
    return next(
        index
        for index, layer in enumerate(network.layers)
        if not (layer.training_only or isinstance(layer, CategoricalEmbedding))
    )


def deciding_rows(train: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the positions of training rows that decide on layers and their statistics.

    Of many rows, some are looked at, evenly thinned out.
    """
    return train[:: -(-len(train) // _MOST_ROWS)]


def _read(rows: Rows, stream: Stream) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return features, targets and weights of a stream's rows that decide."""
    few = np.asarray(deciding_rows(stream.train), dtype=np.int64)
    ids = torch.as_tensor(few, device=rows.device)
    weight = rows.weights(ids)
    return rows.features(ids)[:, :-1], rows.labels(ids), None if weight is None else weight[0]
