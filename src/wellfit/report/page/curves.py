"""Learning curves: of one training, or of several runs over each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from wellfit.report.page.material import Lines, Material
from wellfit.report.page.parts import Chart, Table, Trace, counted, cut, literal, number, sampled

COLOURS = tuple(f"--c{place}" for place in range(1, 9))
_MOST_ROWS = 60
_FEW = 15  # epochs, up to which each has a mark and nothing needs smoothing
_PREFIXES = {"val_": "validation", "test_": "test"}
_NOT_CURVES = ("epoch", "seconds", "learning_rate")
_LINE = {"hovermode": "x unified", "xaxis": {"title": {"text": "epoch"}}}


@dataclass(frozen=True)
class Series:
    """A line of a chart; ``y`` holds None where there is no number."""

    label: str
    x: Sequence[int]
    y: Sequence[float | None]
    colour: str
    dash: str = "solid"

    @property
    def numbers(self) -> list[float]:
        """The numbers that there are."""
        return [value for value in self.y if value is not None]


def metric_names(lines: Lines) -> list[str]:
    """Return the metrics that have curves, without their ``val_``: the loss first.

    >>> metric_names([{"epoch": 1, "val_loss": 2.0, "accuracy": 0.5, "loss": 1.0}])
    ['loss', 'accuracy']
    """
    keys = dict.fromkeys(key for line in lines for key in line if key not in _NOT_CURVES)
    bare = dict.fromkeys(_bare(key) for key in keys)
    return sorted(bare, key=lambda name: name != "loss")


def curve_charts(run: Material) -> Iterator[Chart]:
    """Yield a chart for each metric, and one of the learning rate."""
    kept = run.ended.get("best_epoch")
    last = run.metrics[-1]["epoch"] if run.metrics else 0
    for name in metric_names(run.metrics):
        lines = list(series(run.metrics, name))
        yield curve_chart(name, lines, kept if kept != last else None)
    rates = _series(run.metrics, "learning_rate", "learning rate", COLOURS[2])
    if rates.numbers:
        yield curve_chart("learning rate", [rates], None)


def series(metrics: Lines, name: str) -> Iterator[Series]:
    """Yield a metric's curves: on training rows, and on those that it was judged by."""
    known = {key for line in metrics for key in line}
    if name in known:
        yield _series(metrics, name, "training", COLOURS[0])
    for prefix, label in _PREFIXES.items():
        if prefix + name in known:
            yield _series(metrics, prefix + name, label, COLOURS[1], "dash")


def judged(metrics: Lines, name: str, label: str, colour: str) -> Series | None:
    """Return a metric's curve on held-out rows, else on training rows, of one of several runs."""
    known = {key for line in metrics for key in line}
    for key in (f"val_{name}", f"test_{name}", name):
        if key in known:
            return _series(metrics, key, label, colour)
    return None


def curve_chart(name: str, lines: Sequence[Series], kept: int | None, unit: str = "") -> Chart:
    """Return a chart of curves by epoch, with a mark at the epoch whose weights were kept."""
    words = name.replace("_", " ")
    layout: dict[str, Any] = {**_LINE, "yaxis": {"title": {"text": literal(unit or words)}}}
    if kept:
        layout |= _mark(kept)
    noisy = any(len(line.numbers) > _FEW for line in lines) and name != "learning rate"
    return Chart(
        title=words[:1].upper() + words[1:],
        told=_told(words, lines, kept),
        traces=[_trace(line) for line in lines],
        layout=layout,
        table=curve_table(words, lines),
        controls=("log", "smooth") if noisy else ("log",),
    )


def curve_table(words: str, lines: Sequence[Series]) -> Table:
    """Return the curves' numbers: of all epochs, or of some that are evenly spread."""
    epochs = sorted({epoch for line in lines for epoch in line.x})
    values = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    chosen = [epochs[place] for place in sampled(len(epochs), _MOST_ROWS)]
    rows = [[str(e), *(number(of.get(e)) for of in values)] for e in chosen]
    return Table(["epoch", *(line.label for line in lines)], rows, title=f"{words} by epoch")


def _series(metrics: Lines, key: str, label: str, colour: str, dash: str = "solid") -> Series:
    # A metric that was not judged in every epoch has gaps, over which the line goes on.
    points = [(line["epoch"], line[key]) for line in metrics if key in line]
    return Series(label, [x for x, _ in points], [_real(y) for _, y in points], colour, dash)


def _real(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and isfinite(value)
    return float(value) if is_number else None


def _trace(line: Series) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(line.numbers) <= _FEW else "lines",
        "name": literal(cut(line.label, 30)),
        "x": list(line.x),
        "y": list(line.y),
        "line": {"color": line.colour, "dash": line.dash, "width": 2},
        "marker": {"size": 5},
        "meta": "smooth",
    }


def _mark(epoch: int) -> dict[str, Any]:
    line = {"color": "--quiet", "dash": "dot", "width": 1.5}
    shape = {"type": "line", "x0": epoch, "x1": epoch, "yref": "paper", "y0": 0, "y1": 1}
    told = {"x": epoch, "yref": "paper", "y": 0.5, "showarrow": False, "bgcolor": "--card"}
    told |= {"text": f"kept: epoch {epoch}", "font": {"color": "--quiet", "size": 12}}
    return {"shapes": [shape | {"line": line}], "annotations": [told]}


def _told(words: str, lines: Iterable[Series], kept: int | None) -> str:
    told = []
    for line in lines:
        if len(line.numbers) > 1:
            first, last = number(line.numbers[0]), number(line.numbers[-1])
            low, high = number(min(line.numbers)), number(max(line.numbers))
            told.append(f"{line.label} from {first} to {last}, between {low} and {high}")
        elif line.numbers:
            told.append(f"{line.label} {number(line.numbers[0])}")
        gaps = len(line.y) - len(line.numbers)
        if gaps:
            told.append(f"{line.label} is no number in {counted(gaps, 'epoch')}")
    mark = f" The weights of epoch {kept} were kept." if kept else ""
    return f"{words} by epoch: {'; '.join(told) or 'no numbers'}.{mark}"


def _bare(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key
