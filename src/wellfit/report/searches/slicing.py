"""The score against each parameter by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.report.figures import JUDGED, QUIET, TRAINING, _figure, _lighten, _short
from wellfit.report.searches.tried import Parameter, Results, Tried

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABREAST = 4  # pictures in a row
_MOST_NAMES = 12  # below a picture
_LONG = 5  # letters of names that are written aslant


def slices(
    results: Results,
    *,
    metric: str = "score",
    log: Collection[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw the score against each parameter, with its standard deviation over the folds.

    Scores far below the others are marked at the lower edge, fits that failed by grey crosses.

    Args:
        results: a search's ``cv_results_``.
        metric: whose ``mean_test_…`` counts.
        log: the parameters drawn on a log scale; by default told from their values.
        title: a line above the pictures.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: no candidate has a score, or none has parameters.

    >>> results = {"params": [{"l2": 1e-4}, {"l2": 1e-2}], "mean_test_score": [0.9, 0.8]}
    >>> slices(results).axes[0].get_xscale()
    'log'
    """
    tried = Tried.of(results, metric, log)
    down, across = grid(len(tried.parameters))
    figure = _figure(3.3 * across + 0.6, 3.1 * down + 0.6, title)
    panels = [
        figure.add_subplot(down, across, place + 1) for place in range(len(tried.parameters))
    ]
    draw_slices(panels, tried)
    return figure


def grid(count: int) -> tuple[int, int]:
    """Return rows and columns for so many pictures.

    >>> grid(1), grid(4), grid(6)
    ((1, 1), (1, 4), (2, 3))
    """
    down = -(-count // _ABREAST)
    return down, -(-count // down)


def draw_slices(panels: Sequence[Axes], tried: Tried) -> None:
    """Draw one parameter on each of the axes."""
    across = grid(len(tried.parameters))[1]
    for place, (axes, parameter) in enumerate(zip(panels, tried.parameters, strict=True)):
        _draw_scores(axes, parameter, tried)
        _draw_below(axes, parameter)
        _lighten(axes)
        if place % across == 0:
            axes.set_ylabel(tried.metric)
        else:
            axes.tick_params(axis="y", labelleft=False)


def _draw_scores(axes: Axes, parameter: Parameter, tried: Tried) -> None:
    high, floor = float(np.nanmax(tried.scores)), tried.floor
    room = 0.06 * ((high - floor) or abs(high) or 1)
    x, scores = _spread(parameter), tried.scores
    failed, low = np.isnan(scores), scores < floor
    shown = ~failed & ~low
    deviations = None if tried.deviations is None else tried.deviations[shown]
    look: dict[str, Any] = {"markersize": 4.5, "elinewidth": 0.7, "alpha": 0.6}
    axes.errorbar(x[shown], scores[shown], deviations, fmt="o", color=TRAINING, **look)
    edge = floor - room
    axes.plot(x[low], np.full(low.sum(), edge), "v", color=TRAINING, markersize=5)
    axes.plot(x[failed], np.full(failed.sum(), edge), "x", color=QUIET, markersize=5)
    axes.plot(x[tried.best], high, "o", color=JUDGED, markersize=7, zorder=3)
    axes.set_ylim(floor - 2 * room, high + 2 * room)


def _spread(parameter: Parameter) -> NDArray[np.float64]:
    """Return where the candidates are drawn: names side by side, so that none hides another."""
    if not parameter.names:
        return parameter.places
    count = len(parameter.places)
    return parameter.places + 0.3 * (np.arange(count) / max(count - 1, 1) - 0.5)


def _draw_below(axes: Axes, parameter: Parameter) -> None:
    if parameter.log:
        axes.set_xscale("log")
        axes.tick_params(axis="x", which="minor", labelbottom=False)
    if parameter.names:
        every = -(-len(parameter.names) // _MOST_NAMES)
        names = [_short(name) for name in parameter.names][::every]
        aslant = max(map(len, names)) > _LONG and len(names) > 2
        axes.set_xticks(range(0, len(parameter.names), every), names)
        axes.tick_params(axis="x", rotation=30 if aslant else 0)
        axes.set_xlim(-0.6, len(parameter.names) - 0.4)
    without = int(np.isnan(parameter.places).sum())
    axes.set_xlabel(_short(parameter.title) + (f" ({without} without)" if without else ""))
