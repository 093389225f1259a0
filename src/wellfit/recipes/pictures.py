"""A recipe's figure: learning curves, and results beside the reference values."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from wellfit.charts import Line, curve, metric_chart
from wellfit.charts.to_matplotlib import PALETTE, QUIET, draw, hue, plain, png
from wellfit.core.metrics import Metric, split_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wellfit.recipes.runner import Measured, Reproduction

RESULT, MISSED = PALETTE[0], PALETTE[1]

_WIDTH, _CURVES, _STRIP = 7.6, 2.9, 0.52  # inches
_SHORTEST = 1.6  # a picture of a strip or two still has room for its words
_FEW = 3  # figures that the legend tells one by one
_LINE = 30  # characters in a line of the legend
_WIDE = 100  # characters in the line above a strip
_SAME = 1e-3  # how near a figure comes to the end of a curve that it was read from

History = Mapping[str, Sequence[float]]


def small_png(drawing: Figure, colours: int = 64) -> bytes:
    """Return a picture as the bytes of a small PNG file, of so many colours.

    >>> from matplotlib.figure import Figure
    >>> small_png(Figure())[1:4]
    b'PNG'
    """
    small = io.BytesIO()
    full = Image.open(io.BytesIO(png(drawing, dpi=110)))
    full.convert("RGB").quantize(colours).save(small, format="png", optimize=True)
    return small.getvalue()


def picture(done: Reproduction, score: str | None = None) -> Figure:
    """Draw the learning curves of a recipe, and each result with its reference value.

    A lone figure is a dashed line among the curves; several, and those of another kind than the
    curves, get a strip each below them.

    Args:
        done: the results.
        score: which list of the histories to draw; the one that fits the figures when not given.
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    key = score or _score(done)
    lines = _curves(done, key)
    strips = _strips(done, key, bool(lines))
    heights = [_CURVES] * bool(lines) + [_STRIP] * len(strips)
    size = (_WIDTH, max(sum(heights) + 0.5, _SHORTEST))
    drawing = NewFigure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12))
    drawing.suptitle(_title(done), x=0.01, ha="left", fontsize=11, fontweight="bold", wrap=True)
    grid = drawing.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=(3, 1.3))
    if lines:
        panel = drawing.add_subplot(grid[0, 0])
        _draw_curves(panel, lines, key)
        levels = _levels(done, key)
        _draw_levels(panel, levels, lines, alone=not strips and len(levels) <= _FEW)
        _explain(panel, drawing.add_subplot(grid[0, 1]))
    places = [drawing.add_subplot(grid[row, :]) for row in range(bool(lines), len(heights))]
    _draw_strips(places, strips)
    return drawing


def _title(done: Reproduction) -> str:
    seeds = len(done.seeds)
    way = "as published" if done.way == "published" else "the better way"
    return f"{done.recipe.name} ({way}, {seeds} seed{'s' * (seeds > 1)})"


# --- which curves -----------------------------------------------------------------------------


def _score(done: Reproduction) -> str:
    """Return which list of the histories the figures are about."""
    names = [measured.figure.what for measured in done.figures]
    first = next((name for name in names if re.search(r"\b(accuracy|loss)\b", name)), "accuracy")
    kinds = ["val_accuracy", "accuracy", "val_loss", "loss"]
    if re.search(r"\bloss\b", first):
        kinds = ["val_loss", "loss"] if "validation" in first else ["loss", "val_loss"]
    there = set().union(*done.curves.values())
    return next((kind for kind in kinds if kind in there), "loss")


def _unit(key: str) -> str:
    """Return the label of the axis, with the rows that the metric is of."""
    return f"{split_rows(key)[1]} {Metric.of(key).label}"


def _curves(done: Reproduction, key: str) -> list[Line]:
    """Return the lines: a colour for each training, repeated ones together.

    A training that is alone is shown on training and on validation rows.
    """
    names = {name: _without_number(name, done.recipe.name) for name in done.curves}
    kinds = list(dict.fromkeys(names.values()))
    if len(kinds) == 1 and (lines := _both(done, key)):
        return lines
    shown = kinds[: len(PALETTE)]  # more would not be told apart
    told, lines = set(), []
    for name, history in done.curves.items():
        kind = names[name]
        if kind in shown and history.get(key):
            label = "" if kind in told else kind
            repeated = sum(other == kind for other in names.values()) > 1
            line = curve(key, history[key], label, color=shown.index(kind))
            lines.append(replace(line, dash="solid", opacity=0.6 if repeated else 1.0))
            told.add(kind)
    return lines


