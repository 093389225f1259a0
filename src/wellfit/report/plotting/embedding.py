"""The numbers that a numeric column is embedded in, by the column's value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.fitting import Compute
from wellfit.fitting.validation import validate_features
from wellfit.nn import NumericEmbedding
from wellfit.training.prediction import Predictor
from wellfit.training.rows import Rows

_MOST_VALUES = 500  # drawn, evenly among those that differ


def embedded_values(model: Any, X: Any, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a column's distinct values (n,), and what they are embedded in, (n, size).

    Args:
        model: a fitted network with an embedding of numeric columns.
        X: (rows, columns) that hold the values.
        column: by name.

    Raises:
        InputError: the network has no embedding.
        UnknownNameError: the column isn't embedded; names those that are.
    """
    network, embedded = model.network_, embedded_columns(model)
    if not embedded:
        raise InputError(
            "plot.embedding is for a network with numeric_embedding=, and this one has none"
        )
    place, layer = _embedding_of(model)
    assert layer is not None
    if column not in embedded:
        raise UnknownNameError("embedded column", column, embedded)
    values, rows = _distinct(model, X, column)
    x = network.features.encode(rows, Compute.of(model).numpy_dtype)
    weights = network.first.weights.to(torch.float32, torch.device("cpu"))
    table = Rows(x, np.zeros(0), dtype=torch.float32)
    given = table.features(torch.arange(len(values))).expand(1, -1, -1)
    with torch.no_grad():
        numbers = Predictor(weights).outputs(given)[place][1][0].numpy()
    first = embedded.index(column) * layer.size
    return values, numbers[:, first : first + layer.size]


def embedded_columns(model: Any) -> list[str]:
    """Return the names of the columns that a fitted network embeds as numbers; often all."""
    layer, width = _embedding_of(model)[1], model.network_.weights.network.inputs
    if layer is None:
        return []
    names = _encoded_names(model, width)
    return [names[at] for at in layer.embedded(width)]


def _embedding_of(model: Any) -> tuple[int, NumericEmbedding | None]:
    """Return the embedding of numeric columns, and its place among the layers at work."""
    network = model.network_
    layers = [network.layers[at] for at in network.at_work]
    found = ((at, each) for at, each in enumerate(layers) if isinstance(each, NumericEmbedding))
    return next(found, (0, None))


def _encoded_names(model: Any, width: int) -> list[str]:
    """Return the names of what a network reads."""
    features = model.network_.features
    if features.table is not None:
        return [str(name) for name in features.table.get_feature_names_out()]
    return [str(name) for name in features.names or (f"x{at}" for at in range(width))]


def _distinct(model: Any, X: Any, column: str) -> tuple[NDArray[Any], Any]:
    """Return a column's distinct values, ascending, and a validated row for each."""
    features = model.network_.features
    rows = validate_features(model, X, features)
    names = [info.name for info in features.columns] or _encoded_names(model, rows.shape[1])
    at = names.index(column)
    cells = rows.iloc[:, at] if isinstance(rows, pd.DataFrame) else pd.Series(rows[:, at])
    if cells.dtype.kind == "m":  # durations, in seconds
        cells = cells.dt.total_seconds()
    cells = cells.astype(np.float64)
    values, places = np.unique(cells, return_index=True)
    values, places = values[~np.isnan(values)], places[~np.isnan(values)]
    chosen = np.unique(np.linspace(0, len(values) - 1, _MOST_VALUES).round().astype(int))
    places = places[chosen]
    return values[chosen], rows.iloc[places] if isinstance(rows, pd.DataFrame) else rows[places]
