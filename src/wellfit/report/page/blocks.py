"""The blocks of a report: plain data that the templates render."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from wellfit.charts import Chart
from wellfit.charts.to_plotly import drawing
from wellfit.core.words import short

Tone = Literal["", "good", "warn", "bad"]


@dataclass(frozen=True)
class Table:
    """Rows below a head; the first column names them.

    Attributes:
        head: what the columns are.
        rows: texts, a list for each row.
        title: said above it.
        tones: how each row is to be read, where that matters.
        figures: whether all but the first column are numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    tones: Sequence[Tone] = ()
    figures: bool = True
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Plot:
    """A chart that the page draws, and the same in words and in a table.

    Attributes:
        chart: what is drawn.
        table: the numbers.
        controls: "log" for a choice of scales, "smooth" for a slider.
        height: in pixels.
        wide: whether it takes the page's whole width.
        least: pixels that it needs across; where a phone has fewer, it can be scrolled.
    """

    chart: Chart
    table: Table
    controls: tuple[str, ...] = ()
    height: int = 340
    wide: bool = False
    least: int = 0
    kind: ClassVar[str] = "chart"

    @property
    def title(self) -> str:
        """Said above it."""
        return self.chart.title

    @property
    def told(self) -> str:
        """What is to be seen, for those who don't see it."""
        return self.chart.told

    @property
    def is_log(self) -> bool:
        """Whether the y-axis is logarithmic until a reader chooses otherwise."""
        return self.chart.y.log

    @property
    def drawing(self) -> dict[str, Any]:
        """What the page's script needs."""
        controls = list(self.controls)
        return tidy({**drawing(self.chart), "height": self.height, "controls": controls})


@dataclass(frozen=True)
class Gallery:
    """Many small images cut out of one picture, each with its caption.

    ``images`` are captions in the order of the picture's tiles, which stand in ``columns``.
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
        """How many rows of tiles the picture has."""
        return -(-len(self.captions) // self.columns)


@dataclass(frozen=True)
class Facts:
    """Names, and what they stand for."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Figure:
    """A number that matters: its name, value, and a line below."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Figures:
    """The numbers that matter most."""

    figures: Sequence[Figure]
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it; ``mark`` is its outcome in a word."""

    mark: str
    tone: Tone
    name: str
    observed: str
    advice: str = ""


@dataclass(frozen=True)
class Findings:
    """What checks found."""

    title: str
    findings: Sequence[Finding]
    note: str = ""
    kind: ClassVar[str] = "findings"


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``tone`` sets it apart."""

    text: str
    tone: Tone = ""
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Code:
    """What to type, or what a machine wrote."""

    title: str
    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Drawing:
    """An SVG element that wellfit drew: trusted, so never made of texts as they are."""

    title: str
    svg: str
    kind: ClassVar[str] = "drawing"


Block = Table | Plot | Gallery | Facts | Figures | Findings | Prose | Code | Drawing


@dataclass(frozen=True)
class Section:
    """A tab of the page."""

    name: str
    blocks: Sequence[Block]

    @property
    def id(self) -> str:
        """What links say."""
        return self.name.lower().replace(" ", "-")


@dataclass(frozen=True)
class Page:
    """A page: its title, a line below it, notes on what is missing, and its sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    notes: Sequence[str] = field(default=())


def tidy(value: Any) -> Any:
    """Return what JSON can hold, numbers with six digits; what is no number becomes None.

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
    """Return a number as people read it; a dash where there is none.

    >>> number(0.12345), number(None), number(12), number(float("nan"))
    ('0.123', '–', '12', '–')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else short(value)


def setting(value: Any) -> str:
    """Return a setting as people read it.

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


def pluralize(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> pluralize(1, "row"), pluralize(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
