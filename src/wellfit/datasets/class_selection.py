"""Selecting the rows of some classes: by label, by name, or as a range such as ``0-4``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wellfit.core.errors import DataError, did_you_mean
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.task import infer_task

_MOST_SHOWN = 20


def select_classes(dataset: Dataset, classes: str) -> Dataset:
    """Return the data with the rows of some classes only, in every part.

    Args:
        dataset: the data to select from.
        classes: labels or names of classes, and ranges of them in the order of the labels,
            separated by commas: ``"0-4"``, ``"0,3,7"``, ``"trouser, bag"``.

    Raises:
        DataError: a class that doesn't occur, fewer than two classes, a test or validation set
            without a row of these classes, or a target that isn't one class a row.

    >>> from wellfit.datasets import load
    >>> select_classes(load("iris"), "setosa, virginica")
    <Dataset 'iris': 100 rows, 4 columns>
    """
    _refuse_other_targets(dataset)
    known = _distinct(dataset.y)
    chosen = choose_classes(classes, known, dataset.name, dataset.class_names)
    if len(chosen) < 2:
        raise DataError(f"{classes!r} is a single class; expected at least two")
    parts: dict[str, Any] = {}
    for part in ("", "_val", "_test"):
        X, y = getattr(dataset, f"X{part}"), getattr(dataset, f"y{part}")
        if y is not None:
            rows = has_class(y, chosen)
            if not rows.any():
                where = {"_val": "validation", "_test": "test"}[part]
                raise DataError(f"no row of the {where} set is in the classes {classes}")
            parts |= {f"X{part}": X[rows], f"y{part}": y[rows]}
    return replace(dataset, **parts, task="binary" if len(chosen) == 2 else "multiclass")


def choose_classes(
    text: str, known: Sequence[Any], origin: str, names: Sequence[str] | None = None
) -> list[Any]:
    """Return the classes that a text such as ``"0-4,7"`` names, in their order.

    Args:
        text: labels, names and ranges, separated by commas.
        known: the classes there are, in order.
        origin: what has these classes, for the message.
        names: names of the labels 0, 1, ….

    Raises:
        DataError: a class that isn't known; names the nearest one and those there are.

    >>> choose_classes("0-2, 7", list(range(10)), "mnist")
    [0, 1, 2, 7]
    """
    places = {_label(label): place for place, label in enumerate(known)}
    for place, label in enumerate(known):
        if names and isinstance(label, int) and 0 <= label < len(names):
            places.setdefault(names[label], place)
    # A class may contain commas itself.
    parts = [text] if text in places else [part.strip() for part in text.split(",")]
    chosen = {place for part in parts for place in _places(part, places, origin)}
    return [known[place] for place in sorted(chosen)]


def has_class(y: Any, classes: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return (rows,) whether each label is one of these classes."""
    import pandas as pd  # which takes a second

    return pd.Series(np.asarray(y)).isin(classes).to_numpy()


def _refuse_other_targets(dataset: Dataset) -> None:
    if dataset.y.ndim > 1:
        raise DataError(f"{dataset.name} has several targets a row, so classes can't be selected")
    if (dataset.task or infer_task(dataset.y).kind) == "regression":
        raise DataError(
            f"the target of {dataset.name} is a number to predict, so it has no classes; "
            '--task classification (task="multiclass") makes each number a class'
        )


def _distinct(y: Any) -> list[Any]:
    """Return the labels that occur, in order; texts after numbers."""
    import pandas as pd

    labels = pd.Series(np.asarray(y)).dropna().unique().tolist()
    return sorted(labels, key=lambda label: (isinstance(label, str), label))


def _label(label: Any) -> str:
    """Return a label as it is typed: 3 for 3.0."""
    return f"{label:.16g}" if isinstance(label, float) else str(label)


def _places(part: str, places: Mapping[str, int], origin: str) -> Sequence[int]:
    """Return the positions of one class or of a range of classes."""
    if part in places:
        return (places[part],)
    missing = part
    for at in (at for at, sign in enumerate(part) if sign == "-"):
        ends = part[:at].strip(), part[at + 1 :].strip()
        unknown = [end for end in ends if end not in places]
        if not unknown:
            first, last = (places[end] for end in ends)
            if first > last:
                raise DataError(f"the range {part} ends before it begins; expected the reverse")
            return range(first, last + 1)
        if len(unknown) == 1 and unknown[0]:
            missing = unknown[0]  # of a range, the end that doesn't exist is the one to name
    shown = list(places)[:_MOST_SHOWN]
    listed = ", ".join(shown) + (", …" if len(places) > len(shown) else "")
    hint = did_you_mean(missing, places)
    raise DataError(f"{origin} has no class {missing!r}{hint} Its classes: {listed}")
