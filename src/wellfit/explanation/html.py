"""Results in a notebook: a figure of charts, and a table below it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import pandas as pd

from wellfit.charts import Chart
from wellfit.charts.to_matplotlib import figure, png

_DPI = 80
_MOST_ROWS = 20


def page_of(charts: Sequence[Chart], table: pd.DataFrame, note: str = "") -> str:
    """Return charts side by side, a table, and a line below it, as HTML.

    Args:
        charts: as a picture; none where there are none.
        table: of which the first rows are shown.
        note: plain text.
    """
    picture = picture_of(charts) if charts else ""
    shown = table.head(_MOST_ROWS).to_html(
        index=False, na_rep="", float_format="{:.4g}".format, border=0
    )
    left = len(table) - _MOST_ROWS
    more = f"<p>… and {left:,} more rows</p>" if left > 0 else ""
    return f"{picture}{shown}{more}" + (f"<p>{escape(note)}</p>" if note else "")


def picture_of(charts: Sequence[Chart]) -> str:
    """Return charts as a picture in HTML, two side by side."""
    drawn = png(figure(charts, across=min(len(charts), 2)), dpi=_DPI)
    text = escape("; ".join(chart.alt_text for chart in charts), quote=True)
    source = f"data:image/png;base64,{base64.b64encode(drawn).decode()}"
    return f'<div><img alt="{text}" src="{source}"></div>'
