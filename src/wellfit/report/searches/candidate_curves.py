"""Learning curves of the best candidates of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.charts import Chart, Line, curve, metric_chart, shown_metrics
from wellfit.charts.to_matplotlib import draw, empty_figure
from wellfit.core.errors import InputError
from wellfit.report.searches.search_table import Results, SearchTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Histories = Sequence[Mapping[str, Sequence[float]]]  # of one candidate's fits
AllHistories = Sequence[Histories]

MOST_CURVES = 7  # lines that are told apart


def learning_curves(
    results: Results,
    histories: AllHistories,
    *,
    metric: str = "score",
    top: int = 5,
    title: str = "",
) -> Figure:
    """Draw the learning curves of the best candidates: the mean over the folds, and each fold.

    The curves are of the validation set if early stopping used one, otherwise of the training set.

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
    >>> [line.get_label() for line in learning_curves(results, histories).axes[0].lines]
    ['score 0.9: l2 = 0.1', 'score 0.8: l2 = 1']
    """
    charts = candidate_charts(SearchTable.of(results, metric), histories, top)
    figure = empty_figure(5.4 * len(charts) + 0.4, 4.2 + 0.24 * min(top, MOST_CURVES), title)
    panels = [figure.add_subplot(1, len(charts), place + 1) for place in range(len(charts))]
    for axes, chart in zip(panels, charts, strict=True):
        draw(chart, axes, legend=False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=9)
    return figure


def candidate_charts(tried: SearchTable, histories: AllHistories, top: int) -> list[Chart]:
    """Return a chart of each kind of curve; the labels name the candidates.

    Raises:
        InputError: no candidate with a score has a history, or ``top`` is less than 1.
    """
    best = [place for place in _order(tried) if any(histories[place])][:top]
    if top < 1:
        raise InputError(f"top is {top}; expected a number of candidates, at least 1")
    if not best:
        raise InputError("no candidate with a score has a history; expected at least one")
    first = next(fit for fit in histories[best[0]] if fit)
    drawn = best[:MOST_CURVES]
    return [_chart(tried, histories, drawn, name) for name in shown_metrics(first)]


def _chart(tried: SearchTable, histories: AllHistories, best: Sequence[int], name: str) -> Chart:
    held = f"val_{name}" if _has(histories[best[0]], f"val_{name}") else name
    lines: list[Line] = []
    for color, place in enumerate(best):
        folds = [fit[held] for fit in histories[place] if fit.get(held)]
        if folds:
            lines += _lines(held, folds, _label(tried, place), color)
    chart = metric_chart(held, lines)
    rows = "held-out rows" if held != name else "training rows"
    return replace(chart, summary=f"{chart.title} of {rows}, by fold and on average")


def _lines(key: str, folds: Sequence[Sequence[float]], label: str, color: int) -> list[Line]:
    """Return the folds' mean until the first one stops, and every fold finely."""
    shortest = min(map(len, folds))
    mean = np.mean([values[:shortest] for values in folds], axis=0)
    main = replace(curve(key, mean.tolist(), label, color=color), dash="solid", points=False)
    fine = [curve(key, values, "", color=color) for values in folds if len(folds) > 1]
    look: Any = {"dash": "solid", "width": 0.6, "opacity": 0.45, "points": False}
    return [main, *(replace(line, **look) for line in fine)]


def _order(tried: SearchTable) -> list[int]:
    """Return the candidates with a score, the best first."""
    known = np.flatnonzero(~np.isnan(tried.scores))
    return [int(place) for place in known[np.argsort(-tried.scores[known], kind="stable")]]


def _has(histories: Histories, name: str) -> bool:
    return any(fit.get(name) for fit in histories)


def _label(tried: SearchTable, place: int) -> str:
    text = tried.describe(place, across=len(tried.parameters))
    return f"{tried.title} {tried.format(tried.scores[place])}: {text}"
