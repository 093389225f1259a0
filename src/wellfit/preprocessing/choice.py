"""The values of the parameter ``preprocess``: ``"auto"``, a TablePreprocessor, or None."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.base import clone

from wellfit.core.errors import HyperparameterError
from wellfit.core.parameter import is_auto
from wellfit.preprocessing.table import TablePreprocessor
from wellfit.preprocessing.table_documents import check_settings

Preprocess: TypeAlias = Literal["auto"] | TablePreprocessor | None


def preprocessor_of(given: Any) -> TablePreprocessor | None:
    """Return a new, unfitted preprocessor of the settings that a value stands for.

    Args:
        given: the value of a parameter ``preprocess``. An object is copied, and stays as it is.

    Returns:
        None where ``given`` is None.

    Raises:
        HyperparameterError: it is something else, or a setting is out of its range.

    >>> preprocessor_of("auto"), preprocessor_of(TablePreprocessor("standard"))
    (TablePreprocessor(), TablePreprocessor(numeric='standard'))
    """
    if given is None:
        return None
    if is_auto(given):
        return TablePreprocessor()
    # A subclass may do anything, and a model folder could not hold it.
    if type(given) is not TablePreprocessor:
        raise HyperparameterError(
            f"preprocess is {given!r}; expected 'auto' or None, or a TablePreprocessor"
        )
    check_settings(given)
    found: TablePreprocessor = clone(given)
    return found


def settings_key(given: Any) -> Hashable:
    """Return what is equal for values by which rows are encoded alike.

    The type of the numbers is left out: an estimator's ``precision`` decides on it.

    >>> settings_key(TablePreprocessor(dtype="float64")) == settings_key("auto")
    True
    """
    table = preprocessor_of(given)
    if table is None:
        return None
    # NumPy's numbers and Python's are the same setting.
    settings = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in table.get_params().items()
        if key != "dtype"
    }
    return tuple(sorted(settings.items()))
