"""The embedding of categories that an estimator asks for."""

from __future__ import annotations

from typing import Any

from wellfit.core.errors import HyperparameterError
from wellfit.core.parameter import is_auto
from wellfit.fitting import FeatureEncoder
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.nn import CategoricalEmbedding, Network

_EIGHTHS = 3  # steps of rounding, as a power of 2


def coded_from(estimator: Any) -> int | None:
    """Return how many levels a category must have for an estimator to embed it; None for never.

    Raises:
        HyperparameterError: an embedding of rows that augmentations change.
    """
    given = estimator.categorical_embedding
    if given is None:
        return None
    # What is mixed of two codes, or moved, is another level's code.
    if estimator.augment:
        if is_auto(given):
            return None
        raise HyperparameterError(
            f"categorical_embedding is {given!r}, and augment changes rows, in which codes must "
            "stay as they are; expected None or 'auto'"
        )
    return embedding_of(given).min_levels


def embedding_of(given: Any) -> CategoricalEmbedding:
    """Return the embedding that a value of ``categorical_embedding`` stands for, but None."""
    return CategoricalEmbedding.from_value(given)


def categories_of(
    estimator: Any, codes: tuple[int, ...], borrowed: BorrowedLayers | None
) -> tuple[CategoricalEmbedding, ...]:
    """Return the layer that embeds an estimator's categories, if it has one.

    Args:
        estimator: whose ``categorical_embedding`` counts.
        codes: how many codes each of the last encoded columns has.
        borrowed: layers that take the place of the lowest, an embedding of categories among them
            if that network has one.

    Raises:
        HyperparameterError: an embedding is asked for, and the borrowed layers have none.
    """
    given = estimator.categorical_embedding
    if borrowed is not None and borrowed.categorical:
        return borrowed.categorical
    if codes:
        return (embedding_of("auto" if given is None else given).replace(levels=codes),)
    if borrowed is not None:
        _refuse_if_asked_for(given, "the pretrained model has none")
    return ()


def room_for_codes(
    estimator: Any, features: FeatureEncoder, before: Network | None
) -> tuple[int, ...]:
    """Return how many codes an embedding has room for, of each column that has codes.

    As many as that of the network ``before``, which training goes on from; else as many as the
    rows have, rounded up by an eighth at most, so that folds, whose numbers of levels differ by a
    few, mostly have networks of one shape and train as one stack.

    Raises:
        HyperparameterError: an embedding is asked for, and rows have no categories.
    """
    if before is not None:
        return embedded_codes(before)
    if not any(column.kind == "category" for column in features.columns):
        kind = f"X, which is encoded as {features.kind}, has no column of text or categories"
        _refuse_if_asked_for(estimator.categorical_embedding, kind)
    return tuple(_rounded(count) for count in features.code_counts)


def _refuse_if_asked_for(given: Any, why: str) -> None:
    if given is not None and not is_auto(given):
        raise HyperparameterError(
            f"categorical_embedding is {given!r}, and {why}; expected None or 'auto'"
        )


def embedded_codes(network: Network) -> tuple[int, ...]:
    """Return the codes that a network's embedding of categories has room for; none without."""
    layer = network.layers[0]
    return layer.levels if isinstance(layer, CategoricalEmbedding) else ()


def _rounded(count: int) -> int:
    """Return a number rounded up to one of four binary digits.

    >>> [_rounded(count) for count in (7, 16, 17, 1190, 1210)]
    [7, 16, 18, 1280, 1280]
    """
    step = 1 << max(0, count.bit_length() - 1 - _EIGHTHS)
    return -(-count // step) * step
