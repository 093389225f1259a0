"""Charts drawn by matplotlib; figures are on no screen unless the caller's axes are."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as Ruler
    from matplotlib.figure import Figure

# Okabe and Ito (2008), told apart with any kind of colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D00", "#000000")
QUIET, TEXT = "#666666", "#222222"
_WRONG, _NONE, _RIGHT = "#E8873D", "#FFFFFF", "#5A9FD0"
_SYMBOLS = {"dot": "o", "cross": "x", "down": "v"}
_STYLES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}

_MOST_NAMES = 30  # along an axis
_NAMES_PER_INCH = 10  # letters of names along an axis
_SMALL_TEXTS = 15  # columns of cells beyond which texts are smaller
_MOST_IN_LEGEND = 12
_LARGE = 10_000
_LETTERS_PER_INCH = 8.2  # of a figure's title


def hue(color: Color) -> str:
    """Return a colour as matplotlib knows it.

    >>> hue(0), hue("quiet")
    ('#0072B2', '#666666')
    """
    if isinstance(color, int):
        return PALETTE[color % len(PALETTE)]
    return {"quiet": QUIET, "text": TEXT}[color]


def draw(chart: Chart, axes: Axes, *, legend: bool = True) -> None:
    """Draw a chart on axes, with a legend where there is room and it isn't elsewhere."""
    for mark in chart.marks:
        _draw(mark, axes)
    axes.set_title(plain(chart.summary), wrap=True)
    _set_axis(axes.xaxis, chart.x, axes.set_xlim)
    _set_axis(axes.yaxis, chart.y, axes.set_ylim)
    labels = axes.get_legend_handles_labels()[1]
    if legend and 0 < len(labels) <= _MOST_IN_LEGEND:
        axes.legend(frameon=False, fontsize=9)
    if any(isinstance(mark, Cells) for mark in chart.marks):
        axes.set_aspect("equal")
    else:
        lighten(axes)


def draw_on(chart: Chart, axes: Axes | None, size: tuple[float, float]) -> Axes:
    """Draw a chart on axes, or on a new figure of pyplot's, which a notebook shows.

    Args:
        chart: what to draw.
        axes: where; None for those of a new figure.
        size: of a new figure, in inches.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(figsize=size, layout="constrained")[1]
    draw(chart, axes)
    return axes


def figure(
    charts: Sequence[Chart], title: str = "", *, across: int = 0, panel: Any = (5.4, 4.2)
) -> Figure:
    """Return a new figure of charts, on no screen.

    Args:
        charts: one or more.
        title: a line above them all.
        across: how many side by side; by default all.
        panel: width and height of one, in inches.
    """
    across = across or len(charts)
    down = -(-len(charts) // across)
    made = empty_figure(across * panel[0] + 0.4, down * panel[1], title)
    for place, chart in enumerate(charts, 1):
        draw(chart, made.add_subplot(down, across, place))
    return made


def empty_figure(width: float, height: float, title: str = "") -> Figure:
    """Return a figure of so many inches with a title, on no screen."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    if title:
        # By letters, since names of runs have no blanks at which matplotlib could wrap them.
        lines = textwrap.fill(plain(title), int(width * _LETTERS_PER_INCH))
        made.suptitle(lines, fontsize=13, fontweight="bold")
    return made


def cells_size(names: Sequence[str]) -> tuple[float, float]:
    """Return the inches that a table of cells needs, each of its sides with these names."""
    side = float(np.clip(0.45 * len(names) + 2.6, 4.2, 11))
    return side, side


def png(figure: Figure, dpi: int = 150) -> bytes:
    """Return a figure as the bytes of a PNG file.

    >>> png(empty_figure(1, 1))[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        ignore_glyphs()
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def ignore_glyphs() -> None:
    """Let letters that no installed font has be drawn as boxes, without a warning for each.

    To be called where the filters of warnings are restored afterwards.
    """
    warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)


def lighten(axes: Axes) -> None:
    """Leave of the frame what is read from, and draw a faint grid."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """Return text that matplotlib shows as it is: what stands between dollars isn't a formula."""
    return text.replace("$", r"\$")


def short_name(name: object) -> str:
    """Return a name short enough for an axis, shown as it is."""
    return plain(cut(str(name)))


@singledispatch
def _draw(mark: Mark, axes: Axes) -> None:
    raise TypeError(f"{mark!r} is no mark that {axes!r} could show")


@_draw.register(Line)
def _line(mark: Line, axes: Axes) -> None:
    look: dict[str, Any] = {
        "color": hue(mark.color),
        "linestyle": _STYLES[mark.dash],
        "linewidth": mark.width,
        "alpha": mark.opacity,
        "label": _legend(mark.label),
        "drawstyle": "steps-mid" if mark.step else "default",
        "markersize": 4,
        # A point alone has no line.
        "marker": "o" if (mark.points and not mark.reference) or len(mark.x) == 1 else None,
    }
    if mark.errors is None:
        axes.plot(mark.x, mark.y, **look)
    else:
        axes.errorbar(mark.x, mark.y, mark.errors, capsize=2, elinewidth=1, **look)


