"""Preprocessing of rows as ONNX operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import InputError
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.numeric import AffineScaling, Numbers
from wellfit.preprocessing.table_encoding import codes_last
from wellfit.transfer.interop.export_spec import ExportSpec
from wellfit.transfer.interop.onnx_graph import Graph

_NUMERIC = ("number", "date", "duration")
_OUTPUTS = ("label", "probabilities", "estimate", "quantiles")
_MISSING = ""  # text that stands for none: ONNX has no missing strings


def features(graph: Graph, model: Any, form: ExportSpec) -> str:
    """Add inputs and what reads them; return the name of the network's float32 input."""
    table = form.features.table
    if table is None:
        return graph.input("X", np.float32, model.n_features_in_)
    names = form.names or [f"x{at}" for at in range(len(table.kinds_))]
    columns = _Columns(graph, table, names)
    blocks = [
        *_numbers(graph, table.numbers_, columns, columns.at(*_NUMERIC)),
        *_numbers(graph, table.flags_, columns, columns.at("flag")),
    ]
    for at, levels in codes_last(columns.at("category"), table.categories_):
        blocks.append(_encoded(graph, levels, columns.text(at)))
    return graph.add("Concat", *blocks, axis=1)


class _Columns:
    """A table's inputs: one matrix where all is numbers, else one for each column."""

    def __init__(self, graph: Graph, table: TablePreprocessor, names: Sequence[str]) -> None:
        self._graph, self._names, self._kinds = graph, names, table.kinds_
        self._whole = "category" not in table.kinds_
        taken = [name for name in names if name in _OUTPUTS and not self._whole]
        if taken:
            raise InputError(
                f"column {taken[0]!r} has the name of an output of the ONNX graph; expected none "
                f"of {', '.join(_OUTPUTS)}: rename it and train anew"
            )
        if self._whole:
            graph.input("X", np.float64, len(names))

    def at(self, *kinds: str) -> list[int]:
        return [at for at, kind in enumerate(self._kinds) if kind in kinds]

    def numbers(self, positions: Sequence[int]) -> str:
        """Return the name of some columns of numbers, (rows, columns)."""
        if self._whole:
            return self._graph.add("Gather", "X", self._graph.whole(list(positions)), axis=1)
        each = [self._graph.input(self._names[at], np.float64, 1) for at in positions]
        return self._graph.add("Concat", *each, axis=1)

    def text(self, position: int) -> str:
        return self._graph.input(self._names[position], object, 1)


def _numbers(
    graph: Graph, numbers: Numbers, columns: _Columns, positions: Sequence[int]
) -> list[str]:
    """Add gaps filled, scaled and clipped, and their marks; float64 until they are scaled."""
    if not positions:
        return []
    values = columns.numbers(positions)
    missing = graph.add("IsNaN", values)
    filled = graph.add("Where", missing, graph.doubles(numbers.fill), values)
    blocks = []
    for name, scaling in numbers.scalings.items():
        if not isinstance(scaling, AffineScaling):
            raise InputError(
                f"ONNX export can't express the scaling {name!r}; expected 'robust', 'standard' "
                "or 'none'"
            )
        centered = graph.add("Sub", filled, graph.doubles(scaling.center))
        scaled = graph.add("Div", centered, graph.doubles(scaling.scale))
        bounded = _clipped(graph, numbers.clip, scaled)
        kept = graph.add("Mul", bounded, graph.doubles(numbers.varies.astype(float)))
        blocks.append(graph.cast(kept, np.float32))
    gaps = np.flatnonzero(numbers.gaps)
    if len(gaps):
        marks = graph.add("Gather", missing, graph.whole(gaps), axis=1)
        blocks.append(graph.cast(marks, np.float32))
    return blocks


def _clipped(graph: Graph, clip: str, values: str) -> str:
    limit = {"smooth": 1e6, "hard": 5.0}.get(clip, LARGEST)
    bounded = graph.add("Clip", values, graph.doubles(-limit), graph.doubles(limit))
    if clip != "smooth":
        return bounded
    third = graph.add("Div", bounded, graph.doubles(3.0))
    square = graph.add("Mul", third, third)
    root = graph.add("Sqrt", graph.add("Add", square, graph.doubles(1.0)))
    return graph.add("Div", bounded, root)


def _encoded(graph: Graph, levels: Levels, text: str) -> str:
    """Add the code, or a column of 0 and 1 for each level, as :meth:`Levels.encode` does."""
    places = {_MISSING: levels.nowhere} | levels.places()
    code = graph.add(
        "LabelEncoder",
        text,
        domain="ai.onnx.ml",
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=levels.elsewhere,
    )
    if levels.coded:
        return graph.cast(code, np.float32)
    columns = graph.whole(np.arange(len(levels.labels))[None])
    return graph.cast(graph.add("Equal", code, columns), np.float32)
