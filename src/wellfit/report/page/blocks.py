"""The blocks of a report: plain data that the templates render."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from wellfit.charts import Chart
from wellfit.charts.to_plotly import drawing
from wellfit.core.metrics import Metric, title_of
from wellfit.core.words import short

Tone = Literal["", "good", "warn", "bad"]


@dataclass(frozen=True)
class TableBlock:
    """A table; the first column names the rows.

    Attributes:
        head: names of the columns.
        rows: texts, a list for each row.
        title: shown above the table.
        tones: tone of each row, if any.
        figures: whether all columns except the first are numeric.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    tones: Sequence[Tone] = ()
    figures: bool = True
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Plot:
    """A chart that the page draws, with a text description and a table.

    Attributes:
        chart: the chart.
        table: the numbers of the chart.
        controls: "log" for a switch of the scale, "smooth" for a slider.
        height: in pixels.
        wide: whether it takes the full width of the page.
        least: minimal width in pixels; on narrower screens it can be scrolled.
    """

    chart: Chart
    table: TableBlock
    controls: tuple[str, ...] = ()
    height: int = 340
    wide: bool = False
    least: int = 0
    kind: ClassVar[str] = "chart"

    @property
    def title(self) -> str:
        """The title, shown above the chart."""
        return self.chart.title

    @property
    def alt_text(self) -> str:
        """The text description, for those who can't see the chart."""
        return self.chart.alt_text

    @property
    def is_log(self) -> bool:
        """Whether the y-axis is logarithmic at first."""
        return self.chart.y.log

    @property
    def drawing(self) -> dict[str, Any]:
        """The data for the page's script."""
        controls = list(self.controls)
        return tidy({**drawing(self.chart), "height": self.height, "controls": controls})


@dataclass(frozen=True)
class Gallery:
    """Small images in one picture, each with a caption.

    ``captions`` are in the order of the picture's tiles, which are arranged in ``columns``.
    """

    title: str
    source: str
    captions: Sequence[str]
    columns: int
    tile: tuple[int, int]
    scale: int = 3
    note: str = ""
    kind: ClassVar[str] = "gallery"

    @property
    def rows(self) -> int:
        """The number of rows of tiles."""
        return -(-len(self.captions) // self.columns)


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class KeyFigure:
    """A key figure: its name, value, and a line below."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class KeyFigures:
    """The key figures."""

    figures: Sequence[KeyFigure]
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class FindingBlock:
    """A finding with advice; ``mark`` is its outcome in one word."""

    mark: str
    tone: Tone
    name: str
    observed: str
    advice: str = ""


@dataclass(frozen=True)
class Findings:
    """The findings of checks."""

    title: str
    findings: Sequence[FindingBlock]
    note: str = ""
    kind: ClassVar[str] = "findings"


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``tone`` highlights it."""

    text: str
    tone: Tone = ""
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Code:
    """Code or machine output."""

    title: str
    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Drawing:
    """An SVG element drawn by wellfit; it is trusted, so texts in it must be escaped."""

    title: str
    svg: str
    kind: ClassVar[str] = "drawing"


Block = TableBlock | Plot | Gallery | Facts | KeyFigures | Findings | Prose | Code | Drawing


@dataclass(frozen=True)
class Section:
    """A tab of the page."""

    name: str
    blocks: Sequence[Block]

    @property
    def id(self) -> str:
        """The anchor for links."""
        return self.name.lower().replace(" ", "-")


@dataclass(frozen=True)
class Page:
    """A page: title, subtitle, notes on missing parts, and sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    notes: Sequence[str] = field(default=())


def tidy(value: Any) -> Any:
    """Return values that JSON supports, with six digits; NaN and infinities become None.

    >>> tidy({"y": [0.123456789, float("nan"), 3]})
    {'y': [0.123457, None, 3]}
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def number(value: Any) -> str:
    """Return a number as text, or a dash if there is none.

    >>> number(0.12345), number(None), number(12), number(float("nan"))
    ('0.123', '–', '12', '–')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else short(value)


def setting(value: Any) -> str:
    """Return a setting as text.

    >>> setting({"family": "optimizer", "name": "adam", "learning_rate": 0.001})
    'adam (learning rate 0.001)'
    """
    if isinstance(value, Mapping):
        kept = {k: v for k, v in value.items() if k not in ("family", "name")}
        inner = ", ".join(f"{k.replace('_', ' ')} {setting(v)}" for k, v in kept.items())
        name = str(value.get("name", ""))
        return f"{name} ({inner})" if name and inner else name or inner
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting, value)) or "none"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_score(score: Mapping[str, Any], key: str) -> str:
    """Return a score's figure, shares in per cent."""
    value = score.get(key)
    if not isinstance(value, float):
        return number(value)
    return Metric.of(str(score.get("name"))).format(value)


def score_title(score: Mapping[str, Any]) -> str:
    """Return what to call a score."""
    return title_of(str(score.get("name")), str(score.get("of") or ""))


def bounds_text(score: Mapping[str, Any]) -> str:
    """Return the interval of a score, as a run's result holds it, as text; empty without one.

    >>> bounds_text({"name": "accuracy", "value": 0.5, "low": 0.4, "high": 0.6})
    '40.0 % to 60.0 %'
    """
    return Metric.of(str(score.get("name"))).format_interval(score.get("low"), score.get("high"))
