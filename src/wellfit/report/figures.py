"""Pictures of a training and of its result; none of them is on a screen."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.metrics import Metric
from wellfit.report.words import percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Blue and orange of Okabe and Ito (2008), told apart with any kind of colour vision.
TRAINING, JUDGED, QUIET = "#0072B2", "#D55E00", "#666666"

_LOG_FROM = 10
_MOST_COUNTS = 30  # classes beyond which a confusion matrix has no numbers in its cells
_MOST_POINTS = 5000  # rows beyond which a scatter plot is a density
_MOST_OUTPUTS = 4
_LONGEST_NAME = 18
_LARGE = 10_000
_LETTERS_PER_INCH = 8.2  # of a figure's title


def png(figure: Figure, dpi: int = 150) -> bytes:
    """Return a figure as the bytes of a PNG file.

    >>> png(learning_curve({"loss": [2.0, 1.0]}))[1:4]
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


def learning_curve(
    history: Mapping[str, Sequence[float]],
    *,
    best_epoch: int | None = None,
    judged: str = "validation",
    title: str = "",
) -> Figure:
    """Draw the loss, and the accuracy where there is one, by epoch.

    Args:
        history: lists by name: ``loss``, and ``accuracy``, ``val_loss``, ``val_accuracy`` where
            there are any.
        best_epoch: the epoch, from 1, whose weights were kept; marked where it isn't the last.
            The titles give its values.
        judged: what to call the rows that ``val_loss`` is of.
        title: a line above the plots.

    >>> figure = learning_curve({"loss": [2.0, 1.0], "val_loss": [2.1, 1.4]}, best_epoch=2)
    >>> figure.axes[0].get_title()
    'Loss: 1 in training, 1.4 in validation'
    >>> learning_curve({"loss": [2.0, 1.0, 1.5]}, best_epoch=2).axes[0].get_title()
    'Loss in epoch 2: 1 in training'
    """
    count = len(curves_of(history))
    figure = _figure(5.2 * count + 0.4, 4.2, title)
    panels = [figure.add_subplot(1, count, place + 1) for place in range(count)]
    draw_curves(panels, history, best_epoch, judged)
    return figure


