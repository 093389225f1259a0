"""The learned embeddings of numeric columns, as curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wellfit.charts import embedding_chart
from wellfit.report.page.blocks import Plot, TableBlock, number
from wellfit.report.plotting.embedding import embedded_columns, embedded_values

_MOST_COLUMNS = 12
_MOST_VALUES = 12  # of a column in its table
_HEIGHT = 240  # pixels: small multiples, of columns that are compared


def embedding_plots(model: Any, X: Any, columns: Sequence[str]) -> Iterator[Plot]:
    """Yield what a column's values are embedded in, for the first of some columns.

    Args:
        model: fitted; of several networks, the first is drawn.
        X: (n_rows, n_columns) rows, whose values are drawn.
        columns: names in the order of their importance.
    """
    if not hasattr(model, "network_"):  # of an ensemble, each member has its own
        return
    embedded = set(embedded_columns(model))
    for column in [each for each in columns if each in embedded][:_MOST_COLUMNS]:
        values, numbers = embedded_values(model, X, column)
        chart = embedding_chart(values, numbers, column)
        # A legend of so many lines would hide them, and their order means nothing.
        marks = [replace(line, label="") for line in chart.lines]
        shown = np.unique(np.linspace(0, len(values) - 1, _MOST_VALUES).round().astype(int))
        rows = [[number(values[at]), *map(number, numbers[at].tolist())] for at in shown]
        head = [column, *(f"number {place + 1}" for place in range(numbers.shape[1]))]
        table = TableBlock(head, rows, title=chart.title)
        yield Plot(replace(chart, marks=marks), table, height=_HEIGHT)