def _both(done: Reproduction, key: str) -> list[Line]:
    """Return one training's lines, on validation rows and, where there are both, training's."""
    kind, lines = split_rows(key)[0], []
    for number, history in enumerate(done.curves.values()):
        for one in (f"val_{kind}", kind):
            if history.get(one):
                line = curve(
                    one,
                    history[one],
                    "" if number else f"{split_rows(one)[1]} {Metric.of(one).title}",
                )
                lines.append(replace(line, opacity=1.0 if len(done.curves) == 1 else 0.6))
    return lines


def _without_number(name: str, recipe: str) -> str:
    """Return a training's name without the number by which it is told from its repetitions.

    >>> _without_number("dropout, 2", "tips"), _without_number("adult 3", "adult")
    ('dropout', 'adult')
    >>> _without_number("batches of 10", "tips-batch-size")
    'batches of 10'
    """
    return re.sub(rf"(, |(?<=^{re.escape(recipe)}) )\d+$", "", name)


def _draw_curves(panel: Axes, lines: Sequence[Line], key: str) -> None:
    rows = split_rows(key)[1]
    named = any(line.label.startswith(rows) for line in lines)
    chart = metric_chart(key, lines, unit=Metric.of(key).label if named else _unit(key))
    draw(replace(chart, summary=""), panel, legend=False)
    panel.tick_params(labelsize=8)
    if Metric.of(key).is_share:
        _leave_out_the_climb(panel, lines)


