"""Splits of rows into training and validation, and subsamples of the training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import DataError
from wellfit.core.rng import derive


def split(
    rows: int, fraction: float, seed: int, *, strata: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split row numbers into training and validation, by scikit-learn's ``train_test_split``.

    Args:
        rows: how many rows there are.
        fraction: share of them to validate on, in (0, 1).
        seed: of the draw.
        strata: (rows,) labels whose shares both parts keep, where each has two rows at least.

    Raises:
        DataError: too few rows to have at least one in each part.

    >>> train, validation = split(10, 0.2, seed=0)
    >>> len(train), len(validation)
    (8, 2)
    """
    from sklearn.model_selection import train_test_split

    held = max(1, round(rows * fraction))
    if rows < 2 or held >= rows:
        raise DataError(
            f"cannot hold out {fraction:g} of {rows} rows for validation; "
            "expected at least one row in each part"
        )
    labels = None if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    if labels is not None:
        counts = np.bincount(labels)
        # scikit-learn refuses these; a split that is not stratified is better than none.
        if counts.min() < 2 or len(counts) > min(held, rows - held):
            labels = None
    # scikit-learn takes 32 bits.
    state = derive(seed, "split") % (1 << 32)
    train, validation = train_test_split(
        np.arange(rows), test_size=held, random_state=state, stratify=labels
    )
    return train, validation


def folds(
    rows: int, count: int, seed: int, *, strata: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Return row numbers in ``count`` folds of equal size, (count, ceil(rows / count)).

    Every row is in one fold, and each stratum has its share in every fold. Where ``count`` doesn't
    divide the rows, some are in two folds: folds of equal size train as one stack.

    Args:
        rows: how many rows there are.
        count: how many folds, at most one for each row.
        seed: of the draw.
        strata: (rows,) labels that are dealt to the folds in turn.

    >>> folds(5, 2, seed=0).shape, sorted(set(folds(5, 2, seed=0).ravel().tolist()))
    ((2, 3), [0, 1, 2, 3, 4])
    """
    # scikit-learn's generator: the same rows on every platform.
    order = np.random.RandomState(derive(seed, "folds") % (1 << 32)).permutation(rows)
    if strata is not None:
        order = order[np.argsort(np.asarray(strata)[order], kind="stable")]
    size = -(-rows // count)
    # Row i goes to fold i modulo count. Those dealt twice go to another fold the second time.
    dealt = np.resize(order, size * count)
    return np.sort(dealt.reshape(size, count).T, axis=1)


def fraction_of(
    ids: NDArray[np.integer], fraction: float, seed: int, *, strata: ArrayLike | None = None
) -> NDArray[np.integer]:
    """Return a share of the row numbers ``ids``, e.g. to overfit on purpose.

    >>> len(fraction_of(np.arange(1000), 0.01, seed=0))
    10
    """
    if fraction >= 1:
        return ids
    kept, _ = split(len(ids), 1 - fraction, seed, strata=strata)
    return ids[np.sort(kept)]
