"""Charts of lines as SVG: paths and texts that a page's script puts up, or a small picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from wellfit.charts.model import Chart, Floats, floats
from wellfit.charts.scale import HeightScale, places

_WIDTH, _HEIGHT = 320, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 8, 8, 20  # margins
_SPARK = 120, 24, 2  # width and height of a small picture, and its margin


def drawing(chart: Chart, end: float = 0) -> dict[str, Any]:
    """Return a chart of lines as plain data: no markup, so that texts of a run stay texts.

    Args:
        chart: whose x-axis begins at 1.
        end: where the x-axis ends, for curves that still grow; else at their end.

    Returns:
        ``title`` and ``alt_text``; ``size``; ``frame``, the path of the axes; ``texts`` as
        (x, y, anchor, text); ``lines``, each with its path ``d``, its ``kind`` and its ``key``.
    """
    scale = HeightScale.of(chart)
    end = max([end, *(float(line.x[-1]) for line in chart.lines if len(line.x))])
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    lines = []
    for line in chart.lines:
        x = _LEFT + (right - _LEFT) * places(line.x, end)
        y = _TOP + (floor - _TOP) * (1 - scale.heights(line.y))
        kind = "training" if line.dash == "solid" else "held-out"
        key = f"{line.label} {line.value}".strip()
        lines.append({"d": path(x, y), "kind": kind, "key": key})
    title = chart.title + (" (log scale)" if chart.y.log else "")
    return {
        "title": title,
        "alt_text": f"{title} by {chart.x.title}: {', '.join(str(line['key']) for line in lines)}",
        "size": [_WIDTH, _HEIGHT],
        "frame": f"M{_LEFT} {_TOP}V{floor}H{right}",
        "texts": [
            [_LEFT - 4, _TOP + 8, "end", chart.y.format(scale.top)],
            [_LEFT - 4, floor, "end", chart.y.format(scale.bottom)],
            [_LEFT, _HEIGHT - 6, "start", "1"],
            [right, _HEIGHT - 6, "end", f"{chart.x.title} {end:g}"],
        ],
        "lines": lines,
    }


def path(x: Floats, y: Floats) -> str:
    """Return a path through the points that are finite; a single one is a dot.

    >>> path(floats([0, 1, 2]), floats([3, None, 4]))
    'M0.0 3.0L2.0 4.0'
    """
    known = np.flatnonzero(np.isfinite(y))
    steps = [f"{x[at]:.1f} {y[at]:.1f}" for at in known.tolist()]
    return f"M{'L'.join(steps)}{'h0.1' if len(steps) == 1 else ''}" if steps else ""


def spark(values: Any) -> str:
    """Return a small picture of values (N,) in the text's colour; nothing where there is no line.

    >>> spark([2.0, 1.0])[:4], spark([1.0])
    ('<svg', '')
    """
    y = floats(values)
    known = y[np.isfinite(y)]
    if len(known) < 2:
        return ""
    wide, tall, margin = _SPARK
    heights = (y - known.min()) / ((known.max() - known.min()) or 1)
    x = np.linspace(1, wide - 1, len(y))
    d = path(x, tall - margin - (tall - 2 * margin) * heights)
    return (
        f'<svg width="{wide}" height="{tall}" role="img"><path d="{d}" fill="none" '
        'stroke="currentColor" stroke-width="1.5"/></svg>'
    )
