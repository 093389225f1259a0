"""The description of a served model: its task, its columns, and how well it did on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellfit.core.version import __version__
from wellfit.serving.model import ServedModel

_SCORE = ("name", "value", "low", "high")


def describe(
    model: ServedModel,
    name: str,
    config: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``/metadata`` shows of a model: plain data; what isn't known is left out.

    Args:
        model: as it is served.
        name: of the model.
        config: the settings of its run, if it has one.
        result: the result of its run, if it has one.
    """
    config, result = config or {}, result or {}
    data = config.get("data", {})
    found = {
        "name": name,
        "task": data.get("task") or ("regression" if model.classes is None else "classification"),
        "target": None if model.schema is None else model.schema.target,
        "classes": None if model.classes is None else model.classes.tolist(),
        "columns": [_column(name, model) for name in model.columns] or model.width,
        "ids": [] if model.schema is None else list(model.schema.ids),
        "intervals": model.is_calibrated and model.classes is None,
        "sets": model.is_calibrated and model.classes is not None,
        "estimator": config.get("estimator"),
        "trained": config.get("started"),
        "data": data.get("name"),
        "training_rows": data.get("training_rows"),
        "test_rows": result.get("test_rows"),
        "test_scores": [_score(one) for one in result.get("test", ())],
        "wellfit": __version__,
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _column(name: str, model: ServedModel) -> dict[str, Any]:
    """Return a column's name, type and levels."""
    assert model.schema is not None
    levels = model.levels.get(name)
    found = {"name": name, "type": model.schema.types.get(name, "text")}
    return found if levels is None else {**found, "levels": list(levels)}


def _score(score: Mapping[str, Any]) -> dict[str, Any]:
    return {key: score.get(key) for key in _SCORE}
