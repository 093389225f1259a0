"""Every candidate as a line through its parameters to its score."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellfit.report.figures import JUDGED, QUIET, _figure, _short
from wellfit.report.searches.tried import Parameter, Results, Tried
from wellfit.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

_COLOURS = "viridis"  # its order is seen with any kind of colour vision
_MOST_NAMES = 15  # beside an axis


def parallel_coordinates(
    results: Results,
    *,
    metric: str = "score",
    log: Collection[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw every candidate as a line through its parameters to its score, the best on top.

    Args:
        results: a search's ``cv_results_``.
        metric: whose ``mean_test_…`` counts.
        log: the parameters drawn on a log scale; by default told from their values.
        title: a line above the picture.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: no candidate has a score, or none has parameters.

    >>> results = {"params": [{"l2": 1e-4}, {"l2": 1e-2}], "mean_test_score": [0.9, 0.8]}
    >>> parallel_coordinates(results).axes[0].get_title()
    'Best: score 0.9 with l2 = 0.0001'
    """
    tried = Tried.of(results, metric, log)
    figure = _figure(1.7 * len(tried.parameters) + 3.4, 5.2, title)
    draw_coordinates(figure.add_subplot(), tried)
    return figure


def draw_coordinates(axes: Axes, tried: Tried) -> None:
    """Draw the lines, an upright scale for each parameter, and the scores' colours."""
    norm = _norm(tried)
    _draw_lines(axes, tried, norm)
    for place, parameter in enumerate(tried.parameters):
        _draw_scale(axes, place, parameter)
    names = [_short(parameter.title) for parameter in tried.parameters]
    axes.set_xticks(range(len(names) + 1), [*names, tried.metric])
    axes.set_yticks([])
    axes.set_xlim(-0.3, len(names) + 0.05)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0, pad=8)
    score = f"{tried.metric} {short(tried.scores[tried.best])}"
    axes.set_title(f"Best: {score} with {tried.told(tried.best)}", fontsize=11, wrap=True)
    _draw_colours(axes, tried, norm)


def _norm(tried: Tried) -> Normalize:
    from matplotlib.colors import Normalize

    low, high = tried.floor, float(np.nanmax(tried.scores))
    return Normalize(low, high, clip=True) if high > low else Normalize(low - 0.5, low + 0.5)


def _draw_lines(axes: Axes, tried: Tried, norm: Normalize) -> None:
    import matplotlib

    colours = matplotlib.colormaps[_COLOURS]
    heights = np.stack([_spread(parameter) for parameter in tried.parameters], axis=1)
    across = np.arange(heights.shape[1] + 1)
    for candidate in np.argsort(np.nan_to_num(tried.scores, nan=-np.inf), kind="stable"):
        score, best = tried.scores[candidate], candidate == tried.best
        if np.isnan(score):
            axes.plot(across[:-1], heights[candidate], ":", color=QUIET, linewidth=0.8, alpha=0.6)
            continue
        line = [*heights[candidate], float(norm(score))]
        colour = JUDGED if best else colours(norm(score))
        axes.plot(across, line, color=colour, linewidth=3 if best else 1.2, alpha=0.85)


def _spread(parameter: Parameter) -> NDArray[np.float64]:
    """Return where lines cross a scale: names a little apart, so that none hides another."""
    heights = parameter.heights()
    if not parameter.names:
        return heights
    room = min(0.08, 0.4 / len(parameter.names))
    # Steps of the golden section: neighbours in the order of the scores lie apart.
    return heights + room * ((np.arange(len(heights)) * 0.618034) % 1 - 0.5)


def _draw_scale(axes: Axes, place: int, parameter: Parameter) -> None:
    axes.plot([place, place], [0, 1], color=QUIET, linewidth=1, zorder=3)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    for height, name in parameter.ticks(_MOST_NAMES):
        axes.plot([place - 0.02, place + 0.02], [height, height], color=QUIET, zorder=3)
        label = axes.text(place - 0.04, height, _short(name), ha="right", va="center")
        label.set(fontsize=8, bbox=box, zorder=4)


def _draw_colours(axes: Axes, tried: Tried, norm: Normalize) -> None:
    """Draw the colours beside the last scale, which they are at the same time."""
    from matplotlib.cm import ScalarMappable

    failed = int(np.isnan(tried.scores).sum())
    cut = float(np.nanmin(tried.scores)) < tried.floor
    axes.figure.colorbar(
        ScalarMappable(norm, _COLOURS),
        ax=axes,
        label=tried.metric + (f" (dotted: {failed} failed)" if failed else ""),
        extend="min" if cut else "neither",
        pad=0.02,
    )
