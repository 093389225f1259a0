"""History: the metrics of a training by epoch, and a notebook's table of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from wellfit.charts.to_svg import spark
from wellfit.core.metrics import Metric


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
        heads = "".join(f"<th>{head}</th>" for head in ("", "first", "last", "least", "most", ""))
        rows = "".join(_row(name, values) for name, values in self.items() if len(values))
        epochs = max(map(len, self.values()), default=0)
        return (
            f"<table><caption>{epochs} epoch{'' if epochs == 1 else 's'}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _row(name: str, values: Sequence[float]) -> str:
    finite = [value for value in values if np.isfinite(value)] or [np.nan]
    shown = (values[0], values[-1], min(finite), max(finite))
    cells = "".join(f"<td>{Metric.of(name).format(value, more=1)}</td>" for value in shown)
    return f"<tr><th>{escape(name)}</th>{cells}<td>{spark(values)}</td></tr>"
