"""Tables to numbers and back: columns of any kind in, float matrices and label codes out.

What needs scikit-learn is imported when it is first used: a model predicts without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wellfit.preprocessing.columns import ColumnInfo, as_table, is_image_like
from wellfit.preprocessing.targets import ClassLabels, TargetScaler

if TYPE_CHECKING:
    from wellfit.preprocessing.choice import preprocessor_of, settings_key
    from wellfit.preprocessing.table import TablePreprocessor

__all__ = [
    "ClassLabels",
    "ColumnInfo",
    "TablePreprocessor",
    "TargetScaler",
    "as_table",
    "is_image_like",
    "preprocessor_of",
    "settings_key",
]

_LATER = {
    "TablePreprocessor": ".table",
    "preprocessor_of": ".choice",
    "settings_key": ".choice",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module 'wellfit.preprocessing' has no attribute {name!r}")
