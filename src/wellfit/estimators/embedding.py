"""The embedding of numeric columns that an estimator asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.estimators import settings
from wellfit.estimators.encoding import Encoded
from wellfit.estimators.table_defaults import is_narrow_table
from wellfit.fitting import TrainingJob
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.nn import Network, NumericEmbedding
from wellfit.optim import SGD, Optimizer


def new_embedding(
    estimator: Any,
    table: Encoded,
    train: NDArray[np.integer],
    borrowed: BorrowedLayers | None,
    like: TrainingJob | None,
    *,
    one_epoch: bool,
) -> NumericEmbedding | None:
    """Return the layer that embeds an estimator's columns, if it asks for one.

    Args:
        estimator: whose ``numeric_embedding`` counts.
        table: the encoded rows, and their encoder.
        train: positions of the training rows, which it is fitted to.
        borrowed: layers that take the place of the lowest, if any.
        like: another training of these rows; where it was asked for the same embedding, it has it.
        one_epoch: whether the rows are one of many batches.

    Raises:
        HyperparameterError: there is nothing to embed, or it can't be below the borrowed layers.
    """
    columns = columns_to_embed(estimator, table, train, one_epoch=one_epoch)
    layer = _asked_for(estimator.numeric_embedding, columns, borrowed)
    if layer is None:
        return None
    known = None if like is None else _embedding_in(like.member.network)
    if like is not None and known is not None:
        before = _asked_for(like.settings.get("numeric_embedding"), known.columns, borrowed)
        if before == layer:
            return known
    return layer.fitted_to(*table.rows.deciding(train))


def embedding_again(
    now: Any, then: Any, trained: Network, borrowed: BorrowedLayers | None
) -> NumericEmbedding | None:
    """Return the embedding below a network that training goes on from, if it is to have one.

    Args:
        now: an estimator, whose ``numeric_embedding`` counts.
        then: the same as it was when the network was trained.
        trained: the network.
        borrowed: layers that took the place of the lowest, if any.

    Raises:
        HyperparameterError: an embedding is asked for that can't be below the borrowed layers.
    """
    there = _embedding_in(trained)
    columns = () if there is None else there.embedded(trained.inputs)
    asked, before = (_asked_for(each.numeric_embedding, columns, borrowed) for each in (now, then))
    # It is as the training rows decided then.
    return there if asked is not None and asked == before else asked


def _asked_for(
    given: Any, columns: tuple[int, ...], borrowed: BorrowedLayers | None
) -> NumericEmbedding | None:
    """Return the embedding that a parameter stands for, if any, whatever rows decide.

    Args:
        given: the value of ``numeric_embedding``.
        columns: the inputs to embed, where the parameter doesn't say so itself.
        borrowed: layers that take the place of the lowest, an embedding among them if that
            network has one.

    Raises:
        HyperparameterError: an embedding below borrowed layers that were trained without one.
    """
    if given is None or (is_auto(given) and (borrowed is not None or not columns)):
        return None
    layer = NumericEmbedding.from_value(given)
    if borrowed is None:
        return layer if layer.columns else layer.replace(columns=columns)
    if not any(isinstance(each, NumericEmbedding) for each in borrowed.before):
        raise HyperparameterError(
            f"numeric_embedding is {given!r}, and the pretrained model has "
            "none, so that its layers read columns as they are; expected None"
        )
    return None


def columns_to_embed(
    estimator: Any, table: Encoded, train: NDArray[np.integer], *, one_epoch: bool
) -> tuple[int, ...]:
    """Return the encoded columns that an embedding is for: numbers of three values or more.

    Of two values, a line is all that can be said.

    Args:
        estimator: whose ``numeric_embedding`` counts.
        table: the encoded rows, and their encoder.
        train: positions of the training rows.
        one_epoch: whether they are one of many batches.

    Raises:
        HyperparameterError: there are none, and an embedding is asked for.
    """
    given = estimator.numeric_embedding
    if given is None or (is_auto(given) and (one_epoch or not _may_embed(estimator, table))):
        return ()
    x, rows = table.rows.in_memory(train)
    there = () if sparse.issparse(x) else table.features.numeric
    found = tuple(at for at in there if _has_three_values(x[rows, at]))
    if not is_auto(given) and not found and not resolve(NumericEmbedding, given).columns:
        raise HyperparameterError(
            f"numeric_embedding is {given!r}, and X, which is encoded as "
            f"{'sparse rows' if sparse.issparse(x) else table.features.kind}, has no numeric "
            "column with more than two values; expected None"
        )
    return found


def _may_embed(estimator: Any, table: Encoded) -> bool:
    """Say whether ``"auto"`` embeds: columns of a table, below hidden layers without embedding."""
    if not is_narrow_table(table.features) or estimator.image_shape is not None:
        return False
    # e(x) has as many ones as there are bins below x: at a rate that suits the other weights,
    # plain gradient steps on W would diverge.
    if isinstance(resolve(Optimizer, estimator.optimizer), SGD):
        return False
    layers = settings.hidden(estimator)
    # A linear model stays one.
    return bool(layers) and not any(isinstance(layer, NumericEmbedding) for layer in layers)


def _embedding_in(network: Network) -> NumericEmbedding | None:
    """Return a network's embedding; None where it has none."""
    return next((each for each in network.layers if isinstance(each, NumericEmbedding)), None)


def _has_three_values(column: NDArray[Any]) -> bool:
    low, high = column.min(), column.max()
    return bool(((column > low) & (column < high)).any())