@_draw.register(Points)
def _points(mark: Points, axes: Axes) -> None:
    look: dict[str, Any] = {
        "color": hue(mark.color),
        "markersize": mark.size,
        "alpha": mark.opacity,
        "label": _legend(mark.label),
    }
    if mark.errors is None:
        look["markeredgewidth"] = 1.2 if mark.symbol == "cross" else 0
        axes.plot(mark.x, mark.y, _SYMBOLS[mark.symbol], **look)
    else:
        look["xerr" if mark.sideways else "yerr"] = mark.errors
        axes.errorbar(mark.x, mark.y, fmt="o", elinewidth=0.7, **look)


@_draw.register(Bars)
def _bars(mark: Bars, axes: Axes) -> None:
    look: dict[str, Any] = {"color": hue(mark.color), "ecolor": QUIET}
    if mark.across:
        axes.barh(mark.places, mark.values, mark.width, xerr=mark.errors, **look)
        axes.axvline(0, color=QUIET, linewidth=1)
    else:
        axes.bar(mark.places, mark.values, mark.width, yerr=mark.errors, **look)


@_draw.register(Cells)
def _cells(mark: Cells, axes: Axes) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("right and wrong", [_WRONG, _NONE, _RIGHT])
    axes.imshow(mark.shades, cmap=scale, vmin=-1, vmax=1)
    size = 9 if len(mark.texts) <= _SMALL_TEXTS else 6
    for row, texts in enumerate(mark.texts):
        for column, text in enumerate(texts):
            if text:
                axes.text(column, row, text, ha="center", va="center", fontsize=size)


@_draw.register(Rule)
def _rule(mark: Rule, axes: Axes) -> None:
    line = axes.axvline if mark.axis == "x" else axes.axhline
    style = _STYLES[mark.dash]
    line(mark.at, color=hue(mark.color), linestyle=style, label=_legend(mark.label), linewidth=1.2)


@_draw.register(Note)
def _note(mark: Note, axes: Axes) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    text = axes.annotate(plain(mark.text), (mark.x, mark.y), (4, 0), textcoords="offset points")
    text.set(fontsize=8, va="center", bbox=box, zorder=4)


def _legend(label: str) -> str | None:
    """Return a label; matplotlib leaves out what begins with an underscore."""
    return f" {plain(label)}" if label.startswith("_") else plain(label) or None


def _set_axis(ruler: Ruler, axis: Axis, set_ends: Any) -> None:
    scale = ", logarithmic" if axis.log and axis.title and ruler.axis_name == "y" else ""  # type: ignore[attr-defined]
    ruler.set_label_text(plain(axis.title) + scale)
    if axis.names:
        _name(ruler, axis.names)
    if axis.hidden:
        ruler.set_ticks([])
    if axis.log:
        ruler.axes.set(**{f"{ruler.axis_name}scale": "log"})  # type: ignore[attr-defined]
    if axis.low is not None or axis.high is not None:
        set_ends(axis.low, axis.high)
    if axis.whole:
        ruler.axes.locator_params(axis=ruler.axis_name, integer=True)  # type: ignore[attr-defined]
    if axis.downwards and not ruler.get_inverted():
        ruler.set_inverted(True)
    if not axis.names and not axis.hidden:
        _shorten(ruler)


def _name(ruler: Ruler, names: Sequence[str]) -> None:
    """Write names at 0, 1, …: all of them, or every so many."""
    step = -(-len(names) // _MOST_NAMES)
    labels = [short_name(name) for name in names][::step]
    room = _NAMES_PER_INCH * ruler.axes.bbox.width / ruler.axes.figure.dpi
    upright = ruler.axis_name == "x" and max(map(len, labels)) * len(labels) > room  # type: ignore[attr-defined]
    ruler.set_ticks(range(0, len(names), step), labels, rotation=90 if upright else 0)


def _shorten(ruler: Ruler) -> None:
    """Write large numbers as 500 k, and of factors only 0.01, 0.03, 0.1 and so on."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    low, high = sorted(ruler.get_view_interval())
    # Along less than two decades, labels of all factors between would run into one another.
    if ruler.get_scale() == "log" and 10 * low <= high <= 100 * low:
        ruler.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        ruler.set_major_formatter("{x:g}")
        ruler.set_minor_formatter(NullFormatter())
    if max(map(abs, ruler.get_view_interval())) >= _LARGE and ruler.get_scale() == "linear":
        ruler.set_major_formatter(EngFormatter())
