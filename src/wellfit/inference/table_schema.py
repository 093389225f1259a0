"""The schema by which a fitted model's files are read: recorded, or derived from its encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wellfit.datasets.schema import CellType, TableSchema

_TYPES: dict[str, CellType] = {
    "number": "number",
    "flag": "boolean",
    "date": "date",
    "duration": "duration",
}
_CLASSES: dict[str, CellType] = {"b": "boolean", "i": "number", "u": "number", "f": "number"}


def record_schema(model: Any, schema: TableSchema | None) -> None:
    """Keep with a fitted model how its training table was read; ``save`` writes it."""
    network = model.network_
    model.network_ = replace(network, features=replace(network.features, schema=schema))


def table_schema(model: Any, target: str | None = None) -> TableSchema | None:
    """Return how a table is to be read for a fitted model.

    Args:
        model: a fitted estimator or ensemble.
        target: the column that it predicts, where no schema was recorded.

    Returns:
        The schema of the training table, where the model was trained on a file; else one of the
        kinds that its encoder has. None for a model whose columns have no names.

    >>> import pandas as pd
    >>> from wellfit import MLPClassifier
    >>> X = pd.DataFrame({"code": ["01", "A1"], "size": [1.5, 2.5]})
    >>> model = MLPClassifier((2,), epochs=1).fit(X, [False, True])
    >>> table_schema(model, "sold").types
    {'code': 'text', 'size': 'number', 'sold': 'boolean'}
    """
    features = _features(model)
    if features is None:
        return None
    if features.schema is not None:
        schema = features.schema
        return schema if schema.target or not target else replace(schema, target=target)
    names = [str(name) for name in getattr(model, "feature_names_in_", ())]
    if not names:
        return None
    types: dict[str, CellType] = dict.fromkeys(names, "number")
    types |= {column.name: _TYPES.get(column.kind, "text") for column in features.columns}
    if target is not None and target not in types:
        types[target] = _target_type(model)
    return TableSchema(types, target=target)


def known_levels(model: Any) -> dict[str, tuple[str, ...]]:
    """Return the levels of a fitted model's columns of text or categories, as they are written."""
    features = _features(model)
    columns = () if features is None else features.columns
    return {column.name: column.levels + column.spellings for column in columns if column.levels}


def _features(model: Any) -> Any:
    # Of estimators and of models read without PyTorch, whose encoders have these attributes.
    first = getattr(model, "estimators_", [model])[0]  # an ensemble has several, of one table
    network = getattr(first, "network_", None)
    return None if network is None else network.features


def _target_type(model: Any) -> CellType:
    if not hasattr(model, "classes_"):
        return "number"
    return _CLASSES.get(np.asarray(model.classes_).dtype.kind, "text")
