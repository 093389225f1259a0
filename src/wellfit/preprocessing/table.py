"""TablePreprocessor: tables of any columns to matrices that networks train on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from wellfit.core._sklearn_compat import check_feature_names_in
from wellfit.core.errors import DataError, did_you_mean
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.cells import number_matrix, warn_of_strays
from wellfit.preprocessing.columns import ColumnInfo, Kind, Table, as_table, kinds_of, positions
from wellfit.preprocessing.facts import ColumnFacts, facts_of_numbers, levels_of
from wellfit.preprocessing.numeric import Numbers
from wellfit.preprocessing.table_documents import (
    DEFAULTS,
    check_settings,
    from_document,
    to_document,
)
from wellfit.preprocessing.table_encoding import TableEncoding, codes_last

_NUMERIC: tuple[Kind, ...] = ("number", "date", "duration")


class TablePreprocessor(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scale numbers, fill missing values, and turn text and categories into columns of 0 and 1.

    - Numbers, dates (seconds since 1970) and durations (seconds) are scaled and clipped; a
      missing value becomes the column's median.
    - Columns of True and False become one column of 0 and 1.
    - Each of these gets one more column, 1 where a value is missing, if training had any missing.
    - Text and categories become a column of 0 and 1 for each level; missing values are a level.
      Levels that training didn't have count as rare ones, or as none of the levels. For an
      estimator that embeds categories, a column of many levels becomes codes, which come last.
    - Columns without any value are left out, and may hold anything later; columns that don't
      vary are 0.
    - Sparse matrices are scaled by each column's largest value and not centred.

    Args:
        numeric: ``"robust"`` (median and quartiles), ``"standard"`` (mean and standard
            deviation), ``"quantile"`` (ranks, as of a normal distribution), ``"none"``, or
            several joined by ``+``, e.g. ``"robust+quantile"``, for a column of each.
        clip: what becomes of scaled numbers far from 0: ``"smooth"`` bends them towards ±3,
            ``"hard"`` cuts them off at ±5, ``"none"`` leaves them.
        max_categories: how many levels of a column to tell apart at most, the rare ones counting
            as one; at least 2. ``"auto"`` is 100, or 10,000 of codes, and warns of what it cuts.
        min_frequency: how many training rows a level must have not to be rare; at least 1.
        dtype: of the result: ``"float32"`` or ``"float64"``.

    Attributes:
        n_features_in_: how many columns training had.
        feature_names_in_: their names, where they had names.
        kinds_: what each held: number, flag, date, duration, category or empty.

    >>> frame = pd.DataFrame({"age": [20, 30, 40, None], "town": ["Bern", "Bern", "Ulm", "Ulm"]})
    >>> table = TablePreprocessor().fit(frame)
    >>> table.transform(frame).round(2)
    array([[-0.95,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ],
           [ 0.95,  0.  ,  1.  ],
           [ 0.  ,  1.  ,  1.  ]], dtype=float32)
    >>> list(table.get_feature_names_out())
    ['age', 'age_missing', 'town_Ulm']
    """

    def __init__(
        self,
        numeric: str = DEFAULTS["numeric"],
        *,
        clip: str = DEFAULTS["clip"],
        max_categories: int | Literal["auto"] = DEFAULTS["max_categories"],
        min_frequency: int = DEFAULTS["min_frequency"],
        dtype: Any = DEFAULTS["dtype"],
    ) -> None:
        self.numeric = numeric
        self.clip = clip
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a training table.

        Args:
            X: (rows, columns) a pandas or polars DataFrame, anything numpy reads, or a sparse
                matrix.
            y: not used.

        Raises:
            DataError: a column or the whole table can't be used; the message names the column.
            HyperparameterError: a setting is out of its range.
            UnknownNameError: ``numeric`` or ``clip`` is no known name.
        """
        return self.fit_on(X, None)

    def fit_on(
        self,
        X: Any,
        rows: NDArray[np.integer] | None,
        coded_from: int | None = None,
        facts: Sequence[ColumnFacts] | None = None,
    ) -> Self:
        """Learn the kinds of columns from all rows, as one word makes them, the rest from some.

        Args:
            X: as for :meth:`fit`.
            rows: positions of the rows whose medians, levels and so on are learned; None for all.
            coded_from: how many frequent levels give a category codes; None where none has them.
            facts: of each column in all rows, where X is a sample of them: then only medians and
                the like are learned from it.

        Raises:
            DataError, HyperparameterError, UnknownNameError: as :meth:`fit`.
        """
        check_settings(self)
        table = self._read(X, reset=True)
        # Of all rows, held-out ones too: a word among these makes the column a category.
        self.kinds_ = [each.kind for each in facts] if facts else kinds_of(table, rows)
        names = self._names_in()
        if sparse.issparse(table):
            self.numbers_ = Numbers.fit_sparse(_some(table, rows), self.clip, names)
            table, rows = table[:1], None  # it has no other columns
        else:
            numbers = _some(self._matrix(table, *_NUMERIC), rows)
            known = facts_of_numbers(facts, self._positions(*_NUMERIC))
            self.numbers_ = Numbers.fit(numbers, self.numeric, self.clip, *known)
        flags = _some(self._matrix(table, "flag"), rows)
        known = facts_of_numbers(facts, self._positions("flag"))
        self.flags_ = Numbers.fit(flags, "none", "none", *known)
        self.categories_ = []
        limits = self.max_categories, self.min_frequency, coded_from
        for at in self._positions("category"):
            column, own = table.iloc[:, at], None if facts is None else facts[at]
            self.categories_.append(levels_of(_some(column, rows), own, names[at], *limits))
            warn_of_strays(column, names[at])
        if not self.encoding.width:
            raise DataError("no column of X has any value")
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the matrix (rows, columns out), C-contiguous, of ``dtype``.

        Args:
            X: (rows, columns) with the training table's columns, in the same order.

        Raises:
            DataError: other columns than in training, or a column with something else in it.
        """
        check_is_fitted(self)
        return self.numbers(self._read(X, reset=False))

    def numbers(self, table: Table) -> NDArray[Any]:
        """Return what :meth:`transform` does, of a table whose columns were checked."""
        return self.encoding.encode(table, self.dtype)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that :meth:`transform` returns, each another.

        Where two would be the same, as the mark ``age_missing`` of a column ``age`` beside a
        column of that name, the latter ones are numbered: ``age_missing_2``.

        Args:
            input_features: names to use where training had none.
        """
        check_is_fitted(self, "categories_")
        names = self._names_in(input_features)
        number, flag, category = (
            [names[at] for at in self._positions(*kinds)]
            for kinds in (_NUMERIC, ("flag",), ("category",))
        )
        levels = codes_last(category, self.categories_)
        out = _output_names(self.numbers_, number, self.flags_, flag, levels)
        return np.array(out, dtype=object)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """The name and kind of each column that was fitted, and its levels if it is a category.

        Raises:
            NotFittedError: before ``fit``.

        >>> table = TablePreprocessor().fit(pd.DataFrame({"age": [20, 30], "code": ["01", "01"]}))
        >>> for column in table.columns:
        ...     print(column.name, column.kind, column.levels)
        age number None
        code category ('01',)
        """
        return self.encoding.columns

    @property
    def encoding(self) -> TableEncoding:
        """What was learned, apart from the estimator.

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "categories_")
        names = self._names_in()
        return TableEncoding(self.kinds_, names, self.numbers_, self.flags_, self.categories_)

    @property
    def numeric_outputs(self) -> tuple[int, ...]:
        """The positions in :meth:`transform`'s result of numbers and durations that vary.

        Dates, marks of missing values, flags and levels are left out.

        >>> table = TablePreprocessor().fit(pd.DataFrame({"flat": [1, 1], "age": [20, 30]}))
        >>> table.numeric_outputs
        (1,)
        """
        check_is_fitted(self, "categories_")
        return _varying(self.kinds_, self.numbers_)

    def to_document(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return all that was learned, as data for JSON and as arrays by name."""
        check_is_fitted(self)
        return to_document(self)

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """Rebuild from what :meth:`to_document` returned; runs no code that it carries.

        Args:
            document: the data for JSON.
            arrays: numpy arrays or tensors by name; others among them are left alone.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        return from_document(cls, document, arrays)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _read(self, X: Any, *, reset: bool) -> Table:
        """Return X as a table, its columns checked against those of training."""
        table = as_table(X)
        try:
            validate_data(self, table, reset=reset, skip_check_array=True)
        except (ValueError, TypeError) as error:
            # scikit-learn names the columns that don't match; the nearest known names are added.
            known = [str(name) for name in getattr(self, "feature_names_in_", [])]
            given = [str(name) for name in getattr(table, "columns", [])]
            raise DataError(f"{error}{_nearest_names(known, given)}") from error
        return table

    def _names_in(self, input_features: Any = None) -> list[str]:
        return [str(name) for name in check_feature_names_in(self, input_features)]

    def _positions(self, *kinds: Kind) -> list[int]:
        return positions(self.kinds_, *kinds)

    def _matrix(self, table: Table, *kinds: Kind) -> NDArray[Any]:
        return number_matrix(table, self._positions(*kinds), self.kinds_, self._names_in())


def _some(values: Any, rows: NDArray[np.integer] | None) -> Any:
    """Return some rows of an array, a column or a sparse matrix; all where ``rows`` is None."""
    if rows is None:
        return values
    return values.iloc[rows] if isinstance(values, pd.Series) else values[rows]


def _varying(kinds: Sequence[Kind], numbers: Numbers) -> tuple[int, ...]:
    """Return the positions in the result of numbers and durations that vary."""
    own = [kind for kind in kinds if kind in ("number", "date", "duration")]
    usable = np.array([kind != "date" for kind in own], dtype=bool) & numbers.varies
    return tuple(np.flatnonzero(np.tile(usable, len(numbers.scalings))).tolist())


def _output_names(
    numbers: Numbers,
    number: list[str],
    flags: Numbers,
    flag: list[str],
    categories: Iterable[tuple[str, Levels]],
) -> list[str]:
    """Return the names of the result's columns; numbers and flags keep theirs if they can."""
    out = [*numbers.names(number), *flags.names(flag)]
    for name, each in categories:
        out += [name] if each.coded else [f"{name}_{label}" for label in each.labels]
    kept = len(number) if len(numbers.scalings) == 1 else 0
    own = range(numbers.width, numbers.width + len(flag))
    return _unique_names(out, {*range(kept), *own})


def _unique_names(names: list[str], given: set[int]) -> list[str]:
    """Return names without doubles: a number is added, but not at the places of ``given`` names.

    >>> _unique_names(["age", "age_missing", "age_missing", "town_a_b", "town_a_b"], given={0, 2})
    ['age', 'age_missing_2', 'age_missing', 'town_a_b', 'town_a_b_2']
    """
    taken = {names[at] for at in given}
    apart = []
    for at, name in enumerate(names):
        spellings = chain([name], (f"{name}_{number}" for number in count(2)))
        if at not in given:
            name = next(each for each in spellings if each not in taken)
            taken.add(name)
        apart.append(name)
    return apart


def _nearest_names(known: Sequence[str], given: Sequence[str]) -> str:
    """Return a line for each unexpected column whose name is near that of a missing one."""
    missing = [name for name in known if name not in given]
    hints = {name: did_you_mean(name, missing) for name in given if name not in known}
    return "".join(f"\n{name!r}{hint}" for name, hint in hints.items() if hint != ".")
