"""Warnings about batches that the preprocessing, fitted to earlier rows, can't encode well."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping

_SHOWN = 5  # names of columns in a message

_FITTED_TO = "the rows that preprocessing was fitted to"
_PROBLEMS = {
    "empty": f"values in columns that had none in {_FITTED_TO}; they are left out",
    "constant": f"other values in columns that had a single one in {_FITTED_TO}; they count as 0",
    "scale": f"numbers or dates on another scale than in {_FITTED_TO}; they become nearly equal",
    "levels": f"categories that {_FITTED_TO} did not have; they are encoded as rare or as none",
    "target": "targets on another scale than those that the targets' scale was fitted to",
}


def warn_of(problems: Mapping[str, list[str]], warned: Collection[str], stacklevel: int) -> None:
    """Warn of problems, as columns by kind, that were not warned of before."""
    for problem in sorted(problems.keys() - warned):
        warnings.warn(warning_of(problem, problems[problem]), UserWarning, stacklevel=stacklevel)


def warning_of(problem: str, columns: list[str]) -> str:
    """Return a problem as a message.

    >>> print(warning_of("constant", ["age"]))
    these rows hold other values in columns that had a single one in the rows that preprocessing
    was fitted to; they count as 0: 'age'. Before the first partial_fit, call
    fit_preprocessing(X) with rows from all over the data
    """
    listed = ", ".join(map(repr, columns[:_SHOWN]))
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    named = f": {listed}{more}" if columns else ""
    given = "X, y" if problem == "target" else "X"
    return (
        f"these rows hold {_PROBLEMS[problem]}{named}. Before the first partial_fit, call "
        f"fit_preprocessing({given}) with rows from all over the data"
    )
