"""The embedding of numeric columns that an estimator asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.estimators.encoding import Encoded
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.nn import Network, NumericEmbedding


def embedding_of(
    estimator: Any, columns: tuple[int, ...], borrowed: BorrowedLayers | None
) -> tuple[NumericEmbedding, ...]:
    """Return the layer that embeds an estimator's columns, if it asks for one.

    Args:
        estimator: whose ``numeric_embedding`` counts.
        columns: the inputs to embed, where the parameter doesn't say so itself.
        borrowed: layers that take the place of the lowest, an embedding among them if that
            network has one.

    Raises:
        HyperparameterError: an embedding below borrowed layers that were trained without one.
    """
    if estimator.numeric_embedding is None:
        return ()
    layer = resolve(NumericEmbedding, estimator.numeric_embedding)
    if borrowed is None:
        return (layer if layer.columns else layer.replace(columns=columns),)
    if not any(isinstance(each, NumericEmbedding) for each in borrowed.before):
        raise HyperparameterError(
            f"numeric_embedding is {estimator.numeric_embedding!r}, and the pretrained model has "
            "none, so that its layers read columns as they are; expected None"
        )
    return ()


def columns_to_embed(
    estimator: Any, table: Encoded, train: NDArray[np.integer]
) -> tuple[int, ...]:
    """Return the encoded columns that an embedding is for: numbers of three values or more.

    Of two values, a line is all that can be said.

    Args:
        estimator: whose ``numeric_embedding`` counts.
        table: the encoded rows, and their encoder.
        train: positions of the training rows.

    Raises:
        HyperparameterError: there are none, and an embedding is asked for.
    """
    given, x = estimator.numeric_embedding, table.rows.x
    if given is None:
        return ()
    there = () if sparse.issparse(x) else table.features.numeric
    found = tuple(at for at in there if _has_three_values(x[train, at]))
    if not found and not resolve(NumericEmbedding, given).columns:
        raise HyperparameterError(
            f"numeric_embedding is {given!r}, and X, which is encoded as "
            f"{'sparse rows' if sparse.issparse(x) else table.features.kind}, has no numeric "
            "column with more than two values; expected None"
        )
    return found


def embedded_columns(network: Network) -> tuple[int, ...]:
    """Return the inputs that a network's embedding is for; none where it has none."""
    layers = (each for each in network.layers if isinstance(each, NumericEmbedding))
    layer = next(layers, None)
    return () if layer is None else layer.embedded(network.inputs)


def _has_three_values(column: NDArray[Any]) -> bool:
    low, high = column.min(), column.max()
    return bool(((column > low) & (column < high)).any())
