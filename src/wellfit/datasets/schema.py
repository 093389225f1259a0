"""Table schemas: column types, stored so that later files are read in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from wellfit.core.cell_types import INFERRED
from wellfit.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

CellType: TypeAlias = Literal["number", "boolean", "date", "duration", "text", "empty"]
Decimal: TypeAlias = Literal[".", ","]


@dataclass(frozen=True)
class TableSchema:
    """The column types of a table; types of other columns are inferred.

    Args:
        types: the type of each column by its name, in the file's order: ``"number"``,
            ``"boolean"``, ``"date"``, ``"duration"``, ``"text"``, or ``"empty"`` if no cell had a
            value.
        decimals: the decimal separator, ``"."`` or ``","``, of the numeric columns whose cells
            showed it; the other one separates thousands.
        na_values: additional cell values that mean missing.
        header: whether the first line of a csv file has the column names.
        target: the column to predict, which new rows may lack.
        ids: columns that name the rows, and are no features; new rows may lack them.

    >>> import pandas as pd
    >>> schema = TableSchema.of(pd.DataFrame({"code": ["01", "A1"], "size": [1.5, 2.5]}))
    >>> schema.types
    {'code': 'text', 'size': 'number'}
    >>> TableSchema.from_document(schema.to_document()) == schema
    True
    """

    types: Mapping[str, CellType] = field(default_factory=dict)
    decimals: Mapping[str, Decimal] = field(default_factory=dict)
    na_values: tuple[str, ...] = ()
    header: bool = True
    target: str | None = None
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: pd.DataFrame, decimals: Mapping[str, Decimal] | None = None) -> Self:
        """Return the schema of a table in memory.

        Args:
            table: (rows, columns) with a name for each column.
            decimals: the decimal separators of the file it was read from.
        """
        types = {str(name): cell_type(column) for name, column in table.items()}
        return cls(types, dict(decimals or {}))

    def decimal(self, column: str) -> Decimal | None:
        """Return a column's decimal separator, or the one that all other columns share."""
        shared = set(self.decimals.values())
        return self.decimals.get(column) or (shared.pop() if len(shared) == 1 else None)

    def adding(self, na_values: Sequence[str] = (), header: bool | None = None) -> Self:
        """Return the schema with additional missing values, or another ``header``."""
        every = tuple(dict.fromkeys([*self.na_values, *na_values]))
        return replace(self, na_values=every, header=self.header if header is None else header)

    def to_document(self) -> dict[str, Any]:
        """Return the schema as data for JSON."""
        document = {
            "types": dict(self.types),
            "decimals": dict(self.decimals),
            "na_values": list(self.na_values),
            "header": self.header,
            "target": self.target,
        }
        return {**document, "ids": list(self.ids)} if self.ids else document

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Rebuild what :meth:`to_document` returned.

        Raises:
            DataError: a field is missing or invalid.
        """
        if not isinstance(document, Mapping):
            raise DataError(
                f"the table schema is {document!r}; expected an object with its fields"
            )
        types = _mapping(document, "types", get_args(CellType))
        decimals = _mapping(document, "decimals", get_args(Decimal))
        na_values, ids = _texts(document, "na_values"), _texts({"ids": [], **document}, "ids")
        header = document.get("header")
        if not isinstance(header, bool):
            raise DataError(f"header of the table schema is {header!r}; expected true or false")
        target = document.get("target")
        if target is not None and not isinstance(target, str):
            raise DataError(f"target of the table schema is {target!r}; expected a column's name")
        return cls(types, decimals, na_values, header, target, ids)


def _mapping(document: Mapping[str, Any], key: str, allowed: Sequence[str]) -> dict[str, Any]:
    given = document.get(key)
    if not isinstance(given, Mapping):
        raise DataError(f"{key} of the table schema is {given!r}; expected a value by column")
    for column, value in given.items():
        if not isinstance(column, str) or value not in allowed:
            raise DataError(
                f"{key} of the table schema is {value!r} for column {column!r}; expected one of "
                f"{', '.join(map(repr, allowed))}"
            )
    return dict(given)


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    given = document.get(key)
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise DataError(f"{key} of the table schema is {given!r}; expected a list of texts")
    return tuple(given)


def cell_type(column: pd.Series[Any]) -> CellType:
    """Return the type of a column's values, "text" if they have several types."""
    import pandas as pd

    values: Any = column
    if column.isna().all():
        return "empty"
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.cat.categories
    return INFERRED.get(pd.api.types.infer_dtype(values, skipna=True), "text")
