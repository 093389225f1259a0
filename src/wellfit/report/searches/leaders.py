"""How the best candidates of a search learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError
from wellfit.core.metrics import Metric
from wellfit.report.figures import _figure, _lighten, _unit
from wellfit.report.searches.tried import Results, Tried
from wellfit.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Histories = Sequence[Mapping[str, Sequence[float]]]  # of one candidate's fits
AllHistories = Sequence[Histories]

# Okabe and Ito's colours (2008), told apart with any kind of colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_METRICS = ("loss", "accuracy")


def leaders_curves(
    results: Results,
    histories: AllHistories,
    *,
    metric: str = "score",
    top: int = 5,
    title: str = "",
) -> Figure:
    """Draw the learning curves of the best candidates: the mean over the folds, and each fold.

    Where rows of each fold were held out to stop early by, the curves are of those; else of the
    rows that were trained on.

    Args:
        results: a search's ``cv_results_``.
        histories: its ``histories_``: each candidate's fits' losses and scores by epoch.
        metric: whose ``mean_test_…`` counts.
        top: how many candidates, 1 to 7.
        title: a line above the pictures.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: no candidate has a score and a history.

    >>> results = {"params": [{"l2": 0.1}, {"l2": 1}], "mean_test_score": [0.9, 0.8]}
    >>> histories = [[{"loss": [2.0, 1.0]}], [{"loss": [2.0, 1.5]}]]
    >>> [line.get_label() for line in leaders_curves(results, histories).axes[0].lines]
    ['score 0.9: l2 = 0.1', 'score 0.8: l2 = 1']
    """
    tried = Tried.of(results, metric)
    names = curves_of(tried, histories)
    figure = _figure(5.4 * len(names) + 0.4, 4.2 + 0.24 * min(top, len(_COLOURS)), title)
    panels = [figure.add_subplot(1, len(names), place + 1) for place in range(len(names))]
    draw_leaders(panels, tried, histories, top)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=9)
    return figure


def curves_of(tried: Tried, histories: AllHistories) -> list[str]:
    """Return which curves there are to draw: of losses, and of accuracies if there are any.

    Raises:
        InputError: no candidate with a score has a history.
    """
    first = next((fits for place in _order(tried) for fits in histories[place] if fits), None)
    if first is None:
        raise InputError("no candidate with a score has a history; expected at least one")
    return [name for name in _METRICS if first.get(name)]


def draw_leaders(panels: Sequence[Axes], tried: Tried, histories: AllHistories, top: int) -> None:
    """Draw one kind of curve on each of the axes; the labels name the candidates."""
    names = curves_of(tried, histories)
    if top < 1:
        raise InputError(f"top is {top}; expected how many leaders to draw, at least 1")
    leading = [place for place in _order(tried) if any(histories[place])][:top]
    for axes, name in zip(panels, names, strict=True):
        held = f"val_{name}" if _has(histories[leading[0]], f"val_{name}") else name
        scale = Metric.of(name).scale
        seen: list[float] = []
        for rank, (colour, place) in enumerate(zip(_COLOURS, leading, strict=False)):
            folds = [scale * np.asarray(fit[held]) for fit in histories[place] if fit.get(held)]
            if folds:
                _draw_curve(axes, folds, _label(tried, place), color=colour, zorder=3 - rank / 8)
                seen += [float(value) for fold in folds for value in fold]
        axes.set_ylabel(_unit(axes, name, seen))
        axes.set_xlabel("epoch")
        rows = "held-out rows" if held != name else "training rows"
        axes.set_title(f"{name.capitalize()} of {rows}, by fold and on average", wrap=True)
        axes.locator_params(axis="x", integer=True)
        _lighten(axes)


def _draw_curve(axes: Axes, folds: Sequence[NDArray[np.float64]], label: str, **look: Any) -> None:
    """Draw the folds' mean until the first one stops, and every fold finely."""
    shortest = min(map(len, folds))
    mean = np.mean([values[:shortest] for values in folds], axis=0)
    marker = "o" if shortest == 1 else None
    epochs = range(1, shortest + 1)
    axes.plot(epochs, mean, linewidth=2, label=label, marker=marker, **look)
    for values in folds if len(folds) > 1 else ():
        axes.plot(range(1, len(values) + 1), values, linewidth=0.6, alpha=0.45, **look)


def _order(tried: Tried) -> list[int]:
    """Return the candidates with a score, the best first."""
    known = np.flatnonzero(~np.isnan(tried.scores))
    return [int(place) for place in known[np.argsort(-tried.scores[known], kind="stable")]]


def _has(histories: Histories, name: str) -> bool:
    return any(fit.get(name) for fit in histories)


def _label(tried: Tried, place: int) -> str:
    told = tried.told(place, across=len(tried.parameters))
    return f"{tried.metric} {short(tried.scores[place])}: {told}"
