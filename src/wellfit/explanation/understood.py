"""Notes on missing and unseen cells: how a model reads what it can't take as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.words import short
from wellfit.explanation.cells import RowsOfCells
from wellfit.fitting import FeatureEncoder
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.columns import positions
from wellfit.preprocessing.numeric import Numbers


def understood(features: FeatureEncoder, rows: RowsOfCells) -> list[dict[str, str]]:
    """Return for each row what is understood of its missing and unseen cells, by column.

    Args:
        features: the encoder that a network reads rows by.
        rows: the rows.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [20.0, 30.0, None], "town": ["Bern", "Ulm", "Rom"]})
    >>> encoder = FeatureEncoder.fit(pd.concat([frame] * 9), "auto", names=list(frame))
    >>> new = pd.DataFrame({"age": [None], "town": ["Paris"]})
    >>> for column, text in understood(encoder, RowsOfCells.of(new))[0].items():
    ...     print(f"{column}: {text}")
    age: missing, read as 25, the median, and marked
    town: 'Paris' isn't among the levels of training: read as none of them
    """
    found: list[dict[str, str]] = [{} for _ in range(len(rows))]
    if features.table is None:
        return found
    encoding = features.table.encoding
    parts = [(encoding.numbers, ("number", "date", "duration")), (encoding.flags, ("flag",))]
    told: list[tuple[int, Iterator[tuple[int, str]]]] = []
    for numbers, kinds in parts:
        places = positions(encoding.kinds, *kinds)  # type: ignore[arg-type]
        for own, at in enumerate(places):
            cells = rows.column(rows.names[at])
            told.append((at, _of_numbers(numbers, own, cells, plain=encoding.kinds[at])))
    pairs = zip(positions(encoding.kinds, "category"), encoding.categories, strict=True)
    for at, levels in pairs:
        told.append((at, _of_levels(levels, rows.column(rows.names[at]), encoding.names[at])))
    for at, texts in sorted(told, key=lambda pair: pair[0]):
        for row, text in texts:
            found[row][rows.names[at]] = text
    return found


def _of_numbers(
    numbers: Numbers, own: int, cells: pd.Series[Any], plain: str
) -> Iterator[tuple[int, str]]:
    missing = np.flatnonzero(cells.isna())
    fill = float(numbers.fill[own])
    value = {"number": f"{short(fill)}, the median", "flag": f"{bool(fill)}"}.get(
        plain, "the median"
    )
    marked = ", and marked" if numbers.gaps[own] else ""
    for row in missing.tolist():
        yield row, f"missing, read as {value}{marked}"


def _of_levels(levels: Levels, cells: pd.Series[Any], name: str) -> Iterator[tuple[int, str]]:
    known: NDArray[np.bool_] = levels.are_known(cells, name)
    there = cells.notna().to_numpy()
    other = levels.elsewhere >= 0
    as_what = "a rare level" if other else "none of them"
    for row in np.flatnonzero(~known & there).tolist():
        rare = "isn't among the levels that are told apart" if other else _UNSEEN
        yield row, f"{cells.iloc[row]!r} {rare}: read as {as_what}"
    if levels.nowhere < 0:
        for row in np.flatnonzero(~there).tolist():
            yield row, "missing, which no training row was: read as none of the levels"


_UNSEEN = "isn't among the levels of training"
