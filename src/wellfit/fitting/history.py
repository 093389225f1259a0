"""History: the metrics of a training by epoch, and a notebook's table of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellfit.charts.to_svg import spark
from wellfit.core.markup import Markup, table
from wellfit.core.metrics import Metric
from wellfit.core.words import pluralize


class History(dict[str, list[float]]):
    """Lists by name, a value for each epoch; in a notebook, a table with small curves.

    >>> history = History(loss=[2.0, 1.5], accuracy=[0.25, 0.75])
    >>> history["loss"]
    [2.0, 1.5]
    >>> "<svg" in history._repr_html_()
    True
    """

    def _repr_html_(self) -> str:
        """Return a table: each name with its first and last value, and its curve."""
        rows = [_row(name, values) for name, values in self.items() if len(values)]
        epochs = pluralize(max(map(len, self.values()), default=0), "epoch")
        return table(rows, ("", "first", "last", "least", "most", ""), caption=epochs)


def _row(name: str, values: Sequence[float]) -> list[object]:
    finite = [value for value in values if np.isfinite(value)] or [np.nan]
    shown = (values[0], values[-1], min(finite), max(finite))
    metric = Metric.of(name)
    return [name, *(metric.format(value, more=1) for value in shown), Markup(spark(values))]
