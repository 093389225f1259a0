"""Charts in a terminal: lines of braille dots, bars and tables; letters where there are no more.

A terminal without Unicode gets ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wellfit.charts.model import Bars, Cells, Chart, Floats, Rule, cut
from wellfit.charts.scale import HeightScale, places

STYLES = ("bold cyan", "yellow")  # told apart by colour-blind readers as well
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille cell, by column, row
_BRAILLE = 0x2800
_NARROWEST, _WIDEST = 36, 60  # columns of a plot
_LEAST_CANVAS = 2  # columns
_BAR = 24  # columns of the longest bar
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONGEST_NAME = 16


@dataclass(frozen=True)
class Plots:
    """Charts of lines; side by side where they fit, they take any width.

    Args:
        charts: such as :func:`~wellfit.charts.learning_charts` returns.
        rows: lines of text that a plot is high.
        end: where the x-axis ends, for curves that still grow; else at their end.

    >>> from wellfit.charts.learning import learning_charts
    >>> charts = learning_charts({"loss": [2.0, 1.0, 0.5, 0.4]})
    >>> Console(width=40).print(Plots(charts, rows=3))
     Loss
     ━ training 0.4
       2┤⠉⠒⠢⠤⣀⣀
     1.2┤      ⠉⠑⠒⠤⢄⣀⣀
     0.4┤             ⠉⠉⠉⠒⠒⠒⠢⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⣀⣀⣀
        └─────────────────────────────────
         1             epoch             4
    """

    charts: Sequence[Chart]
    rows: int = 7
    end: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the plots: side by side, or one below the other where that is too narrow."""
        if not self.charts:
            return
        many = len(self.charts)
        beside = many if options.max_width >= many * _NARROWEST else 1
        width = min(options.max_width // beside - 2, _WIDEST)
        legends = [_legend(chart, options.ascii_only) for chart in self.charts]
        if all(sum(part.cell_len + 1 for part in parts) - 1 <= width for parts in legends):
            legends = [[Text(" ").join(parts)] for parts in legends]  # else a line for each
        plots = [
            self._plot(chart, legend, width, options.ascii_only)
            for chart, legend in zip(self.charts, legends, strict=True)
        ]
        grid = Table.grid(padding=(0, 2, 0, 0))
        for start in range(0, many, beside):
            grid.add_row(*plots[start : start + beside])
        yield grid

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Take all the width there is."""
        return Measurement(20, options.max_width)

    def _plot(self, chart: Chart, legend: Sequence[Text], width: int, ascii_only: bool) -> Text:
        scale = HeightScale.of(chart)
        labels = [scale.label(row, self.rows) for row in range(self.rows)]
        margin = min(max(map(len, labels)) + 1, max(width - 1 - _LEAST_CANVAS, 1))
        canvas = Canvas(max(width - margin - 1, _LEAST_CANVAS), self.rows, ascii_only)
        end = max([self.end, *(float(line.x[-1]) for line in chart.lines if len(line.x))])
        # The second line goes over the first, which often hides behind it.
        for index, line in enumerate(chart.lines):
            canvas.draw(places(line.x, end), scale.heights(line.y), index)
        bar, corner, dash = ("|", "+", "-") if ascii_only else ("┤", "└", "─")
        lines = [_title(chart), *legend]
        for label, drawn in zip(labels, canvas.lines(), strict=True):
            lines.append(Text.assemble((f"{label[:margin]:>{margin}}{bar}", "dim"), drawn))
        lines.append(Text(" " * margin + corner + dash * canvas.width, "dim"))
        last = f"{end:g}"
        below = f"{chart.x.title:^{max(canvas.width - 1 - len(last), 0)}}"
        lines.append(Text(f"{'':{margin}} 1{below}{last}", "dim"))
        return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _title(chart: Chart) -> Text:
    title = Text(" ").append(chart.title, "bold")
    if chart.y.log:
        title.append(" (log scale)", "dim")
    kept = next((mark.label for mark in chart.marks if isinstance(mark, Rule) and mark.label), "")
    return title.append(f", {kept}", "dim") if kept else title


def _legend(chart: Chart, ascii_only: bool) -> list[Text]:
    """Return each line's mark, what it is, and its value."""
    marks = "*o" if ascii_only else "━╍"
    return [
        Text(f" {marks[index % 2]} {line.label} {line.value}".rstrip(), STYLES[index % 2])
        for index, line in enumerate(chart.lines)
    ]


class Canvas:
    """Cells to draw lines on: braille of 2 x 4 dots each, or single letters.

    Every second line is dashed, so that it differs from the first without colours.
    """

    def __init__(self, width: int, height: int, ascii_only: bool) -> None:
        self.width, self.height, self._ascii = width, height, ascii_only
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self._cells = np.zeros((height, width), dtype=np.int64)
        self._owner = np.full((height, width), -1)

    def draw(self, places: Floats, heights: Floats, index: int) -> None:
        """Draw line ``index`` through points, both ways in [0, 1]; NaN are left out."""
        known = np.flatnonzero(np.isfinite(heights))
        if not len(known):
            return
        dots, rows = self.width * self._across, self.height * self._down
        place = places[known] * (dots - 1)
        columns = np.arange(round(place[0]), round(place[-1]) + 1)
        down = np.round((1 - np.interp(columns, place, heights[known])) * (rows - 1)).astype(int)
        before = down[0]
        for column, row in zip(columns.tolist(), down.tolist(), strict=True):
            if index % 2 == 0 or self._ascii or column % 4 < 2 or len(known) == 1:
                # A steep line is joined up by dots between its columns.
                low, high = sorted((row, before + (row > before) - (row < before)))
                for dot in range(low, high + 1):
                    self._mark(column, dot, index)
            before = row

    def _mark(self, column: int, row: int, index: int) -> None:
        cell = row // self._down, column // self._across
        if self._ascii:
            self._cells[cell] = ord("*o"[index % 2])
        else:
            self._cells[cell] |= _DOTS[column % 2][row % 4]
        self._owner[cell] = index

    def lines(self) -> Iterator[Text]:
        """Yield the rows as text, from the top."""
        for cells, owners in zip(self._cells.tolist(), self._owner.tolist(), strict=True):
            line = Text()
            for cell, owner in zip(cells, owners, strict=True):
                glyph = chr(cell + (0 if self._ascii else _BRAILLE)) if cell else " "
                line.append(glyph, STYLES[owner % 2] if owner >= 0 else "")
            yield line


def bars(chart: Chart) -> Table:
    """Return the bars of a chart, the longest as long as there is room for.

    >>> from wellfit.charts.numbers import bar_chart
    >>> chart = bar_chart({"l2": 75, "dropout": 25}, title="", summary="", unit="share (%)")
    >>> Console(width=60).print(bars(chart))
    l2       ━━━━━━━━━━━━━━━━━━━━━━━━  75
    dropout  ━━━━━━━━                  25
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(justify="right")
    (mark,) = [mark for mark in chart.marks if isinstance(mark, Bars)]
    most = float(np.max(mark.values, initial=0)) or 1.0
    for name, value in zip(chart.y.names, mark.values.tolist(), strict=True):
        length = max(value, 0.0)
        bar = ProgressBar(total=most, completed=length, width=_BAR, finished_style="bar.complete")
        table.add_row(str(name), bar, chart.x.format(value))
    return table


def cells(chart: Chart, width: int) -> RenderableType | None:
    """Return a chart's cells as a table, or None where they don't fit so many columns.

    Names that are wider than the texts are letters above, and letters with names on the left.

    >>> from wellfit.charts.classes import confusion_chart
    >>> chart = confusion_chart(np.array([[8, 2], [0, 10]]), ["ham", "spam"])
    >>> Console(width=60).print(cells(chart, 60))
            a  b
    a ham   8  2
    b spam  . 10
    """
    (mark,) = [mark for mark in chart.marks if isinstance(mark, Cells)]
    names = [str(name) for name in chart.x.names]
    widest = max((len(text) for row in mark.texts for text in row), default=0)
    head = min(max(map(len, names)), _LONGEST_NAME) + 4
    if not mark.texts or len(names) > len(_LETTERS):
        return None
    if head + max(widest + 1, 3) * len(names) > width:
        return None
    fitting = max(map(len, names)) <= max(widest, 2)
    keys = names if fitting else list(_LETTERS[: len(names)])
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for key in keys:
        table.add_column(key, justify="right", no_wrap=True)
    for row, (key, name) in enumerate(zip(keys, names, strict=True)):
        label = Text(name if fitting else f"{key} {cut(name, _LONGEST_NAME)}", "bold")
        texts = mark.texts[row]
        table.add_row(label, *(_cell(text, row == column) for column, text in enumerate(texts)))
    return table


def _cell(text: str, right: bool) -> Text:
    if not text:
        return Text(".", "dim")
    return Text(text, "green" if right else "bold yellow")
