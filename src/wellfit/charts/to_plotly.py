"""Charts as Plotly's data, for pages.

Colours are names of the page's own (``"--c1"``), so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from wellfit.charts.model import (
    Axis,
    Bars,
    Cells,
    Chart,
    Color,
    Line,
    Mark,
    Note,
    Points,
    Rule,
    cut,
)

_COLORS = 8
_ACROSS = 30  # letters that a phone's width holds side by side
_BELOW, _ASIDE = 18, 28  # letters of a name below a chart, and beside it
_LONGEST = 30  # letters of a name in the legend
_MOST_TEXTS = 15  # columns of cells beyond which there is no room for texts

_SYMBOLS = {"dot": "circle", "cross": "x-thin-open", "down": "triangle-down"}
Trace = dict[str, Any]


def drawing(chart: Chart) -> dict[str, Any]:
    """Return what Plotly draws: ``data`` and ``layout``, plain but for arrays."""
    rules = [mark for mark in chart.marks if isinstance(mark, Rule)]
    notes = [_note(mark) for mark in chart.marks if isinstance(mark, Note)]
    layout: dict[str, Any] = {"xaxis": axis(chart.x), "yaxis": axis(chart.y, upright=True)}
    layout["shapes"] = [_rule(rule) for rule in rules]
    layout["annotations"] = [*(_rule_label(rule) for rule in rules if rule.label), *notes]
    if chart.x.whole:
        layout["hovermode"] = "x unified"
    traces = [_trace(mark) for mark in chart.marks if not isinstance(mark, (Rule, Note))]
    return {"data": traces, "layout": layout}


def hue(color: Color) -> str:
    """Return the page's name of a colour.

    >>> hue(0), hue(8), hue("quiet")
    ('--c1', '--c1', '--quiet')
    """
    return f"--c{color % _COLORS + 1}" if isinstance(color, int) else f"--{color}"


def literal(text: Any) -> str:
    """Return text that Plotly shows as it is: it reads some HTML elsewhere.

    >>> literal("a <b> & c")
    'a &lt;b&gt; &amp; c'
    """
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def axis(given: Axis, upright: bool = False) -> dict[str, Any]:
    """Return an axis; names stand at 0, 1, …, since those that were cut may be the same."""
    found: dict[str, Any] = {"title": {"text": literal(given.title)}}
    if given.names:
        texts = [cut(str(name), _ASIDE if upright else _BELOW) for name in given.names]
        # A slant that is chosen by the room there is would change that room.
        aslant = not upright and sum(map(len, texts)) > _ACROSS
        found |= {"tickvals": list(range(len(texts))), "ticktext": [literal(n) for n in texts]}
        found |= {"tickangle": -35 if aslant else 0, "showgrid": False, "zeroline": False}
    if given.hidden:
        found["visible"] = False
    if given.log:
        found["type"] = "log"
    if given.low is not None and given.high is not None and not given.whole:
        found["range"] = [given.low, given.high]
    elif given.low == 0:
        found["rangemode"] = "tozero"
    if given.downwards:
        found["autorange"] = "reversed"
    return found


@singledispatch
def _trace(mark: Mark) -> Trace:
    raise TypeError(f"{mark!r} is no mark of a chart")


@_trace.register(Line)
def _line(mark: Line) -> Trace:
    look = {"color": hue(mark.color), "dash": mark.dash, "width": mark.width}
    trace: Trace = {"type": "scatter", "mode": "lines+markers" if mark.points else "lines"}
    trace |= {"x": mark.x, "y": mark.y, "opacity": mark.opacity, "marker": {"size": 5}}
    trace |= _named(mark.label)
    if mark.step:
        look["shape"] = "hvh"
    if mark.errors is not None:
        trace["error_y"] = _errors(*mark.errors, hue(mark.color))
    if mark.reference:
        trace |= {"hoverinfo": "skip", "mode": "lines"}
    if mark.hover:
        trace |= {"hovertext": _lines(mark.hover), "hoverinfo": "text"}
    if mark.smooth:
        trace["meta"] = "smooth"
    return trace | {"line": look}


@_trace.register(Points)
def _points(mark: Points) -> Trace:
    marker = {"size": 1.4 * mark.size, "opacity": mark.opacity, "color": hue(mark.color)}
    marker["symbol"] = _SYMBOLS[mark.symbol]
    trace: Trace = {"type": "scatter", "mode": "markers", "x": mark.x, "y": mark.y}
    trace |= {"marker": marker, **_named(mark.label), **_hover(mark.hover)}
    if mark.errors is not None:
        trace["error_x" if mark.sideways else "error_y"] = _errors(*mark.errors, hue(mark.color))
    return trace


@_trace.register(Bars)
def _bars(mark: Bars) -> Trace:
    x, y = (mark.values, mark.places) if mark.across else (mark.places, mark.values)
    trace: Trace = {"type": "bar", "x": x, "y": y, "orientation": "h" if mark.across else "v"}
    trace |= {"width": mark.width, "marker": {"color": hue(mark.color)}, **_named("")}
    trace |= _hover(mark.hover)
    if mark.errors is not None:
        key = "error_x" if mark.across else "error_y"
        trace[key] = _errors(mark.errors, mark.errors, "--text")
    return trace


@_trace.register(Cells)
def _cells(mark: Cells) -> Trace:
    trace: Trace = {"type": "heatmap", "z": mark.shades, "colorscale": "--scale"}
    trace |= {"zmin": -1, "zmax": 1, "showscale": False, "xgap": 1, "ygap": 1}
    trace["hovertext"] = [[_lines(text) for text in row] for row in mark.hover]
    trace["hovertemplate"] = "%{hovertext}<extra></extra>"
    if mark.texts and len(mark.texts) <= _MOST_TEXTS:
        trace |= {"text": mark.texts, "texttemplate": "%{text}", "textfont": {"color": "--text"}}
    return trace


def _named(label: str) -> dict[str, Any]:
    return {"name": literal(cut(label, _LONGEST))} if label else {"showlegend": False}


def _hover(texts: Sequence[str]) -> dict[str, Any]:
    if not texts:
        return {}
    hovers = [_lines(text) for text in texts]
    return {"hovertext": hovers, "hovertemplate": "%{hovertext}<extra></extra>"}


def _lines(text: str) -> str:
    return literal(text).replace("\n", "<br>")


def _errors(down: Any, up: Any, color: str) -> dict[str, Any]:
    shape = {"type": "data", "symmetric": False, "thickness": 1.2, "width": 3, "color": color}
    return {**shape, "array": up, "arrayminus": down}


def _rule(mark: Rule) -> dict[str, Any]:
    """Return a line across the whole chart."""
    other = "y" if mark.axis == "x" else "x"
    look = {"color": hue(mark.color), "dash": mark.dash, "width": 1.5}
    shape = {"type": "line", "line": look, f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}
    return shape | {f"{mark.axis}0": mark.at, f"{mark.axis}1": mark.at}


def _rule_label(mark: Rule) -> dict[str, Any]:
    other = "y" if mark.axis == "x" else "x"
    note = {mark.axis: mark.at, f"{other}ref": "paper", other: 0.5, "showarrow": False}
    note |= {"bgcolor": "--card", "text": literal(mark.label)}
    return note | {"font": {"color": hue(mark.color), "size": 12}}


def _note(mark: Note) -> dict[str, Any]:
    place = {"x": mark.x, "y": mark.y, "text": literal(mark.text), "showarrow": False}
    return place | {"xanchor": "left", "xshift": 4}
