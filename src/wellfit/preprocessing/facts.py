"""Facts about the columns of a whole table, where only a sample of its rows is in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.columns import Kind


@dataclass(frozen=True)
class ColumnFacts:
    """What is known of one column in all training rows.

    Attributes:
        kind: of its values.
        gaps: whether some are missing.
        varies: whether there are two different ones at least.
        counts: how many rows each level has, of a category.

    >>> ColumnFacts("category", gaps=False, varies=True, counts={"no": 2, "yes": 1}).kind
    'category'
    """

    kind: Kind
    gaps: bool
    varies: bool
    counts: Mapping[str, int] = field(default_factory=dict)


def facts_of_numbers(
    facts: Sequence[ColumnFacts] | None, columns: Sequence[int]
) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """Return which columns vary, and which have gaps; None for both where facts aren't known.

    Args:
        facts: of every column, or None.
        columns: positions of those that are asked for.
    """
    if facts is None:
        return None, None
    some = [facts[at] for at in columns]
    varies, gaps = [each.varies for each in some], [each.gaps for each in some]
    return np.array(varies, dtype=bool), np.array(gaps, dtype=bool)


def levels_of(
    column: pd.Series[Any],
    facts: ColumnFacts | None,
    name: str,
    max_categories: int | str,
    min_frequency: int,
    coded_from: int | None,
) -> Levels:
    """Return the levels of a category: of all rows where facts are known, else of its cells.

    Args:
        column: (rows,) its cells.
        facts: of all rows, or None.
        name: the column's name.
        max_categories: as of :meth:`Levels.fit <wellfit.preprocessing.categories.Levels.fit>`,
            like all that follow.
        min_frequency: likewise.
        coded_from: likewise.
    """
    limits = max_categories, min_frequency, coded_from
    if facts is None:
        return Levels.fit(column, name, *limits)
    return Levels.of_counts(facts.counts, name, facts.gaps, *limits)
