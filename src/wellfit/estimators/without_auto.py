"""The parameters that ``"auto"`` stands for on given rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from wellfit.core.parameter import is_auto
from wellfit.datasets import StreamedTable
from wellfit.datasets.splitting import take_rows
from wellfit.datasets.streamed import sampled
from wellfit.estimators import settings
from wellfit.estimators.auto_bagging import fold_counts
from wellfit.estimators.categories import embedding_of
from wellfit.estimators.embedding import columns_to_embed
from wellfit.estimators.encoding import Encoded, encoded
from wellfit.estimators.rows import split_rows
from wellfit.estimators.table_defaults import for_table
from wellfit.fitting import TargetEncoder
from wellfit.fitting.validation import validate_features
from wellfit.nn import NumericEmbedding

_LOOKED_AT = 10_000  # rows, of which the kinds of columns are learned


def without_auto(estimator: Any, X: Any, y: ArrayLike, *, validated: bool = False) -> Any:
    """Return a copy of an estimator with what ``"auto"`` stands for when it is fitted to rows.

    That holds for the parameters that say what the network is, of how many folds there is one, and
    how fast it learns and decays; the copy, fitted to these rows, is the same network as the
    estimator. The learning rate stays ``"auto"`` where it is the optimizer's own.

    Args:
        estimator: ``MLPClassifier`` or ``MLPRegressor``; stays as it is.
        X: (n_samples, n_features), as of ``fit``.
        y: targets.
        validated: whether ``fit`` is given validation rows apart.

    Raises:
        InputError: data or parameters that ``fit`` refuses.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> without_auto(MLPClassifier(), *load_iris(return_X_y=True)).numeric_embedding
    'piecewise_with_jumps'
    """
    chosen = clone(estimator)
    settings.check_options(chosen)
    targets = settings.targets(chosen, y)
    y = targets.read(y, warn=False)
    if chosen.pretrained is None:
        x = validate_features(chosen, X)
        table = _sample(chosen, x, y, targets)
        folds = fold_counts(estimator, x, given=validated, alone=True)
        chosen.bagging = folds.averaged
        rows = len(split_rows(chosen, targets, y, validated or any(folds), seed=0).train)
        given = chosen, table.features, table.targets, None
        chosen = for_table(*given, rows=rows, one_epoch=False, bagged=bool(folds.averaged))
        _name_embeddings(chosen, table)
        if chosen.layers is None and is_auto(chosen.hidden_layer_sizes):
            chosen.hidden_layer_sizes = settings.SIZES
    for name, value in {"n_submodels": 1, "l2": 0.0, "dropout": settings.dropout(chosen)}.items():
        if is_auto(getattr(chosen, name)):
            setattr(chosen, name, value)
    return chosen


def _sample(estimator: Any, x: Any, y: NDArray[Any], targets: TargetEncoder) -> Encoded:
    """Return some of the validated rows, encoded."""
    at = sampled(len(y), _LOOKED_AT, seed=0)
    some = x[at].to_frame() if isinstance(x, StreamedTable) else take_rows(x, at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of columns, which fit itself gives
        return encoded(estimator, some, y[at], None, (None, targets), np.arange(len(at)), None)


def _name_embeddings(estimator: Any, table: Encoded) -> None:
    """Name the embeddings that ``"auto"`` stands for."""
    if is_auto(estimator.numeric_embedding):
        everyone = np.arange(len(table.y))
        columns = columns_to_embed(estimator, table, everyone, one_epoch=False)
        name = NumericEmbedding.from_value("auto").name
        estimator.numeric_embedding = name if columns else None
    # Of few levels in these rows there may be many in others.
    if is_auto(estimator.categorical_embedding) and table.features.code_counts:
        estimator.categorical_embedding = embedding_of("auto").name
