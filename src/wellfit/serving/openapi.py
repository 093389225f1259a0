"""The OpenAPI document of a served model, made from the columns of its training table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellfit.core.arrays import LARGEST
from wellfit.core.version import __version__
from wellfit.datasets.schema import CellType
from wellfit.serving.model import ServedModel

_SHOWN = 20  # levels of a column
_DATE = r"^\d{4}-\d{2}-\d{2}"
_NUMBER = {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST}
_SCHEMAS: Mapping[CellType, Mapping[str, Any]] = {
    "number": _NUMBER,
    "boolean": {"type": ["boolean", "null"]},
    "date": {
        "type": ["string", "null"],
        "pattern": _DATE,
        "description": "a date of ISO 8601, with or without a time",
        "examples": ["2024-02-29"],
    },
    "duration": {
        "type": ["string", "null"],
        "description": "a duration, as pandas reads it",
        "examples": ["1 days 06:00:00"],
    },
    "text": {"type": ["string", "null"]},
    "empty": {"type": ["string", "number", "boolean", "null"]},
}
_ERRORS = {
    400: "The body is no JSON.",
    403: "The server was called by another name than its own.",
    408: "The body didn't arrive within the time limit.",
    413: "The body is larger than the size limit.",
    415: "The body is neither JSON nor csv by its Content-Type, or compressed.",
    422: "The rows can't be predicted: a column is missing, not the model's or of another type; "
    "or intervals or sets are asked for that the model doesn't have.",
    503: "Too many requests are waiting.",
    504: "The predictions weren't made within the time limit.",
}


def openapi(model: ServedModel, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1) of a served model.

    Args:
        model: as it is served.
        about: its description, as ``/metadata`` shows it.
    """
    name, target = about["name"], about.get("target") or "the target"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Predictions of {name}",
            "description": f"A {about['task']} model of {target}, served by wellfit.",
            "version": __version__,
        },
        "paths": {
            "/predict": {"post": _predict(model)},
            "/health": {"get": _get("Whether the server answers.", {"type": "object"})},
            "/metadata": {"get": _get("What the model is.", {"type": "object"})},
        },
        "components": {
            "schemas": {
                **(_named(model) if model.is_named else _unnamed(model.width)),
                "Predictions": _answer(model),
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                },
            }
        },
    }


def _predict(model: ServedModel) -> dict[str, Any]:
    rows: dict[str, Any] = {"$ref": "#/components/schemas/Rows"}
    content: dict[str, Any] = {"application/json": {"schema": rows}}
    if model.is_named:
        columns = {"$ref": "#/components/schemas/Columns"}
        content["application/json"]["schema"] = {"anyOf": [rows, columns]}
        content["text/csv"] = {"schema": {"type": "string"}}
    answer = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Predictions"}},
        "text/csv": {"schema": {"type": "string"}},
    }
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "summary": "Predict rows.",
        "operationId": "predict",
        "parameters": list(_parameters(model)),
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "The predictions, in the rows' order.",
                "content": answer,
            },
            **{
                str(code): {"description": text, "content": error}
                for code, text in _ERRORS.items()
            },
        },
    }


def _parameters(model: ServedModel) -> list[dict[str, Any]]:
    """Return the query's parameters, of those that the model has."""
    found = []
    if model.is_named:
        found.append(
            {
                "name": "extra",
                "in": "query",
                "description": "Whether columns that the model doesn't use are refused.",
                "schema": {"type": "string", "enum": ["refuse", "ignore"], "default": "refuse"},
            }
        )
    if model.is_calibrated:
        classifies = model.classes is not None
        what = "sets that hold the class" if classifies else "intervals that hold the target"
        found.append(
            {
                "name": "set" if classifies else "interval",
                "in": "query",
                "description": f"Per cent of the rows: also answer {what} of so many.",
                "schema": {"type": "number", "minimum": 1, "exclusiveMaximum": 100},
                "examples": {"ninety": {"value": 90}},
            }
        )
    return found


def _get(summary: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": content}}}


def _named(model: ServedModel) -> dict[str, Any]:
    """Return the schemas of rows and of columns by name."""
    cells = {name: _cell(name, model) for name in model.columns}
    # Columns that training had besides, such as the target, are no input, and may be there.
    others: dict[str, Any] = {name: {} for name in sorted(model.form.known - set(cells))}
    return {
        "Row": _object(cells, others),
        "Rows": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}},
        "Columns": {
            **_object(
                {
                    name: {"type": "array", "minItems": 1, "items": cell}
                    for name, cell in cells.items()
                },
                others,
            ),
            "description": "The values of each column, as many in each.",
        },
    }


def _object(required: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **others},
        "additionalProperties": False,
    }


def _cell(name: str, model: ServedModel) -> dict[str, Any]:
    """Return the schema of a column's values."""
    assert model.schema is not None
    kind = model.schema.types.get(name, "text")
    found = dict(_SCHEMAS[kind])
    if kind == "text" and (levels := model.levels.get(name)):
        found["examples"] = list(levels[:_SHOWN])
        found["description"] = f"{len(levels):,} known; others count as rare"
    return found


def _unnamed(width: int) -> dict[str, Any]:
    """Return the schema of rows of numbers, whose columns have no names."""
    row = {"type": "array", "minItems": width, "maxItems": width, "items": _NUMBER}
    return {"Rows": {"type": "array", "minItems": 1, "items": row}}


def _answer(model: ServedModel) -> dict[str, Any]:
    properties: dict[str, Any] = {"predictions": {"type": "array"}}
    if model.classes is not None:
        properties["probabilities"] = {"type": "array", "items": {"type": "array"}}
        properties["classes"] = {"type": "array", "examples": [model.classes.tolist()[:_SHOWN]]}
    if model.is_calibrated:
        properties["sets" if model.classes is not None else "intervals"] = {"type": "object"}
    return {"type": "object", "required": ["predictions"], "properties": properties}