def _leave_out_the_climb(panel: Axes, lines: Sequence[Line]) -> None:
    """Leave the first epochs' climb below an axis of accuracies."""
    high = max(line.finite.max(initial=0) for line in lines)
    # Epochs that weren't evaluated are NaN; the last one always is.
    low = min(np.nanmin(line.y[len(line.y) // 4 :]) for line in lines)
    margin = 0.08 * max(high - low, 0.5)
    panel.set_ylim(low - margin, min(high + margin, 100.5))


# --- figures as levels among the curves -------------------------------------------------------


def _levels(done: Reproduction, key: str) -> list[Measured]:
    """Return the figures that belong on the curves' axis."""
    if Metric.of(key).is_share:
        shares = [
            one
            for one in _wanted(done)
            if np.isfinite(one.result) and one.figure.metric.is_share and not one.figure.difference
        ]
        # The value of an epoch is no level at the curves' end.
        return [
            one for one in shares if not re.search(r", (first epoch|epoch \d+)", one.figure.what)
        ]
    ends = [history[key][-1] for history in done.curves.values() if key in history]
    return [one for one in _wanted(done) if np.isclose(one.result, ends, rtol=_SAME, atol=0).any()]


def _wanted(done: Reproduction) -> list[Measured]:
    """Return the figures that the recipe is about; all of them where it names none."""
    named = {figure.what for figure in done.recipe.figures}
    return [one for one in done.figures if not named or one.figure.what in named]


def _draw_levels(
    panel: Axes, levels: Sequence[Measured], lines: Sequence[Line], alone: bool
) -> None:
    """Draw reference values as dashed lines, and results as diamonds at the end of the curves."""
    # Not their number: where every fifth epoch is evaluated, a curve has fewer points.
    last = max(line.x[-1] for line in lines)
    colours = {line.label: hue(line.color) for line in lines if line.label}
    for number, one in enumerate(levels):
        first = alone or number == 0
        scale = one.figure.metric.scale
        colour = _colour(one.figure.what, colours)
        reference = one.figure.value
        if reference is not None:
            panel.axhline(
                scale * reference,
                color=colour,
                linestyle="--",
                linewidth=1.2,
                label=_wrapped(one.figure.reference if alone else one.figure.origin)
                if first
                else "",
            )
            _make_room(panel, scale * reference)
        told = f"result, {one.figure.what}: {one.figure.format(one.result)}" if alone else "result"
        panel.plot(
            last,
            scale * one.result,
            "D",
            color=colour,
            markersize=6,
            clip_on=False,
            zorder=5,
            label=_wrapped(told) if first else "",
        )
        _make_room(panel, scale * one.result)


def _colour(what: str, colours: Mapping[str, str]) -> str:
    """Return the colour of the curve that a figure is named after."""
    named = [label for label in colours if what.endswith(f", {label}") or what == label]
    return colours[max(named, key=len)] if named and len(colours) > 1 else QUIET


def _make_room(panel: Axes, level: float) -> None:
    low, high = panel.get_ylim()
    if panel.get_yscale() == "log":
        panel.set_ylim(min(low, level / 1.5), max(high, level * 1.5))
    else:
        margin = 0.05 * (high - low)
        panel.set_ylim(min(low, level - margin), max(high, level + margin))


def _explain(panel: Axes, beside: Axes) -> None:
    """Put the legend beside the curves, where it hides nothing."""
    beside.set_axis_off()
    handles, labels = panel.get_legend_handles_labels()
    beside.legend(
        handles,
        labels,
        loc="upper left",
        frameon=False,
        fontsize=8.5,
        labelspacing=0.7,
        bbox_to_anchor=(-0.08, 1.03),
        borderaxespad=0,
    )


def _wrapped(text: str) -> str:
    return plain("\n".join(textwrap.wrap(text, _LINE)))


# --- figures as strips ------------------------------------------------------------------------


def _strips(done: Reproduction, key: str, curves: bool) -> list[Measured]:
    """Return the figures that need a strip: all, but where one is told among the curves."""
    wanted = [one for one in _wanted(done) if np.isfinite(one.result)]
    if not curves:
        return wanted
    named = bool(done.recipe.figures)
    return [] if not named or (len(wanted) == 1 and _levels(done, key)) else wanted


def _draw_strips(places: Sequence[Axes], strips: Sequence[Measured]) -> None:
    """Draw figures, accuracies on one scale, others each on its own."""
    together = all(one.figure.metric.is_share and not one.figure.difference for one in strips)
    ranges = [_range(one) for one in strips]
    for number, (axes, one) in enumerate(zip(places, strips, strict=True)):
        _draw_strip(axes, one)
        lows, highs = zip(*(ranges if together else ranges[number : number + 1]), strict=True)
        _draw_scale(axes, min(lows), max(highs))
        if together and number < len(strips) - 1:
            axes.tick_params(labelbottom=False)


def _range(one: Measured) -> tuple[float, float]:
    """Return the ends of a strip: what is drawn, and a little around it."""
    scale = one.figure.metric.scale
    spread = one.spread if len(one.values) > 1 else 0.0
    shown = [one.result - spread, one.result + spread]
    shown += [] if one.figure.value is None else [one.figure.value]
    low, high = scale * min(shown), scale * max(shown)
    margin = max(0.12 * (high - low), 0.01 * max(abs(low), abs(high))) or 1.0
    return low - margin, high + margin


def _draw_scale(axes: Axes, low: float, high: float) -> None:
    axes.set_xlim(low, high)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=6)
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.tick_params(axis="x", labelsize=7.5, length=2, colors=QUIET)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")


def _draw_strip(axes: Axes, one: Measured) -> None:
    """Draw a reference value as a ring, and the result as a dot."""
    figure, scale = one.figure, one.figure.metric.scale
    told = f"result {figure.format(one.result)}"
    if figure.value is not None:
        told = f"{figure.reference}, {told}"
        axes.plot(
            scale * figure.value,
            0,
            "o",
            markersize=9,
            markeredgewidth=1.6,
            markerfacecolor="none",
            markeredgecolor=QUIET,
        )
    colour = RESULT if one.reached else MISSED
    spread = scale * one.spread if len(one.values) > 1 else None
    axes.errorbar(scale * one.result, 0, xerr=spread, fmt="o", color=colour, markersize=5)
    # Where both don't fit in a line, the name stands above.
    above = "\n" * (len(figure.what) + len(told) > _WIDE)
    axes.set_title(plain(figure.what) + above, loc="left", fontsize=8.5, pad=3, wrap=True)
    axes.set_title(told, loc="right", fontsize=8.5, pad=3, color=colour, wrap=True)
