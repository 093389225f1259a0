"""Charts as SVG markup: figures of notebooks and pages, legible on light and on dark ground.

Texts have the colour of the text around, lines colours that stand out from both grounds. All that
comes from data is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from html import escape

import numpy as np

from wellfit.charts.model import (
    Bars,
    Cells,
    Chart,
    Color,
    Floats,
    Line,
    Mark,
    Note,
    Points,
    Rule,
    cut,
    floats,
    sampled,
)
from wellfit.charts.scale import AxisScale
from wellfit.charts.to_svg import path

# At least three times as light or dark as white and as black are.
_PALETTE = ("#3987d0", "#d9730d", "#2f9e68", "#b05fc0", "#a08020", "#d0506a", "#5f8a8b", "#8a6d5a")
_DASHES = {"solid": "", "dash": "6 3", "dot": "1.5 3", "dashdot": "6 3 1.5 3"}
_LETTER = 5.6  # about how wide a letter is
_MOST_POINTS = 600  # of a line, beyond which some are left out: there are no more pixels
_MOST_IN_LEGEND = 8
_Scales = tuple[AxisScale, AxisScale]


def svg(chart: Chart, size: tuple[int, int] = (380, 250)) -> str:
    """Return a chart as an ``<svg>`` element, which says in words what it shows.

    Args:
        chart: of any marks.
        size: width and height in pixels.

    >>> from wellfit.charts import learning_charts
    >>> text = svg(learning_charts({"loss": [2.0, 1.0], "val_loss": [2.1, 1.4]})[0])
    >>> text.startswith("<svg"), "validation" in text
    (True, True)
    """
    wide, tall = size
    keys = _keys(chart)
    head, foot = 22 + 15 * len(_key_rows(keys, wide)), 36 if chart.x.title else 22
    y = AxisScale.of(chart.y, _spread(chart, "y"), tall - foot, head)
    labels = y.ticks(max(2, (tall - head - foot) // 34))
    left = 12 + min(_LETTER * max([len(cut(text)) for _, text in labels] or [0]), wide / 3)
    left += 16 if chart.y.title else 0
    x = AxisScale.of(chart.x, _spread(chart, "x"), left, wide - 10)
    parts = [
        _text(wide / 2, 14, cut(chart.title, int(wide / 6.5)), "middle", "font-weight:600"),
        *_legend(keys, wide),
        *_axes(chart, (x, y), labels, tall),
        *(_draw(mark, (x, y)) for mark in chart.marks),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" '
        f'viewBox="0 0 {wide} {tall}" role="img" aria-label="{escape(chart.alt_text)}" '
        'style="font:11px sans-serif;color:inherit;max-width:100%" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def progress_bar(share: float) -> str:
    """Return a bar, so much of which is full, as markup.

    >>> "width:25%" in progress_bar(0.25)
    True
    """
    # Plain boxes: their colours follow the page's, and no browser animates them.
    return (
        '<span style="display:inline-block;width:12em;height:.6em;border-radius:.3em;'
        'background:rgba(128,128,128,.3)" role="progressbar" '
        f'aria-valuenow="{100 * share:.0f}"><span style="display:block;height:100%;'
        f'border-radius:.3em;background:#3987d0;width:{100 * share:.0f}%"></span></span>'
    )


def _spread(chart: Chart, axis: str) -> Floats:
    """Return all values that are to have a place on an axis."""
    return np.concatenate([np.empty(0), *(_reach(mark, axis) for mark in chart.marks)])


def _reach(mark: Mark, axis: str) -> Floats:
    if isinstance(mark, (Line, Points)):
        values = mark.x if axis == "x" else mark.y
        sideways = isinstance(mark, Points) and mark.sideways
        if mark.errors is not None and sideways == (axis == "x"):
            return np.concatenate([values - mark.errors[0], values + mark.errors[1]])
        return values
    if isinstance(mark, Bars):
        if mark.across == (axis == "y"):
            return np.concatenate([mark.places - mark.width / 2, mark.places + mark.width / 2])
        more = 0 if mark.errors is None else mark.errors
        return np.concatenate([[0.0], mark.values - more, mark.values + more])
    if isinstance(mark, Cells):
        rows, columns = mark.shades.shape
        return floats([-0.5, (columns if axis == "x" else rows) - 0.5])
    if isinstance(mark, Note):
        return floats([mark.x if axis == "x" else mark.y])
    return floats([mark.at] if mark.axis == axis else [])


def _axes(
    chart: Chart, scales: _Scales, labels: Sequence[tuple[float, str]], tall: int
) -> list[str]:
    """Return the lines of a grid, what is written at them, and the titles."""
    x, y = scales
    left, right = sorted((x.start, x.end))
    top, floor = sorted((y.start, y.end))
    faint = 'stroke="currentColor" stroke-opacity="0.15"'
    parts = [f'<path d="M{left:.1f} {top:.1f}V{floor:.1f}H{right:.1f}" fill="none" {faint}/>']
    for at, text in labels:
        parts.append(f'<path d="M{left:.1f} {at:.1f}H{right:.1f}" {faint}/>')
        parts.append(_text(left - 5, at + 4, cut(text), "end", _QUIET))
    widest = max([len(cut(text, 12)) for _, text in x.ticks(20)] or [1])
    for at, text in x.ticks(max(2, int((right - left) / max(46, _LETTER * widest + 8)))):
        parts.append(_text(at, floor + 14, cut(text, 12), "middle", _QUIET))
    if chart.x.title:
        title = cut(chart.x.title, int((right - left) / _LETTER))
        parts.append(_text((left + right) / 2, tall - 5, title, "middle", _QUIET))
    if chart.y.title:
        title, middle = cut(chart.y.title, int((floor - top) / _LETTER)), (top + floor) / 2
        turned = f' transform="rotate(-90 11 {middle:.1f})"'
        parts.append(_text(11, middle, title, "middle", _QUIET, turned))
    return parts


_QUIET = "opacity:.75"


def _keys(chart: Chart) -> list[tuple[str, Color, str]]:
    """Return the label, the colour and the dash of what the legend explains."""
    marks = [mark for mark in chart.marks if isinstance(mark, (Line, Points, Rule))]
    keys = [
        (f"{mark.label} {getattr(mark, 'value', '')}".strip(), mark.color, _dash(mark))
        for mark in marks
        if mark.label
    ]
    return keys if len(keys) <= _MOST_IN_LEGEND else []


def _dash(mark: Line | Points | Rule) -> str:
    return _DASHES["dot" if isinstance(mark, Points) else mark.dash]


def _key_rows(
    keys: Sequence[tuple[str, Color, str]], wide: float
) -> list[list[tuple[float, tuple[str, Color, str]]]]:
    """Return the rows of a legend: each key with the place where it begins."""
    rows: list[list[tuple[float, tuple[str, Color, str]]]] = []
    at = float(wide)
    for key in keys:
        width = 34 + _LETTER * len(cut(key[0], 34))
        if at + width > wide:
            rows.append([])
            at = 10.0
        rows[-1].append((at, key))
        at += width
    return rows


def _legend(keys: Sequence[tuple[str, Color, str]], wide: float) -> list[str]:
    parts = []
    for number, row in enumerate(_key_rows(keys, wide)):
        y = 30 + 15 * number
        for x, (label, color, dash) in row:
            stroke = f'stroke="{_hue(color)}" stroke-width="2" stroke-dasharray="{dash}"'
            parts.append(f'<path d="M{x:.0f} {y - 4}h18" {stroke}/>')
            parts.append(_text(x + 23, y, cut(label, 34), "start"))
    return parts


def _hue(color: Color) -> str:
    return _PALETTE[color % len(_PALETTE)] if isinstance(color, int) else "currentColor"


def _text(x: float, y: float, text: str, anchor: str, style: str = "", more: str = "") -> str:
    styled = f' style="{style}"' if style else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{styled}{more}>{escape(text)}</text>'
    )


@singledispatch
def _draw(mark: Mark, scales: _Scales) -> str:
    raise TypeError(f"{mark!r} is no mark that could be drawn on {scales!r}")


@_draw.register(Line)
def _line(mark: Line, scales: _Scales) -> str:
    kept = sampled(len(mark.x), _MOST_POINTS)
    x, y = scales[0].at(mark.x[kept]), scales[1].at(mark.y[kept])
    color, width = _hue(mark.color), min(mark.width, 2.0)
    if mark.step and len(x) > 1:
        edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
        x, y = np.repeat(edges, 2)[1:-1], np.repeat(y, 2)
    drawn = (
        f'<path d="{path(x, y)}" fill="none" stroke="{color}" stroke-width="{width:g}" '
        f'stroke-dasharray="{_DASHES[mark.dash]}" stroke-opacity="{mark.opacity:g}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )
    if mark.points and not mark.reference:
        drawn += _dots(x, y, color, 2.4, mark.opacity)
    return drawn + _whiskers(mark, scales, sideways=False)


@_draw.register(Points)
def _points(mark: Points, scales: _Scales) -> str:
    kept = sampled(len(mark.x), _MOST_POINTS)
    x, y = scales[0].at(mark.x[kept]), scales[1].at(mark.y[kept])
    dots = _dots(x, y, _hue(mark.color), mark.size / 2, mark.opacity)
    return dots + _whiskers(mark, scales, sideways=mark.sideways)


def _dots(x: Floats, y: Floats, color: str, radius: float, opacity: float) -> str:
    """Return dots at the points that are finite; all of them as one path, which is short."""
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y)).tolist()
    d = "".join(f"M{x[at]:.1f} {y[at]:.1f}h.01" for at in known)
    return (
        f'<path d="{d}" stroke="{color}" stroke-width="{2 * radius:g}" stroke-linecap="round" '
        f'stroke-opacity="{opacity:g}"/>'
    )


def _whiskers(mark: Line | Points, scales: _Scales, sideways: bool) -> str:
    """Return bars from the low ends of errors to the high ones."""
    if mark.errors is None:
        return ""
    values, across = (mark.x, mark.y) if sideways else (mark.y, mark.x)
    low = scales[not sideways].at(values - mark.errors[0])
    high = scales[not sideways].at(values + mark.errors[1])
    at = scales[sideways].at(across)
    pieces = [
        f"M{a:.1f} {p:.1f}H{b:.1f}" if sideways else f"M{p:.1f} {a:.1f}V{b:.1f}"
        for a, b, p in zip(low, high, at, strict=True)
        if np.isfinite([a, b, p]).all()
    ]
    return f'<path d="{"".join(pieces)}" stroke="{_hue(mark.color)}" stroke-opacity=".6"/>'


@_draw.register(Bars)
def _bars(mark: Bars, scales: _Scales) -> str:
    x, y = scales
    color, parts = _hue(mark.color), []
    for place, value in zip(mark.places.tolist(), mark.values.tolist(), strict=True):
        if not np.isfinite(value):
            continue
        sides, ends = (y, x) if mark.across else (x, y)
        begin, finish = sorted(map(float, ends.at([max(0.0, ends.low), value])))
        near, far = sorted(map(float, sides.at([place - mark.width / 2, place + mark.width / 2])))
        box = (begin, near, finish, far) if mark.across else (near, begin, far, finish)
        parts.append(_box(*box, color))
    line = Points(mark.places, mark.values, errors=None)
    if mark.errors is not None:
        both = (mark.errors, mark.errors)
        at = (mark.values, mark.places) if mark.across else (mark.places, mark.values)
        line = Points(*at, color="quiet", errors=both, sideways=mark.across)
    return "".join(parts) + _whiskers(line, scales, sideways=mark.across)


def _box(
    left: float, top: float, right: float, bottom: float, color: str, opacity: float = 1.0
) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="{color}" fill-opacity="{opacity:.2f}"/>'
    )


@_draw.register(Cells)
def _cells(mark: Cells, scales: _Scales) -> str:
    x, y = scales
    parts = []
    for (row, column), shade in np.ndenumerate(mark.shades):
        left, right = sorted(map(float, x.at([column - 0.5, column + 0.5])))
        top, bottom = sorted(map(float, y.at([row - 0.5, row + 0.5])))
        color, opacity = _PALETTE[0 if shade > 0 else 1], min(abs(float(shade)), 1.0) * 0.8
        parts.append(_box(left, top, right, bottom, color, opacity))
        if mark.texts and mark.texts[row][column]:
            at = (left + right) / 2, (top + bottom) / 2 + 4
            parts.append(_text(*at, mark.texts[row][column], "middle"))
    return "".join(parts)


@_draw.register(Rule)
def _rule(mark: Rule, scales: _Scales) -> str:
    x, y = scales
    d = (
        f"M{float(x.at(mark.at)):.1f} {y.start:.1f}V{y.end:.1f}"
        if mark.axis == "x"
        else f"M{x.start:.1f} {float(y.at(mark.at)):.1f}H{x.end:.1f}"
    )
    return (
        f'<path d="{d}" stroke="{_hue(mark.color)}" stroke-width="1.2" fill="none" '
        f'stroke-dasharray="{_DASHES[mark.dash]}"/>'
    )


@_draw.register(Note)
def _note(mark: Note, scales: _Scales) -> str:
    x, y = float(scales[0].at(mark.x)), float(scales[1].at(mark.y))
    return _text(x + 4, y + 4, mark.text, "start")
