"""Figures of optimizer comparisons: a contour plot with the paths, and an animation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wellfit.landscapes import Landscape, OptimizerPath

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (2008), told apart with any kind of colour vision.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_GRID = 240
_FRAMES, _FRAMES_A_SECOND = 90, 20


def landscape_figure(
    landscape: Landscape, paths: Sequence[OptimizerPath], figure: Figure | None = None
) -> Figure:
    """Draw the landscape's contours, its minima, and the paths down it, by its first two numbers.

    Args:
        landscape: that the paths go down.
        paths: from one start or several.
        figure: an empty one to draw on; else a new one, on no screen.

    >>> from wellfit.landscapes import Beale, compare_optimizers
    >>> from wellfit.optim import LBFGS
    >>> landscape_figure(Beale(), compare_optimizers(Beale(), [LBFGS()])).axes[0].get_title()
    'beale'
    """
    figure, axes = _ground(landscape, paths, figure)
    for path, colour in zip(paths, _cycle(len(paths)), strict=True):
        axes.plot(*path.points.T[:2], color=colour, linewidth=1.4, label=path.label)
        axes.plot(*path.points[-1, :2], "o", color=colour, markersize=6)
    _finish(figure, axes)
    return figure


def landscape_animation(landscape: Landscape, paths: Sequence[OptimizerPath], file: File) -> None:
    """Write the comparison as a GIF that draws every path step by step."""
    from matplotlib.animation import FuncAnimation, PillowWriter

    figure, axes = _ground(landscape, paths)
    lines = [
        axes.plot([], [], color=colour, linewidth=1.4, label=path.label)[0]
        for path, colour in zip(paths, _cycle(len(paths)), strict=True)
    ]
    heads = [axes.plot([], [], "o", color=line.get_color(), markersize=6)[0] for line in lines]
    _finish(figure, axes)
    longest = max(len(path.points) for path in paths)

    def draw(frame: int) -> list[Any]:
        upto = max(1, round((frame + 1) / _FRAMES * longest))
        for path, line, head in zip(paths, lines, heads, strict=True):
            shown = path.points[:upto]
            line.set_data(*shown.T[:2])
            head.set_data(*shown[-1:].T[:2])
        return [*lines, *heads]

    FuncAnimation(figure, draw, frames=_FRAMES).save(
        file, writer=PillowWriter(fps=_FRAMES_A_SECOND), dpi=80
    )


def _ground(
    landscape: Landscape, paths: Sequence[OptimizerPath], figure: Figure | None = None
) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as NewFigure

    figure = figure or NewFigure(figsize=(6.4, 7.0), layout="constrained")
    axes = figure.add_subplot()
    left, right, bottom, top = _window(landscape, paths)
    xs, ys = np.linspace(left, right, _GRID), np.linspace(bottom, top, _GRID)
    x, y = torch.meshgrid(torch.from_numpy(xs), torch.from_numpy(ys), indexing="xy")
    # Of more than two numbers, the others stand at a minimum: a slice through it.
    others = (landscape.minima or (landscape.start,))[0][2:]
    height = landscape.value(x, y, *(torch.full_like(x, value) for value in others)).numpy()
    # Logarithms of what is above the lowest point show valleys and walls alike.
    above = np.log10(height - height.min() + 1e-3)
    axes.contourf(xs, ys, above, levels=30, cmap="Greys", alpha=0.75)
    axes.contour(xs, ys, above, levels=15, colors="#888888", linewidths=0.4)
    for place in landscape.minima:
        axes.plot(
            *place[:2], "*", color="#CC0000", markersize=13, markeredgecolor="white", zorder=5
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_title(landscape.name, wrap=True)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    return figure, axes


def _window(
    landscape: Landscape, paths: Sequence[OptimizerPath]
) -> tuple[float, float, float, float]:
    """Return the landscape's own window, with room around the starts."""
    left, right, bottom, top = landscape.window
    starts = np.array([path.points[0] for path in paths])
    room = 0.3
    return (
        min(left, starts[:, 0].min() - room),
        max(right, starts[:, 0].max() + room),
        min(bottom, starts[:, 1].min() - room),
        max(top, starts[:, 1].max() + room),
    )


def _finish(figure: Figure, axes: Axes) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )


def _cycle(count: int) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]
