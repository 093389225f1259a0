"""The documentation page of a served model: its columns, the form of requests, a try."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from wellfit.core.words import short
from wellfit.serving.model import ServedModel

_SHOWN = 12  # levels of a column
_EXAMPLES: Mapping[str, Any] = {
    "number": 1.5,
    "boolean": True,
    "date": "2024-02-29",
    "duration": "1 days",
    "empty": None,
}


def page(model: ServedModel, about: Mapping[str, Any]) -> str:
    """Return the page, which loads nothing from anywhere.

    Args:
        model: as it is served.
        about: its description, as ``/metadata`` shows it.
    """
    template = files("wellfit.serving").joinpath("page.html").read_text("utf-8")
    example = json.dumps(example_rows(model), indent=1, ensure_ascii=False)
    return Template(template).substitute(
        name=html.escape(str(about["name"])),
        facts=_table(_facts(about)),
        columns=_columns(model),
        example=html.escape(example),
        query=_query(model),
    )


def example_rows(model: ServedModel) -> list[Any]:
    """Return a row that the model reads, as JSON's plain data."""
    if model.schema is None:
        return [[0.0] * model.width]
    types = model.schema.types
    return [
        {
            name: next(iter(model.levels.get(name, ())), None)
            if types.get(name, "text") == "text"
            else _EXAMPLES[types[name]]
            for name in model.columns
        }
    ]


def _facts(about: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for name in ("task", "target", "estimator", "data", "training_rows", "trained", "wellfit"):
        if name in about:
            value = about[name]
            yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)
    if "classes" in about:
        yield "classes", _listed(about["classes"])
    for score in about.get("test_scores", ()):
        if score["value"] is not None:
            bounds = [score["low"], score["high"]]
            interval = "" if None in bounds else f" ({short(bounds[0])} to {short(bounds[1])})"
            yield f"test {score['name']}", short(score["value"]) + interval


def _columns(model: ServedModel) -> str:
    if model.schema is None:
        return f"<p>Each row is a list of {model.width:,} numbers.</p>"
    types = model.schema.types
    rows = [
        (name, types.get(name, "text"), _listed(model.levels.get(name, ())))
        for name in model.columns
    ]
    return _table(rows, ("column", "type", "known values"))


def _query(model: ServedModel) -> str:
    if not model.is_calibrated:
        return ""
    name, what = ("set", "sets") if model.classes is not None else ("interval", "intervals")
    return f"<p><code>/predict?{name}=90</code> also answers 90 % {what}.</p>"


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:_SHOWN])) + (", …" if len(values) > _SHOWN else "")


def _table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Return a table of HTML, its cells escaped; the first of each row heads it."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    lines = [f"<thead><tr>{head}</tr></thead>"] if header else []
    for first, *others in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"
