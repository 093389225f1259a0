"""The axes of a figure: those given, or those of a new pyplot figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = tuple[float, float]


def one(ax: Axes | None, size: Size = (6.4, 4.8)) -> Axes:
    """Return the axes given, or those of a new figure of ``size`` (width, height in inches).

    Raises:
        InputError: ``ax`` is something else.
    """
    from matplotlib.axes import Axes as KnownAxes

    if ax is None:
        return _new_figure(size).add_subplot()
    if not isinstance(ax, KnownAxes):
        raise InputError(f"ax is a {type(ax).__name__}; expected Axes of matplotlib")
    return ax


def several(ax: Any, grid: tuple[int, int], count: int, panel: Size) -> NDArray[Any]:
    """Return an array of ``count`` axes.

    Args:
        ax: None for a new figure; Axes, to be divided; or an array of as many Axes.
        grid: rows and columns.
        count: how many of the grid's places are wanted.
        panel: width and height of one in inches, on a new figure.

    Raises:
        InputError: ``ax`` is too few, or can't be divided.
    """
    if isinstance(ax, (list, tuple, np.ndarray)):
        given = np.asarray(ax, dtype=object).ravel()
        if len(given) < count:
            raise InputError(f"ax holds {len(given)} Axes; expected {count}")
        return np.array([one(each) for each in given[:count]], dtype=object)
    down, across = grid
    figure: Any
    if ax is None:
        figure = _new_figure((across * panel[0], down * panel[1]))
        places = figure.add_gridspec(down, across)
    elif count == 1:
        return np.array([one(ax)], dtype=object)
    else:
        figure, places = one(ax).figure, _divided(ax, grid)
    drawn = [figure.add_subplot(places[divmod(place, across)]) for place in range(count)]
    return np.array(drawn, dtype=object)


def _new_figure(size: Size) -> Figure:
    """Return a new figure of pyplot's, which a notebook shows at the end of its cell."""
    import matplotlib.pyplot as plt

    from wellfit.report.plotting.quiet import QuietFigure

    return plt.figure(figsize=size, layout="constrained", FigureClass=QuietFigure)


def _divided(ax: Axes, grid: tuple[int, int]) -> Any:
    """Return places within axes that are left empty themselves."""
    place = ax.get_subplotspec()
    if place is None:
        raise InputError("ax lies freely on its figure; expected one of plt.subplots, or an array")
    ax.set_axis_off()
    return place.subgridspec(*grid)
