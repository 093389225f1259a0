"""What a page is made of: sections of blocks, each plain data that a template writes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from wellfit.report.words import short

_ACROSS = 30  # letters that a phone's width holds side by side

Trace = dict[str, Any]
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
class Chart:
    """A chart that the page draws, and the same in words and in a table.

    Colours in traces and layout are names of the page's own (``"--c1"``), so that they follow
    light and dark. Texts from data are to be passed through :func:`literal`.

    Attributes:
        title: said above it.
        told: what is to be seen, for those who don't see it.
        traces: as Plotly takes them.
        layout: as Plotly takes it.
        table: the numbers.
        controls: "log" for a choice of scales, "smooth" for a slider.
        height: in pixels.
        wide: whether it takes the page's whole width.
        least: pixels that it needs across; where a phone has fewer, it can be scrolled.
    """

    title: str
    told: str
    traces: Sequence[Trace]
    layout: Mapping[str, Any]
    table: Table
    controls: tuple[str, ...] = ()
    height: int = 340
    wide: bool = False
    least: int = 0
    kind: ClassVar[str] = "chart"

    @property
    def drawing(self) -> dict[str, Any]:
        """What the page's script needs."""
        return {
            "data": tidy(list(self.traces)),
            "layout": tidy(dict(self.layout)),
            "height": self.height,
            "controls": list(self.controls),
        }


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


Block = Table | Chart | Gallery | Facts | Figures | Findings | Prose | Code | Drawing


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


def literal(text: Any) -> str:
    """Return text that Plotly shows as it is: it reads some HTML elsewhere.

    >>> literal("a <b> & c")
    'a &lt;b&gt; &amp; c'
    """
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int = 18) -> str:
    """Return text short enough for an axis or a legend."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def named_axis(names: Sequence[str], title: str) -> dict[str, Any]:
    """Return an axis with names at 0, 1, …: those that were cut may be the same."""
    told = [cut(name) for name in names]
    return {
        "title": {"text": literal(title)},
        "tickvals": list(range(len(names))),
        "ticktext": [literal(name) for name in told],
        # A slant that is chosen by the room there is would change that room.
        "tickangle": -35 if sum(map(len, told)) > _ACROSS else 0,
        "showgrid": False,
        "zeroline": False,
    }


def upright(names: Sequence[str], title: str = "") -> dict[str, Any]:
    """Return a vertical axis with names at 0, 1, …, from the top."""
    return {**named_axis(names, title), "tickangle": 0, "autorange": "reversed"}


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


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def sampled(length: int, most: int) -> list[int]:
    """Return places, evenly spread, of at most ``most`` of ``length``; both ends among them.

    >>> sampled(5, 10), sampled(100, 3)
    ([0, 1, 2, 3, 4], [0, 50, 99])
    """
    if length <= most:
        return list(range(length))
    return sorted({round(i * (length - 1) / (most - 1)) for i in range(most)})
