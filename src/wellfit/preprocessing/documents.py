"""The declared forms of what targets' scales and labels leave in a file."""

from __future__ import annotations

import re
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import ModelFileError
from wellfit.core.schema import Finite, Range

# Of plain labels: booleans, numbers, text of a length that takes little memory, or objects.
_LABEL_TYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U\d{1,4}|O)")


class ScalerDocument(TypedDict):
    """The document of a :class:`TargetScaler`: a number for each output."""

    mean: list[Finite]
    scale: list[Annotated[float, Range(0, open_low=True)]]


class LabelsDocument(TypedDict):
    """The document of :class:`ClassLabels`."""

    classes: list[bool | int | float | str]
    dtype: str
    multilabel: bool
    soft: NotRequired[bool]  # models of 0.1 have none


def classes_from(labels: list[Any], dtype: str) -> NDArray[Any]:
    """Return labels as an array of a declared type, which has to hold all of them as they are.

    Raises:
        ModelFileError: another type than labels have, or labels that it doesn't hold, or twice.
    """
    if not _LABEL_TYPE.fullmatch(dtype):
        raise ModelFileError(
            f"targets.dtype is {dtype!r:.40}; expected a type of labels, such as '<U3'"
        )
    try:
        array = np.array(labels, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"targets.classes are no labels of type {dtype}: {error}") from error
    if array.tolist() != labels or len(set(labels)) < len(labels):
        raise ModelFileError(
            f"targets.classes holds a label twice, or one that isn't of type {dtype}"
        )
    return array
