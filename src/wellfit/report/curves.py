"""Learning curves in a terminal: lines of braille dots, or of letters where there are none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from wellfit.core.metrics import Metric

History = Mapping[str, Sequence[float]]

STYLES = ("bold cyan", "yellow")  # training, judged: told apart by colour-blind readers as well
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille cell, by column, row
_BRAILLE = 0x2800
_LABEL = 7  # columns of an axis' label
_NARROWEST, _WIDEST = 36, 60  # columns of a plot
_LOG_FROM = 10  # a loss that falls by more than this factor is drawn on a logarithmic scale


@dataclass(frozen=True)
class Curves:
    """The loss, and the accuracy where there is one, by epoch; fits any width.

    Args:
        history: lists by name (``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``).
        judged: what to call the rows that ``val_loss`` is of.
        rows: lines of text that a plot is high.
        epochs: where the plots end, for curves that still grow; else at the last epoch.
        shown: the epoch, from 1, whose values stand above the plots; else the last.

    >>> Console(width=40).print(Curves({"loss": [2.0, 1.0, 0.5, 0.4]}, rows=3))
     loss
     ━ training 0.4
          2┤⠉⠒⠢⠤⣀⡀
        1.2┤     ⠈⠑⠒⠤⢄⣀⣀
        0.4┤            ⠉⠉⠑⠒⠒⠢⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀
           └──────────────────────────────
            1           epoch            4
    """

    history: History
    judged: str = "validation"
    rows: int = 7
    epochs: int = 0
    shown: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the plots: side by side, or one below the other where that is too narrow."""
        names = [name for name in ("loss", "accuracy") if self.history.get(name)]
        if not names:
            return
        beside = len(names) if options.max_width >= len(names) * _NARROWEST else 1
        width = min(max(options.max_width // beside - 2, _LABEL + 2), _WIDEST)
        grid = Table.grid(padding=(0, 2, 0, 0))
        legends = [self._legend(name, options.ascii_only) for name in names]
        if all(sum(part.cell_len + 1 for part in parts) - 1 <= width for parts in legends):
            legends = [[Text(" ").join(parts)] for parts in legends]  # else a line for each
        plots = [
            self._plot(name, legend, width, options.ascii_only)
            for name, legend in zip(names, legends, strict=True)
        ]
        for start in range(0, len(names), beside):
            grid.add_row(*plots[start : start + beside])
        yield grid

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Take all the width there is."""
        return Measurement(20, options.max_width)

    def _series(self, name: str) -> list[NDArray[np.float64]]:
        return [
            np.asarray(self.history[key], dtype=np.float64)
            for key in (name, f"val_{name}")
            if len(self.history.get(key, ()))
        ]

    def _plot(self, name: str, legend: Sequence[Text], width: int, ascii_only: bool) -> Text:
        series = self._series(name)
        epochs = max(self.epochs, len(series[0]))
        axis = Axis.of(name, series)
        canvas = Canvas(width - _LABEL - 1, self.rows, ascii_only)
        # The judged rows' line goes over the training rows', which often hides behind it.
        for index, values in enumerate(series):
            ahead = np.full(epochs - len(values), np.nan)
            canvas.draw(np.concatenate([axis.heights(values), ahead]), index)
        title = axis.title(ascii_only)
        if 0 < self.shown < len(series[0]):
            title.append(f", values of epoch {self.shown}", "dim")
        lines = [title, *legend]
        bar, corner, dash = ("|", "+", "-") if ascii_only else ("┤", "└", "─")
        for row, line in enumerate(canvas.lines()):
            lines.append(
                Text.assemble((f"{axis.label(row, self.rows):>{_LABEL}}{bar}", "dim"), line)
            )
        lines.append(Text(" " * _LABEL + corner + dash * canvas.width, "dim"))
        last = f"{epochs}"
        lines.append(
            Text(f"{'':{_LABEL}} 1{'epoch':^{canvas.width - 1 - len(last)}}{last}", "dim")
        )
        return Text("\n", no_wrap=True, overflow="crop").join(lines)

    def _legend(self, name: str, ascii_only: bool) -> list[Text]:
        """Return what each line is, and its value."""
        marks, series = "*o" if ascii_only else "━╍", self._series(name)
        axis = Axis.of(name, series)
        legend = []
        for index, (what, values) in enumerate(
            zip(("training", self.judged), series, strict=False)
        ):
            value = float(values[(self.shown or len(values)) - 1])
            legend.append(Text(f" {marks[index]} {what} {axis.told(value)}", STYLES[index]))
        return legend


@dataclass(frozen=True)
class Axis:
    """How values become heights, and how they are told: from ``low`` to ``high``."""

    name: str
    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, name: str, series: Sequence[NDArray[np.float64]]) -> Axis:
        """Return an axis on which all finite values have a place."""
        finite = np.concatenate([values[np.isfinite(values)] for values in series])
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        log = (
            Metric.of(name).style == "number"
            and low > 0
            and math.log(high) - math.log(low) > math.log(_LOG_FROM)
        )
        if low == high:
            low, high = low - abs(low) / 2 - 1e-9, high + abs(high) / 2 + 1e-9
        return cls(name, low, high, log)

    def heights(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values as heights from 0, the bottom, to 1; NaN where not finite."""
        values = np.where(np.isfinite(values), values, np.nan)
        low, high = (
            (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        )
        return ((np.log(values) if self.log else values) - low) / (high - low)

    def label(self, row: int, rows: int) -> str:
        """Return what stands beside a row, counted from the top: three rows have a label."""
        if row not in (0, (rows - 1) // 2, rows - 1):
            return ""
        height = 1 - row / (rows - 1)
        if self.log:
            return self.told(self.low ** (1 - height) * self.high**height)
        return self.told(self.low + (self.high - self.low) * height)

    def told(self, value: float) -> str:
        """Return a value as text: shares in per cent."""
        return Metric.of(self.name).format(value)

    def title(self, ascii_only: bool) -> Text:
        """Return the plot's title."""
        title = Text(" ").append(self.name, "bold")
        return title.append(" (log scale)", "dim") if self.log else title


class Canvas:
    """Cells to draw lines on: braille of 2 x 4 dots each, or single letters.

    The second line is dashed, so that it is told from the first without colours.
    """

    def __init__(self, width: int, height: int, ascii_only: bool) -> None:
        self.width, self.height, self._ascii = width, height, ascii_only
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self._cells = np.zeros((height, width), dtype=np.int64)
        self._owner = np.full((height, width), -1)

    def draw(self, heights: NDArray[np.float64], index: int) -> None:
        """Draw line ``index`` through heights in [0, 1], spread over the width, NaN left out."""
        known = np.flatnonzero(np.isfinite(heights))
        if not len(known):
            return
        dots, rows = self.width * self._across, self.height * self._down
        place = known / max(len(heights) - 1, 1) * (dots - 1)
        columns = np.arange(round(place[0]), round(place[-1]) + 1)
        down = np.round((1 - np.interp(columns, place, heights[known])) * (rows - 1)).astype(int)
        before = down[0]
        for column, row in zip(columns.tolist(), down.tolist(), strict=True):
            if index == 0 or self._ascii or column % 4 < 2 or len(known) == 1:
                # A steep line is joined up by dots between its columns.
                low, high = sorted((row, before + (row > before) - (row < before)))
                for dot in range(low, high + 1):
                    self._mark(column, dot, index)
            before = row

    def _mark(self, column: int, row: int, index: int) -> None:
        cell = row // self._down, column // self._across
        if self._ascii:
            self._cells[cell] = ord("*o"[index])
        else:
            self._cells[cell] |= _DOTS[column % 2][row % 4]
        self._owner[cell] = index

    def lines(self) -> Iterator[Text]:
        """Yield the rows as text, from the top."""
        for cells, owners in zip(self._cells.tolist(), self._owner.tolist(), strict=True):
            line = Text()
            for cell, owner in zip(cells, owners, strict=True):
                glyph = chr(cell + (0 if self._ascii else _BRAILLE)) if cell else " "
                line.append(glyph, STYLES[owner] if owner >= 0 else "")
            yield line
