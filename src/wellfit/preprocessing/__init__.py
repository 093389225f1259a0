"""Tables to numbers and back: columns of any kind in, float matrices and label codes out."""

from wellfit.preprocessing.choice import preprocessor_of, settings_key
from wellfit.preprocessing.columns import ColumnInfo, as_table, is_image_like
from wellfit.preprocessing.table import TablePreprocessor
from wellfit.preprocessing.targets import ClassLabels, TargetScaler

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
