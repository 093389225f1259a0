"""A chart as data: marks on two axes, a title, and in words what is to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellfit.core.metrics import Metric
from wellfit.core.words import short

# A place in the renderer's palette, or one of the two colours of text.
Color: TypeAlias = int | Literal["quiet", "text"]
Dash: TypeAlias = Literal["solid", "dash", "dot", "dashdot"]
Floats: TypeAlias = NDArray[np.float64]
# How far values reach down and up from where they are drawn, each (N,).
Errors: TypeAlias = tuple[Floats, Floats]

MANY = 15  # values of a line, up to which each has a point of its own


def floats(values: Any) -> Floats:
    """Return numbers as an array; what is none is NaN.

    >>> floats([1, None])
    array([ 1., nan])
    """
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points; it has gaps where a value isn't finite.

    Attributes:
        x, y: (N,) where the points are.
        label: what the legend calls it; nothing is left out of the legend.
        color, dash, width, opacity: how it looks.
        points: whether each point has a mark.
        errors: bars around the points.
        reference: whether it is no data, but what data are compared with.
        step: whether values hold between points, as in a histogram.
        smooth: whether a reader may want to see it smoothed.
        value: what the line has come to, as it is printed.
        hover: what it says where a pointer rests on it.
    """

    x: Floats
    y: Floats
    label: str = ""
    color: Color = 0
    dash: Dash = "solid"
    width: float = 2.0
    opacity: float = 1.0
    points: bool = False
    errors: Errors | None = None
    reference: bool = False
    step: bool = False
    smooth: bool = False
    value: str = ""
    hover: str = ""

    @property
    def finite(self) -> Floats:
        """The values that are numbers."""
        return self.y[np.isfinite(self.y)]


@dataclass(frozen=True, eq=False)
class Points:
    """Points that no line joins; ``hover`` is what each says where a pointer rests on it."""

    x: Floats
    y: Floats
    label: str = ""
    color: Color = 0
    symbol: Literal["dot", "cross", "down"] = "dot"
    size: float = 5.0
    opacity: float = 1.0
    errors: Errors | None = None
    sideways: bool = False  # whether the errors lie along x
    hover: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars at places; ``across`` where they lie, the first on top.

    ``width`` is in the places' unit.
    """

    places: Floats
    values: Floats
    color: Color = 0
    errors: Floats | None = None
    across: bool = False
    width: float = 0.7
    hover: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Cells:
    """A table of coloured cells, the first row on top.

    Attributes:
        shades: (rows, columns) from -1, as wrong as anything, over 0 to 1, all right.
        texts: what stands in the cells; nothing where they are too many.
        hover: what each says where a pointer rests on it.
    """

    shades: Floats
    texts: Sequence[Sequence[str]] = ()
    hover: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Rule:
    """A straight line at a place of an axis, such as the epoch whose weights were kept."""

    at: float
    axis: Literal["x", "y"] = "x"
    label: str = ""
    color: Color = "quiet"
    dash: Dash = "dot"


@dataclass(frozen=True)
class Note:
    """A text beside a place."""

    x: float
    y: float
    text: str


Mark: TypeAlias = Line | Points | Bars | Cells | Rule | Note


@dataclass(frozen=True)
class Axis:
    """An axis: its title with the unit, and its scale.

    Attributes:
        title: what it shows.
        names: what stands at 0, 1, … where it has no numbers.
        log: whether it is logarithmic.
        low, high: its ends; by default where the marks end.
        whole: whether only whole numbers mean anything, as of epochs.
        downwards: whether it begins at the top.
        metric: whose values it shows, in the unit of the metric's label.
        hidden: whether its scale means nothing.
    """

    title: str = ""
    names: Sequence[str] = ()
    log: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False
    downwards: bool = False
    metric: Metric | None = None
    hidden: bool = False

    def format(self, value: float) -> str:
        """Return a place on the axis as it is printed."""
        if self.metric is None:
            return short(value)
        return self.metric.format(value / self.metric.scale)


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart, whatever draws it.

    Attributes:
        title: the figure's standard name.
        summary: what is to be seen, short enough for a line above the chart.
        marks: what is drawn, what lies behind first.
        x, y: the axes.
        details: sentences for where there is room for them.
    """

    title: str
    summary: str
    marks: Sequence[Mark]
    x: Axis
    y: Axis
    details: str = ""

    @property
    def lines(self) -> list[Line]:
        """The lines of data."""
        return [one for one in self.marks if isinstance(one, Line) and not one.reference]

    @property
    def alt_text(self) -> str:
        """The chart in words, for those who don't see it."""
        return f"{self.summary}. {self.details}".strip()


def cut(text: str, most: int = 18) -> str:
    """Return text short enough for an axis or a legend.

    >>> cut("a" * 20)
    'aaaaaaaaaaaaaaaaa…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def sampled(length: int, most: int) -> list[int]:
    """Return places, evenly spread, of at most ``most`` of ``length``; both ends among them.

    >>> sampled(5, 10), sampled(100, 3)
    ([0, 1, 2, 3, 4], [0, 50, 99])
    """
    if length <= most:
        return list(range(length))
    return sorted({round(i * (length - 1) / (most - 1)) for i in range(most)})
