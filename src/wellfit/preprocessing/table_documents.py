"""The settings of a TablePreprocessor, and a fitted one as plain data and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.core.parameter import is_auto
from wellfit.core.schema import Positive, Range, conform
from wellfit.preprocessing.categories import LevelsDocument
from wellfit.preprocessing.columns import Kind
from wellfit.preprocessing.numeric import NumbersDocument, check_names
from wellfit.preprocessing.table_encoding import TableEncoding


class Settings(TypedDict):
    """The settings of a :class:`TablePreprocessor`."""

    numeric: str
    clip: str
    max_categories: Annotated[int, Range(2)] | Literal["auto"]
    min_frequency: Positive
    dtype: Literal["float32", "float64"]


DEFAULTS: Settings = {
    "numeric": "robust",
    "clip": "smooth",
    "max_categories": "auto",
    "min_frequency": 2,
    "dtype": "float32",
}


class TableDocument(TypedDict):
    """The document of a fitted :class:`TablePreprocessor`."""

    settings: Settings
    kinds: list[Kind]
    names: list[str] | None
    numbers: NumbersDocument
    flags: NumbersDocument
    categories: list[LevelsDocument]


def check_settings(table: Any) -> None:
    """Refuse settings of a preprocessor that are out of their ranges.

    Raises:
        HyperparameterError: a number or the type is out of its range.
        UnknownNameError: ``numeric`` or ``clip`` is no known name.
    """
    check_names(table.numeric, table.clip)
    for key, low in (("max_categories", 2), ("min_frequency", 1)):
        value, auto = getattr(table, key), key == "max_categories"
        if auto and is_auto(value):
            continue
        if not isinstance(value, (int, np.integer)) or value < low:
            raise HyperparameterError(
                f"{key} is {value!r}; expected a whole number, at least {low}{' or auto' * auto}"
            )
    if np.dtype(table.dtype) not in (np.float32, np.float64):
        raise HyperparameterError(f"dtype is {table.dtype!r}; expected 'float32' or 'float64'")


def settings_of(table: Any) -> dict[str, Any]:
    """Return a preprocessor's settings as data for JSON."""
    most = table.max_categories
    return {
        "numeric": table.numeric,
        "clip": table.clip,
        "max_categories": most if isinstance(most, str) else int(most),
        "min_frequency": int(table.min_frequency),
        "dtype": np.dtype(table.dtype).name,
    }


def to_document(table: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return all that a preprocessor has learned, as data for JSON and as arrays by name."""
    names = getattr(table, "feature_names_in_", None)
    numbers, numbers_arrays = table.numbers_.to_document()
    flags, flags_arrays = table.flags_.to_document()
    document = {
        "settings": settings_of(table),
        "kinds": list(table.kinds_),
        "names": None if names is None else names.tolist(),
        "numbers": numbers,
        "flags": flags,
        "categories": [levels.to_document() for levels in table.categories_],
    }
    arrays = {f"numbers.{key}": array for key, array in numbers_arrays.items()}
    arrays |= {f"flags.{key}": array for key, array in flags_arrays.items()}
    return document, arrays


def from_document(
    kind: type[Any], document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Any:
    """Return the fitted preprocessor, of a class, that a document describes.

    Raises:
        ModelFileError: it is of another form; names the field.
    """
    conform(document, TableDocument, "table")
    encoding = TableEncoding.from_document(document, arrays)
    table = kind(**document["settings"])
    table.kinds_ = list(encoding.kinds)
    table.n_features_in_ = len(table.kinds_)
    if document["names"] is not None:
        table.feature_names_in_ = np.array(document["names"], dtype=object)
    table.numbers_, table.flags_ = encoding.numbers, encoding.flags
    table.categories_ = list(encoding.categories)
    return table
