"""FeatureEncoder: features as users pass them to the numbers that the engine reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NotRequired, Self, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler

from wellfit.core.arrays import declared_array
from wellfit.core.digests import blake2b
from wellfit.core.errors import ModelFileError
from wellfit.core.schema import Range, conform
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.streamed import StreamedTable
from wellfit.fitting.profile import positions_in, profile
from wellfit.fitting.stored import store_rows
from wellfit.preprocessing import (
    ColumnInfo,
    TablePreprocessor,
    batches,
    is_image_like,
    preprocessor_of,
    settings_key,
)
from wellfit.preprocessing.cells import Labels, check_cells, number_matrix
from wellfit.preprocessing.choice import Preprocess
from wellfit.training.row_store import RowStore

_LOOKED_AT = 10_000  # rows of a table that needn't fit in memory
_BRIGHTER, _LARGER = 1.2, 10  # times the largest of training: that of a batch on another scale
Table = Any  # a pandas DataFrame, a numpy or scipy CSR matrix, or a StreamedTable
Numbers: TypeAlias = NDArray[Any] | sparse.csr_array


class FeaturesDocument(TypedDict):
    """A :class:`FeatureEncoder` as plain data; the table's part is checked where it is read."""

    kind: Literal["table", "pixels", "sparse", "raw"]
    brightest: Annotated[int, Range(1, 255)]
    table: NotRequired[dict[str, Any]]
    schema: NotRequired[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """Turns features into numbers, as learned from training rows.

    Attributes:
        kind: ``"table"`` (scaled, imputed and encoded), ``"pixels"`` (bytes that the engine
            divides by ``pixel_max``, batch by batch), ``"sparse"`` (each column over its largest
            value, kept sparse) or ``"raw"`` (numbers taken as they are).
        n_columns: of the tables that it reads.
        names: of these columns, where they have names.
        table: the preprocessor of a table; None for other kinds.
        largest: (n_columns,) the largest absolute value of each sparse column, or None.
        pixel_max: the value of a pixel that becomes 1, from 1 to 255.
        schema: of the file that the training table was read from, if it was.

    >>> encoder = FeatureEncoder.fit(np.array([[0, 255]], np.uint8), "auto", image_shape=(1, 2))
    >>> encoder.kind
    'pixels'
    """

    kind: str
    n_columns: int
    names: tuple[str, ...] | None = None
    table: TablePreprocessor | None = None
    largest: NDArray[np.float64] | None = None
    pixel_max: int = 255
    schema: TableSchema | None = None

    @classmethod
    def fit(
        cls,
        x: Table,
        preprocess: Preprocess,
        rows: NDArray[np.integer] | None = None,
        image_shape: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        coded_from: int | None = None,
    ) -> Self:
        """Learn the encoding: the kinds of columns from all rows, the rest from some.

        Args:
            x: (n_samples, n_columns), validated.
            preprocess: the estimator's parameter; bytes are pixels where it is ``"auto"``
                or a preprocessor of default settings, and else a table like any other.
            rows: positions of the training rows; None for all.
            image_shape: the estimator's parameter: bytes of that size are pixels.
            names: of the columns, where they have names.
            coded_from: how many frequent levels a category must have to become one of codes; None
                where none does.

        Raises:
            DataError: a column that can't be used, by name.
            HyperparameterError: ``preprocess`` is none of its values.
        """
        own = cls("raw", x.shape[1], None if names is None else tuple(map(str, names)))
        table = preprocessor_of(preprocess)
        if table is None:
            return own
        if isinstance(x, StreamedTable):
            known = profile(positions_in(x, rows))
            fitted = table.fit_on(known.sample, None, coded_from, known.facts)
            return replace(own, kind="table", table=fitted)
        # Selecting all rows would copy the table for nothing.
        if rows is not None and len(rows) == x.shape[0]:
            rows = None
        # Bytes stay bytes: a quarter of the memory, and the division is done batch by batch.
        plain = settings_key(preprocess) == settings_key("auto")
        if plain and is_image_like(x, image_shape):
            pixel_max = max(1, int((x if rows is None else x[rows]).max()))
            return replace(own, kind="pixels", pixel_max=pixel_max)
        if sparse.issparse(x):
            check_cells(x, missing=False)
            # Division keeps zeros zero, and with them the table sparse; shifting would fill it.
            largest = MaxAbsScaler().fit(x if rows is None else x[rows]).scale_
            return replace(own, kind="sparse", largest=largest)
        return replace(own, kind="table", table=table.fit_on(x, rows, coded_from))

    def encode(self, x: Table, dtype: np.dtype[Any]) -> Numbers:
        """Return validated rows (n_samples, n_columns) as bytes, ``dtype`` or sparse rows."""
        if self.table is not None:
            # The precision may have changed since the fit, as after set_params(precision=...).
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
        return (np.asarray(dense, dtype=np.float64) / self.pixel_max).astype(dtype)

    def encode_all(self, x: Table, dtype: np.dtype[Any]) -> Numbers | RowStore:
        """Return what training reads: :meth:`encode`'s numbers, or a store of them on a disk.

        The latter are those of a table that needn't fit in memory.
        """
        if not isinstance(x, StreamedTable):
            return self.encode(x, dtype)
        whole = np.full(self.n_columns, -1)
        if self.table is not None:
            whole = self.table.encoding.largest_whole
        blocks = self.encoded_blocks(x, dtype)
        return store_rows(x, blocks, whole, dtype, self.key)

    def encoded_blocks(self, x: Table, dtype: np.dtype[Any]) -> Iterator[Numbers]:
        """Yield :meth:`encode`'s numbers of rows in memory at once, of others block by block."""
        if not isinstance(x, StreamedTable):
            yield self.encode(x, dtype)
            return
        for block in x.blocks():
            numbers = _plain_numbers(block) if self.kind == "raw" else self.encode(block, dtype)
            yield np.asarray(numbers, dtype)

    @property
    def key(self) -> str:
        """A digest of all that was learned."""
        document, arrays = self.to_document()
        parts = [part for name in sorted(arrays) for part in (name, arrays[name])]
        return blake2b([repr(document), *parts])

    @property
    def preprocess(self) -> Preprocess:
        """The value of ``preprocess`` that rows are encoded by, ``"auto"`` where it would do."""
        if self.kind == "raw":
            return None
        if self.table is None or settings_key(self.table) == settings_key("auto"):
            return "auto"
        return preprocessor_of(self.table)

    def encodes_as(self, preprocess: Preprocess) -> bool:
        """Return whether rows are encoded as a value of ``preprocess`` asks for."""
        if self.kind == "sparse":  # for which there are no settings
            return preprocess is not None
        return settings_key(self.preprocess) == settings_key(preprocess)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Name, kind and levels of each training column; empty where all are plain numbers."""
        return () if self.table is None else self.table.columns

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns that it reads; ``"x0"``, ``"x1"``… where they have none."""
        return self.names or tuple(f"x{at}" for at in range(self.n_columns))

    @property
    def sources(self) -> NDArray[np.int64]:
        """The position of the column that each encoded one is of, (n_encoded,)."""
        return np.arange(self.n_columns) if self.table is None else self.table.encoding.sources

    @property
    def numeric(self) -> tuple[int, ...]:
        """The positions of the encoded columns that are numbers, which vary in training."""
        if self.table is not None:
            return self.table.numeric_outputs
        return tuple(range(self.n_columns)) if self.kind == "raw" else ()

    @property
    def code_counts(self) -> tuple[int, ...]:
        """How many codes each of the last encoded columns has; empty where none has codes."""
        levels = () if self.table is None else self.table.categories_
        return tuple(each.n_codes for each in levels if each.coded)

    def problems_of(self, x: Table, *, narrow: bool) -> dict[str, list[str]]:
        """Return what validated rows hold that lies outside of what was learned, by columns.

        See :func:`wellfit.preprocessing.batches.problems_of`.
        """
        if isinstance(x, StreamedTable):
            x = x.sample(_LOOKED_AT)
        if self.table is not None:
            return batches.problems_of(self.table, x, narrow=narrow)
        if self.kind == "pixels":
            return {"scale": []} if np.max(x) > _BRIGHTER * self.pixel_max else {}
        if self.largest is not None:
            size = abs(self.encode(x, np.dtype(np.float64))).max(axis=0).toarray().ravel()
            far = np.flatnonzero(size > _LARGER)
            return {"scale": [f"x{at}" for at in far]} if len(far) else {}
        return {}

    def to_document(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was learned as data for JSON, and as arrays by name."""
        # The field keeps its first name: files of all versions have it.
        document: dict[str, Any] = {"kind": self.kind, "brightest": self.pixel_max}
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
        cls,
        document: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        n_columns: int,
        names: Sequence[str] | None,
    ) -> Self:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        conform(document, FeaturesDocument, "inputs")
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
        named = None if names is None else tuple(names)
        return cls(kind, n_columns, named, table, largest, document["brightest"], schema)

    def check(self, width: int) -> None:
        """Check that the columns become as many numbers as a network reads.

        Args:
            width: the numbers that the network reads.

        Raises:
            ModelFileError: they don't.
        """
        columns, encoded = self.n_columns, self.n_columns
        if self.table is not None:
            columns, encoded = len(self.table.kinds_), len(self.table.get_feature_names_out())
            # Either list of names could have been altered in the file; they must say the same.
            own = list(getattr(self.table, "feature_names_in_", []))
            if own and self.names is not None and own != list(self.names):
                raise ModelFileError("inputs.table.names are other names than feature_names_in")
        elif self.largest is not None:
            columns = len(self.largest)
        if columns != self.n_columns:
            raise ModelFileError(
                f"inputs is of {columns} columns, and n_features_in is {self.n_columns}"
            )
        if encoded != width:
            raise ModelFileError(
                f"inputs makes {encoded} numbers of a row; the network reads {width}"
            )


def dense_numbers(x: Numbers, pixel_max: int) -> NDArray[np.floating]:
    """Return encoded rows as a network sees them: pixels from 0 to 1, zeros written out.

    >>> dense_numbers(np.array([[0, 51]], np.uint8), pixel_max=204)
    array([[0.  , 0.25]], dtype=float32)
    """
    if not isinstance(x, np.ndarray):
        return np.asarray(x.toarray())
    if x.dtype == np.uint8:
        return np.multiply(x, 1 / pixel_max, dtype=np.float32)
    return x


def cell_labels(x: Any) -> tuple[Labels | None, Labels | None]:
    """Return the names of a table's columns and rows, where it has names."""
    return getattr(x, "columns", None), x.index if isinstance(x, pd.DataFrame) else None


def _is_bytes(x: Table) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == np.uint8


def _plain_numbers(x: Table) -> NDArray[Any] | sparse.csr_array:
    """Return a table that holds numbers only, none of them missing, as a matrix.

    Raises:
        DataError: text or a missing value, say, naming column and row.
    """
    names, rows = cell_labels(x)
    if isinstance(x, pd.DataFrame):
        count = x.shape[1]
        x = number_matrix(x, range(count), ["number"] * count, [str(name) for name in x.columns])
    check_cells(x, names, rows, missing=False)
    return x
