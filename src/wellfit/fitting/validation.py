"""Features as users pass them, checked as scikit-learn checks them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import DataError
from wellfit.datasets.streamed import StreamedTable
from wellfit.datasets.table_files import streamed
from wellfit.fitting.features import FeatureEncoder, Table, cell_labels
from wellfit.preprocessing import as_table, preprocessor_of
from wellfit.preprocessing.categories import with_lasting_kinds
from wellfit.preprocessing.cells import check_cells, refuse_text
from wellfit.preprocessing.choice import Preprocess

_FEW_ROWS = 10


def validate_features(
    estimator: BaseEstimator, x: Any, encoder: FeatureEncoder | None = None
) -> Table:
    """Check X as scikit-learn does.

    Args:
        estimator: whose columns these are to be, and whose name messages give; its ``preprocess``
            and ``precision`` decide what may be in X.
        x: (n_samples, n_columns), of any type that estimators take.
        encoder: that will read X, so that the columns must agree with the estimator's; None where
            one is to be fitted: then the estimator remembers these columns.

    Returns:
        X as a table: a DataFrame of pandas, an array or a sparse matrix.

    Raises:
        HyperparameterError: ``preprocess`` is none of its values.
        DataError or ValueError: no rows, no columns, wrong shape, other columns than at fit.
    """
    # As it was in training, whatever set_params has said since.
    raw = (
        preprocessor_of(estimator.preprocess) is None if encoder is None else encoder.kind == "raw"
    )
    x = streamed(x)
    if isinstance(x, StreamedTable):
        # Cells are checked where they are read: a few rows have the columns that all have.
        few = validate_features(estimator, x[:_FEW_ROWS].to_frame(), encoder)
        return x if encoder is None or encoder.names is None else x.select(list(few.columns))
    if raw:
        return _validate_numbers(estimator, x, reset=encoder is None)
    table = as_table(x)
    named = hasattr(table, "columns")  # the preprocessor checks them, and knows more
    if encoder is None or encoder.table is None or not named:
        try:
            validate_data(estimator, table, reset=encoder is None, skip_check_array=True)
        except ValueError as error:
            raise DataError(str(error)) from error
    return table


def _validate_numbers(estimator: BaseEstimator, x: Any, *, reset: bool) -> Table:
    """Check X of an estimator that takes numbers as they are."""
    try:
        numbers = validate_data(
            estimator,
            x,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
        )
    except (ValueError, OverflowError):
        _refuse_text(x)
        raise
    # Larger numbers are no infinities in float32, but their sums and squares are.
    largest = np.finfo(numbers.dtype).max if estimator.precision == "float64" else LARGEST
    check_cells(numbers, *cell_labels(x), largest=largest, missing=False)
    return numbers


def with_columns_of_all_rows(x: Any, preprocess: Preprocess) -> Any:
    """Return features of which each fold has columns of the kinds that all rows have.

    Raises:
        DataError: no table that can be read.
    """
    if preprocess is None or isinstance(streamed(x), StreamedTable):
        return x
    table = as_table(x)
    return with_lasting_kinds(table) if isinstance(table, pd.DataFrame) else x


def _refuse_text(x: Any) -> None:
    with suppress(DataError):  # no table at all: there is a better message for that
        table = as_table(x)
        x = table if isinstance(table, pd.DataFrame) else None
    if isinstance(x, pd.DataFrame):
        refuse_text(x)
