"""From what users pass as X to numbers that the engine reads, the same way at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal, NotRequired, Self, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.validation import validate_data

from wellfit.core.arrays import declared_array
from wellfit.core.errors import DataError, HyperparameterError, ModelFileError
from wellfit.core.schema import Range, conform
from wellfit.datasets.schema import TableSchema
from wellfit.preprocessing import ColumnInfo, TablePreprocessor, as_table, batches, is_image_like
from wellfit.preprocessing.categories import with_lasting_kinds
from wellfit.preprocessing.cells import Labels, check_cells, number_matrix, refuse_text
from wellfit.preprocessing.columns import LARGEST

_BRIGHTER, _LARGER = 1.2, 10  # times the largest of training: that of a batch on another scale
Table = Any  # a pandas DataFrame, a numpy matrix, or a scipy CSR matrix
Numbers: TypeAlias = NDArray[Any] | sparse.csr_array


class InputsDocument(TypedDict):
    """What :class:`Inputs` learned as plain data; the table's part is checked where it is read."""

    kind: Literal["table", "pixels", "sparse", "raw"]
    brightest: Annotated[int, Range(1, 255)]
    table: NotRequired[dict[str, Any]]
    schema: NotRequired[dict[str, Any]]


class Inputs:
    """How one estimator reads its features: learned from training rows, kept with the model.

    ``kind`` is ``"table"`` (scaled, imputed and encoded), ``"pixels"`` (bytes that the engine
    divides by the brightest, batch by batch), ``"sparse"`` (each column over its largest value,
    kept sparse) or ``"raw"`` (numbers taken as they are).

    >>> inputs = Inputs.fit(np.array([[0, 255]], np.uint8), "auto", image_shape=(1, 2))
    >>> inputs.kind
    'pixels'
    """

    def __init__(
        self,
        kind: str,
        table: TablePreprocessor | None = None,
        largest: NDArray[np.float64] | None = None,
        brightest: int = 255,
        schema: TableSchema | None = None,
    ) -> None:
        self.kind, self.table, self.largest = kind, table, largest
        self.brightest = brightest
        self.schema = schema  # of the file that the training table was read from

    @classmethod
    def fit(
        cls,
        x: Table,
        preprocess: str | None,
        rows: NDArray[np.integer] | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> Inputs:
        """Learn how to read features: the kinds of columns from all rows, the rest from some.

        Args:
            x: (N, D), checked.
            preprocess: the estimator's parameter.
            rows: positions of the training rows; None for all.
            image_shape: the estimator's parameter: bytes of that size are pixels.

        Raises:
            DataError: a column that can't be used, by name.
        """
        if preprocess is None:
            return cls("raw")
        if rows is not None and len(rows) == x.shape[0]:
            rows = None
        if is_image_like(x, image_shape):
            return cls("pixels", brightest=max(1, int((x if rows is None else x[rows]).max())))
        if sparse.issparse(x):
            check_cells(x, missing=False)
            return cls("sparse", largest=MaxAbsScaler().fit(x if rows is None else x[rows]).scale_)
        return cls("table", TablePreprocessor().fit_on(x, rows))

    def numbers(self, x: Table, dtype: np.dtype[Any]) -> Numbers:
        """Return checked rows ``x`` (N, D) as bytes, floats of ``dtype``, or sparse rows."""
        if self.table is not None:
            self.table.dtype = dtype.name
            # A frame's columns are still to be checked; an array even where pandas output is set.
            named = hasattr(x, "columns")
            return np.asarray(self.table.transform(x) if named else self.table.numbers(x))
        if self.kind == "raw" or (self.kind == "pixels" and _is_bytes(x)):
            return x
        x = _plain_numbers(x)
        if self.largest is not None:
            return sparse.csr_array(x) @ sparse.diags_array(1 / self.largest)
        dense = x.toarray() if sparse.issparse(x) else x
        return (np.asarray(dense, dtype=np.float64) / self.brightest).astype(dtype)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Name, kind and levels of each training column; empty where all are plain numbers."""
        return () if self.table is None else self.table.columns

    def problems_of(self, x: Table, *, narrow: bool) -> dict[str, list[str]]:
        """Return what checked rows hold that lies outside of what was learned, by columns.

        See :func:`wellfit.preprocessing.batches.problems_of`.
        """
        if self.table is not None:
            return batches.problems_of(self.table, x, narrow=narrow)
        if self.kind == "pixels":
            return {"scale": []} if np.max(x) > _BRIGHTER * self.brightest else {}
        if self.largest is not None:
            size = abs(self.numbers(x, np.dtype(np.float64))).max(axis=0).toarray().ravel()
            far = np.flatnonzero(size > _LARGER)
            return {"scale": [f"x{at}" for at in far]} if len(far) else {}
        return {}

    def to_document(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was learned as data for JSON, and as arrays by name."""
        document: dict[str, Any] = {"kind": self.kind, "brightest": self.brightest}
        arrays: dict[str, NDArray[Any]] = {}
        if self.table is not None:
            document["table"], arrays = self.table.to_document()
        if self.largest is not None:
            arrays = {"largest": self.largest}
        if self.schema is not None:
            document["schema"] = self.schema.to_document()
        return document, arrays

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        conform(document, InputsDocument, "inputs")
        kind, table = document["kind"], None
        if ("table" in document) != (kind == "table"):
            raise ModelFileError(f"inputs.kind is {kind!r}, which doesn't go with inputs.table")
        if kind == "sparse":
            declared_array(arrays, "largest", (None,))
        if "table" in document:
            table = TablePreprocessor.from_document(document["table"], arrays)
        largest = arrays["largest"] if kind == "sparse" else None
        schema = None
        if "schema" in document:
            schema = TableSchema.from_document(document["schema"])
        return cls(kind, table, largest, document["brightest"], schema)

    def check(self, columns: int, names: list[str] | None, numbers: int) -> None:
        """Check that so many columns become so many numbers.

        Args:
            columns: of the training table.
            names: their names, where they had names.
            numbers: what the network reads.

        Raises:
            ModelFileError: they don't.
        """
        told, found = columns, columns
        if self.table is not None:
            told, found = len(self.table.kinds_), len(self.table.get_feature_names_out())
            own = list(getattr(self.table, "feature_names_in_", []))
            if own and names is not None and own != names:
                raise ModelFileError("inputs.table.names are other names than feature_names_in")
        elif self.largest is not None:
            told = len(self.largest)
        if told != columns:
            raise ModelFileError(f"inputs is of {told} columns, and n_features_in is {columns}")
        if found != numbers:
            raise ModelFileError(
                f"inputs makes {found} numbers of a row; the network reads {numbers}"
            )


def checked(estimator: BaseEstimator, x: Any, *, reset: bool) -> Table:
    """Check X as scikit-learn does; ``reset`` remembers its columns, else they must agree.

    Raises:
        HyperparameterError: ``preprocess`` is neither "auto" nor None.
        DataError or ValueError: no rows, no columns, wrong shape, other columns than at fit.
    """
    # As it was in training, whatever set_params has said since.
    trained = {} if reset else vars(estimator).get("_settled") or {}
    preprocess = trained.get("preprocess", estimator.preprocess)
    if preprocess not in ("auto", None):
        raise HyperparameterError(f"preprocess is {preprocess!r}; expected 'auto' or None")
    if preprocess is None:
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
        check_cells(numbers, *_labels(x), largest=largest, missing=False)
        return numbers
    table = as_table(x)
    inputs: Inputs | None = None if reset else estimator._inputs
    named = hasattr(table, "columns")  # the preprocessor checks them, and knows more
    if inputs is None or inputs.table is None or not named:
        try:
            validate_data(estimator, table, reset=reset, skip_check_array=True)
        except ValueError as error:
            raise DataError(str(error)) from error
    return table


def ready_to_split(x: Any, preprocess: str | None) -> Any:
    """Return features of which each fold has columns of the kinds that all rows have.

    Raises:
        DataError: no table that can be read.
    """
    if preprocess is None:
        return x
    table = as_table(x)
    return with_lasting_kinds(table) if isinstance(table, pd.DataFrame) else x


def _refuse_text(x: Any) -> None:
    with suppress(DataError):  # no table at all: there is a better message for that
        table = as_table(x)
        x = table if isinstance(table, pd.DataFrame) else None
    if isinstance(x, pd.DataFrame):
        refuse_text(x)


def _is_bytes(x: Table) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == np.uint8


def _plain_numbers(x: Table) -> NDArray[Any] | sparse.csr_array:
    """Return a table that holds numbers only, none of them missing, as a matrix.

    Raises:
        DataError: text or a missing value, say, naming column and row.
    """
    names, rows = _labels(x)
    if isinstance(x, pd.DataFrame):
        count = x.shape[1]
        x = number_matrix(x, range(count), ["number"] * count, [str(name) for name in x.columns])
    check_cells(x, names, rows, missing=False)
    return x


def _labels(x: Any) -> tuple[Labels | None, Labels | None]:
    """Return the names of a table's columns and rows, where it has names."""
    return getattr(x, "columns", None), x.index if isinstance(x, pd.DataFrame) else None