def curves_of(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Return which curves a history has: of the loss, and of the accuracy where there is one.

    >>> curves_of({"loss": [2.0, 1.0], "seconds": [0.1, 0.2]})
    ['loss']
    """
    return [name for name in ("loss", "accuracy") if history.get(name)]


def draw_curves(
    panels: Sequence[Axes],
    history: Mapping[str, Sequence[float]],
    best_epoch: int | None = None,
    judged: str = "validation",
) -> None:
    """Draw each curve of a history on its axes; see :func:`learning_curve`."""
    epochs = len(history.get("loss", ()))
    for axes, name in zip(panels, curves_of(history), strict=True):
        kept = best_epoch or 0
        kept = kept if kept < epochs else 0
        _draw_metric(axes, name, history, judged, kept)
        if kept:
            axes.axvline(kept, color=QUIET, linestyle=":", label=f"kept: epoch {kept}")
        axes.legend(frameon=False)


def _draw_metric(
    axes: Axes, name: str, history: Mapping[str, Sequence[float]], judged: str, kept: int
) -> None:
    told, where = [], f" in epoch {kept}" if kept else ""
    for key, what, colour, style in (
        (name, "training", TRAINING, "-"),
        (f"val_{name}", judged, JUDGED, "--"),
    ):
        values = list(history.get(key, ()))
        if values:
            scaled = np.multiply(values, Metric.of(name).scale)
            marker = "o" if len(values) == 1 else None
            axes.plot(
                range(1, len(values) + 1), scaled, style, color=colour, label=what, marker=marker
            )
            told.append(f"{Metric.of(name).format(values[kept - 1])} in {what}")
    axes.set_title(f"{name.capitalize()}{where}: {', '.join(told)}", wrap=True)
    axes.set_xlabel("epoch")
    axes.set_xlim(1, max(len(history[name]), 2))
    axes.set_ylabel(_unit(axes, name, history[name]))
    axes.locator_params(axis="x", integer=True)
    _lighten(axes)


def _unit(axes: Axes, name: str, values: Sequence[float]) -> str:
    """Return the y-axis' label; a loss that falls far gets a logarithmic axis."""
    if Metric.of(name).style != "number":
        return Metric.of(name).label
    finite = [value for value in values if np.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) / min(finite) > _LOG_FROM:
        axes.set_yscale("log")
        return "mean loss of a row, logarithmic"
    return "mean loss of a row"


def confusion_picture(
    counts: NDArray[np.int64], classes: Sequence[Any], title: str = ""
) -> Figure:
    """Draw which classes are taken for which.

    Args:
        counts: (classes, classes) rows by true and predicted class.
        classes: their names.
        title: a line above the picture.

    >>> figure = confusion_picture(np.array([[8, 2], [0, 10]]), ["ham", "spam"])
    >>> figure.axes[0].get_title()
    '18 of 20 rows (90.0 %) are classified correctly'
    """
    many = len(classes)
    size = float(np.clip(0.45 * many + 2.6, 4.6, 11))
    figure = _figure(size + 0.9, size, title)
    axes = figure.add_subplot()
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Two scales: beside the many that are right, the few that are wrong would not show.
    diagonal = np.eye(many, dtype=bool)
    axes.imshow(np.where(diagonal, shares, np.nan), cmap="Blues", vmin=0, vmax=180)
    wrong = np.where(diagonal | (counts == 0), np.nan, shares)
    worst = float(np.max(wrong, initial=1, where=~np.isnan(wrong)))
    image = axes.imshow(wrong, cmap=_pale("Oranges"), vmin=0, vmax=worst)
    figure.colorbar(image, ax=axes, shrink=0.8, label="taken for another class (%)")
    step = -(-many // _MOST_COUNTS)
    names = [_short(str(name)) for name in classes][::step]
    upright = max(map(len, names)) > 3
    axes.set_xticks(range(0, many, step), names, rotation=90 if upright else 0)
    axes.set_yticks(range(0, many, step), names)
    axes.set(xlabel="predicted class", ylabel="true class")
    right, total = int(np.trace(counts)), int(counts.sum())
    share = percent(right / max(total, 1))
    axes.set_title(f"{right:,} of {total:,} rows ({share}) are classified correctly", wrap=True)
    for true, predicted in np.argwhere(counts).tolist() if many <= _MOST_COUNTS else ():
        count = f"{counts[true, predicted]}"
        size = 9 if many <= _MOST_COUNTS / 2 else 6
        axes.text(predicted, true, count, ha="center", va="center", fontsize=size)
    return figure


def _pale(name: str) -> Colormap:
    """Return the lighter part of a colour map, on which black numbers can be read."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps[name](np.linspace(0, 0.6, 256)))


def residual_picture(
    y: ArrayLike, predicted: ArrayLike, *, title: str = "", unit: str = ""
) -> Figure:
    """Draw predicted against true values, and how the differences are distributed.

    Args:
        y: (rows,) the true values, or (rows, outputs), of which the first four are drawn.
        predicted: what was predicted, shaped like ``y``.
        title: a line above the plots.
        unit: what the values are, for the labels.

    >>> residual_picture([1.0, 2.0, 4.0], [1.1, 1.9, 3.5]).axes[1].get_title()
    'Half of the rows are off by 0.1 or less'
    """
    truth, answers = (
        np.asarray(part, dtype=np.float64).reshape(len(np.asarray(part)), -1)[:, :_MOST_OUTPUTS]
        for part in (y, predicted)
    )
    outputs = truth.shape[1]
    figure = _figure(10.8, 4.4 * outputs, title)
    for output in range(outputs):
        unit_here = _plain(unit) if outputs == 1 else f"output {output + 1}"
        scatter = figure.add_subplot(outputs, 2, 2 * output + 1)
        _draw_agreement(scatter, truth[:, output], answers[:, output], unit_here)
        histogram = figure.add_subplot(outputs, 2, 2 * output + 2)
        _draw_residuals(histogram, truth[:, output] - answers[:, output], unit_here)
    return figure


def _draw_agreement(
    axes: Axes, y: NDArray[np.float64], predicted: NDArray[np.float64], unit: str
) -> None:
    if len(y) > _MOST_POINTS:
        dots = axes.hexbin(y, predicted, gridsize=60, bins="log", mincnt=1, cmap="Blues")
        axes.figure.colorbar(dots, ax=axes, label="rows")
    else:
        axes.plot(y, predicted, "o", color=TRAINING, markersize=4, alpha=0.35, markeredgewidth=0)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    axes.plot(ends, ends, color=QUIET, linewidth=1, label="predicted = true")
    axes.set_title("The nearer to the line, the better predicted", wrap=True)
    axes.set(xlabel=f"true {unit}".strip(), ylabel=f"predicted {unit}".strip())
    _shorten(axes.xaxis, ends)
    _shorten(axes.yaxis, ends)
    axes.legend(frameon=False)
    _lighten(axes)


def _draw_residuals(axes: Axes, residuals: NDArray[np.float64], unit: str) -> None:
    low, high = float(residuals.min()), float(residuals.max())
    # Residuals that are all about the same still get bars that have a width.
    half = max((high - low) / 2, 1e-6 * max(abs(low), abs(high)), 1e-12)
    bars = min(60, max(10, len(residuals) // 20))
    middle = (low + high) / 2
    axes.hist(residuals, bars, range=(middle - half, middle + half), color=TRAINING)
    axes.axvline(0, color=QUIET, linewidth=1)
    usual = float(np.median(np.abs(residuals)))
    axes.set_title(f"Half of the rows are off by {short(usual)} or less", wrap=True)
    axes.set(xlabel=f"true - predicted {unit}".strip(), ylabel="rows")
    _shorten(axes.xaxis, [low, high])
    _lighten(axes)


def _figure(width: float, height: float, title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        # By letters, since names of runs have no blanks at which matplotlib could wrap them.
        lines = textwrap.fill(_plain(title), int(width * _LETTERS_PER_INCH))
        figure.suptitle(lines, fontsize=13, fontweight="bold")
    return figure


def _shorten(axis: Axis, ends: Sequence[float]) -> None:
    """Write large numbers as 500 k."""
    from matplotlib.ticker import EngFormatter

    if max(map(abs, ends)) >= _LARGE:
        axis.set_major_formatter(EngFormatter())


def _lighten(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _short(name: str) -> str:
    return _plain(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")


def _plain(text: str) -> str:
    """Return text that matplotlib shows as it is: what stands between dollars isn't a formula."""
    return text.replace("$", r"\$")
