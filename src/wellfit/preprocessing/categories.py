"""Text and categories: a column of 0 and 1 for each frequent level, or one column of codes."""

from __future__ import annotations

import datetime
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NotRequired, Self, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import CellTypeError, ModelFileError
from wellfit.preprocessing.cells import refuse_containers
from wellfit.preprocessing.columns import is_mixed

_MOST = 100  # columns of 0 and 1 by default
_MOST_CODES = 10_000  # by default: numbers of each are learned, and updated at every step
_OTHER, _MISSING, _FIRST = range(3)  # codes of rare and unseen levels, of none, and of the first


class LevelsDocument(TypedDict):
    """The levels of one column as plain data."""

    levels: list[str]
    other: bool
    missing: bool
    aliases: NotRequired[dict[str, str]]
    coded: NotRequired[bool]


@dataclass(frozen=True)
class Levels:
    """The levels of one column, as text.

    Args:
        levels: the frequent ones, in alphabetical order.
        other: whether one more column stands for the rare levels, and for unseen ones.
        missing: whether one more column stands for missing values.
        aliases: other spellings of levels that weren't text: ``"1.0"`` and ``"True"`` of ``"1"``.
        coded: whether the column becomes one of codes: 0 for rare and unseen levels, 1 for missing
            values, from 2 the levels; else columns of 0 and 1.

    >>> column = pd.Series(["red", "red", "green", "green", None])
    >>> levels = Levels.fit(column, "colour", max_categories=100, min_frequency=2)
    >>> levels.labels
    ['green', 'red', '(missing)']
    >>> levels.encode(pd.Series(["red", "blue"]), "colour")
    array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    >>> Levels(["green", "red"], False, False, coded=True).encode(column, "colour").T
    array([[3., 3., 2., 2., 1.]], dtype=float32)
    """

    levels: list[str]
    other: bool
    missing: bool
    aliases: dict[str, str] = field(default_factory=dict)
    coded: bool = False

    @classmethod
    def fit(
        cls,
        column: pd.Series[Any],
        name: str,
        max_categories: int | str,
        min_frequency: int,
        coded_from: int | None = None,
    ) -> Self:
        """Learn the levels of a training column.

        Args:
            column: (rows,) hashable values.
            name: the column's name, for errors.
            max_categories: how many levels to tell apart, the rare ones counting as one; for
                ``"auto"``, see :func:`most_levels`.
            min_frequency: how many rows a level must have not to be rare.
            coded_from: how many frequent levels a column must have to become one of codes; None
                where none does.

        Raises:
            DataError: a cell holds a list, a dictionary or the like.
        """
        codes, values = _factorize(column, name)
        counts: Counter[str] = Counter()
        for value, count in zip(values, np.bincount(codes[codes >= 0]).tolist(), strict=True):
            counts[_text(value)] += count
        limits = max_categories, min_frequency, coded_from
        own = cls.of_counts(counts, name, bool((codes < 0).any()), *limits)
        known = set(own.levels)
        aliases = {
            spelling: _text(value)
            for value in values
            if _text(value) in known
            for spelling in _other_spellings(value)
            if spelling not in counts
        }
        return replace(own, aliases=aliases)

    @classmethod
    def of_counts(
        cls,
        counts: Mapping[str, int],
        name: str,
        missing: bool,
        max_categories: int | str,
        min_frequency: int,
        coded_from: int | None = None,
    ) -> Self:
        """Return the levels of a column of text of which the counts are known.

        Args:
            counts: how many rows each text has.
            name: the column's name, for warnings.
            missing: whether it has missing values.
            max_categories: as of :meth:`fit`, like all that follow.
            min_frequency: likewise.
            coded_from: likewise.
        """
        # Ties are broken by the text, so that the order of rows doesn't decide which levels are
        # kept.
        ranked = sorted(counts, key=lambda text: (-counts[text], text))
        kept = [text for text in ranked if counts[text] >= min_frequency]
        coded = coded_from is not None and len(kept) >= coded_from
        most, frequent = most_levels(max_categories, coded), len(kept)
        if len(kept) < len(ranked) or len(kept) > most:
            # One place less: the rare levels together take it.
            kept = kept[: most - 1]
        if len(kept) < frequent and max_categories == "auto":
            _warn_of_cut(name, len(kept), frequent)
        return cls(sorted(kept), len(kept) < len(ranked), missing, coded=coded)

    @property
    def width(self) -> int:
        """The number of columns that this one becomes."""
        columns = len(self.levels) + self.other + self.missing
        return 1 if self.coded or columns == 2 else columns

    @property
    def n_codes(self) -> int:
        """The number of codes, where the column becomes one of codes."""
        return _FIRST + len(self.levels)

    @property
    def largest_whole(self) -> NDArray[np.int64]:
        """The largest number (width,) of each column that this one becomes."""
        return np.full(self.width, self.n_codes - 1 if self.coded else 1)

    @property
    def labels(self) -> list[str]:
        """The level of each column of 0 and 1; of two columns only the second is kept."""
        every = self.levels + ["(other)"] * self.other + ["(missing)"] * self.missing
        return every[1:] if len(every) == 2 else every

    def encode(self, column: pd.Series[Any], name: str) -> NDArray[np.float32]:
        """Return (rows, labels) with a 1 where a row has that level; of codes, (rows, 1).

        A level that training didn't have counts as rare, or as none where there was no rare one.
        """
        found = self.found(column, name)
        marked = np.empty((len(found), self.width), dtype=np.float32)
        self.mark(found, marked)
        return marked

    def found(self, column: pd.Series[Any], name: str) -> NDArray[np.int64]:
        """Return each row's place (rows,): its code, or its column of 0 and 1, -1 for none."""
        codes, values = _factorize(column, name)
        return np.array([*self._places(values), self.nowhere], dtype=np.int64)[codes]

    def mark(self, found: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Write what :meth:`encode` returns, of the rows' places as :meth:`found` returns them.

        Args:
            found: (rows,) the places.
            out: (rows, width) of floats.
        """
        if self.coded:  # whole numbers up to 2**24 are exact in float32
            out[:, 0] = found
            return
        out[:] = 0
        (rows,) = np.nonzero(found >= 0)
        out[rows, found[rows]] = 1

    def are_known(self, column: pd.Series[Any], name: str) -> NDArray[np.bool_]:
        """Return (rows,) whether a cell holds one of the levels."""
        codes, values = _factorize(column, name)
        known = self.places()
        found = [_text(value) in known or str(value) in known for value in values]
        return np.array([*found, False])[codes]

    def places(self) -> dict[str, int]:
        """Return the code, or the column of 0 and 1, of each level's text; -1 for no column."""
        places = {level: self._first + place for place, level in enumerate(self.levels)}
        return {alias: places[level] for alias, level in self.aliases.items()} | places

    @property
    def elsewhere(self) -> int:
        """The place of other levels; -1 for none."""
        if self.coded:
            return _OTHER
        return self._first + len(self.levels) if self.other else -1

    @property
    def nowhere(self) -> int:
        """The place of missing values; -1 for none."""
        if self.coded:
            return _MISSING
        return self._first + len(self.levels) + self.other if self.missing else -1

    @property
    def _first(self) -> int:
        """The place of the first level: of two columns, the first is left out."""
        two = len(self.levels) + self.other + self.missing == 2
        return _FIRST if self.coded else -int(two)

    def _places(self, values: Iterable[Any]) -> list[int]:
        """Return the place of each value."""
        places, elsewhere = self.places(), self.elsewhere
        # Older models may hold a level as it was spelled: not all dates had one text then.
        return [places.get(_text(value), places.get(str(value), elsewhere)) for value in values]

    def to_document(self) -> dict[str, Any]:
        """Return plain data; :meth:`from_document` is the way back."""
        document = {"levels": self.levels, "other": self.other, "missing": self.missing}
        document |= {"coded": True} if self.coded else {}
        return document | ({"aliases": self.aliases} if self.aliases else {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: another spelling of a level that isn't there.
        """
        self = cls(**document)
        for alias, level in self.aliases.items():
            if level not in self.levels:
                raise ModelFileError(f"aliases[{alias!r}] is {level!r}, which is none of levels")
        return self


def most_levels(max_categories: int | str, coded: bool) -> int:
    """Return how many levels of a column are told apart at most, the rare ones counting as one.

    >>> most_levels("auto", coded=False), most_levels("auto", coded=True), most_levels(7, True)
    (100, 10000, 7)
    """
    if isinstance(max_categories, str):
        return _MOST_CODES if coded else _MOST
    return int(max_categories)


def _warn_of_cut(name: str, kept: int, frequent: int) -> None:
    warnings.warn(
        f"column {name!r} has {frequent:,} frequent levels: the {kept:,} most frequent are told "
        "apart, and the others count as one; max_categories of a TablePreprocessor sets the limit",
        UserWarning,
        stacklevel=9,
    )


def with_lasting_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of which each part has columns of the same kinds as the whole.

    A column of numbers and a few words is text. Its part without the words would be numbers: so
    the numbers become text here, as they would when their levels are learned.

    >>> frame = with_lasting_kinds(pd.DataFrame({"x": pd.Series([1.0, 2.5, "?"], dtype=object)}))
    >>> frame["x"].tolist()
    ['1', '2.5', '?']
    """
    mixed = [at for at in range(frame.shape[1]) if is_mixed(frame.iloc[:, at])]
    frame = frame.copy(deep=False)
    for at in mixed:
        with suppress(CellTypeError):  # the part that has the cell is refused when it is read
            codes, values = _factorize(frame.iloc[:, at], str(frame.columns[at]))
            frame.isetitem(at, np.array([*map(_text, values), None], dtype=object)[codes])
    return frame


def _factorize(column: pd.Series[Any], name: str) -> tuple[NDArray[np.intp], Sequence[Any]]:
    """Return each row's code, -1 where missing, and each code's value."""
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:
        refuse_containers(column, name)
        raise CellTypeError(
            f"column {name!r} can't be read as text or categories: {error}; "
            "a cell's argument must be a string or a number, no list or dictionary"
        ) from error
    # NumPy's small floats are kept: as Python's own, 0.1 would be 0.10000000149011612.
    return codes, list(values.to_numpy()) if values.dtype in _SMALL else values.tolist()


_SMALL = (np.dtype(np.float16), np.dtype(np.float32))


def _text(value: Any) -> str:
    """Return a level's text, the same for 1, 1.0 and True, and for a date and its midnight.

    >>> [_text(value) for value in (1, 1.0, True, np.True_, 1.5, "1.0", pd.Timestamp(2024, 5, 1))]
    ['1', '1', '1', '1', '1.5', '1.0', '2024-05-01']
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        # pandas reads 1, 2, None as floats: 1 and 1.0 have to be one level.
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.timetz() == datetime.time():
        return str(value.date())
    return str(value)


def _other_spellings(value: Any) -> set[str]:
    """Return how else a level that isn't text is commonly written.

    >>> sorted(_other_spellings(True)), sorted(_other_spellings(1)), _other_spellings("1")
    (['1.0', 'True'], ['1.0'], set())
    """
    if isinstance(value, str):
        return set()
    plain = value.item() if isinstance(value, np.generic) else value
    whole = isinstance(plain, int) or (isinstance(plain, float) and plain.is_integer())
    spellings = {str(value), str(plain), *([f"{int(plain)}.0"] if whole else [])}
    return spellings - {_text(value)}
