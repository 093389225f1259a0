"""The score against each parameter."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from wellfit.charts import Axis, Chart, Points, cut, floats
from wellfit.charts.to_matplotlib import figure
from wellfit.report.searches.search_table import Results, SearchedParameter, SearchTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wellfit.charts.model import Floats, Mark

_ABREAST = 4  # charts in a row


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
        log: the parameters on a log scale; by default inferred from their values.
        title: a line above the pictures.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: no candidate has a score, or none has parameters.

    >>> results = {"params": [{"l2": 1e-4}, {"l2": 1e-2}], "mean_test_score": [0.9, 0.8]}
    >>> slices(results).axes[0].get_xscale()
    'log'
    """
    charts = slice_charts(SearchTable.of(results, metric, log))
    return figure(charts, title, across=grid(len(charts))[1], panel=(3.3, 3.1))


def grid(count: int) -> tuple[int, int]:
    """Return the rows and columns of a grid of charts.

    >>> grid(1), grid(4), grid(6)
    ((1, 1), (1, 4), (2, 3))
    """
    down = -(-count // _ABREAST)
    return down, -(-count // down)


def slice_charts(tried: SearchTable) -> list[Chart]:
    """Return a chart for each parameter: a point for each candidate, the best marked."""
    return [_chart(parameter, tried) for parameter in tried.parameters]


def _chart(parameter: SearchedParameter, tried: SearchTable) -> Chart:
    without = int(np.isnan(parameter.places).sum())
    best = parameter.describe(tried.best).rpartition(" = ")[2]
    return Chart(
        f"Score by {parameter.title}",
        f"Best with {best}" if best else "The best is without",
        _points(parameter, tried),
        Axis(
            cut(parameter.title) + (f" ({without} without)" if without else ""),
            parameter.names,
            log=parameter.log,
        ),
        Axis(tried.title),
        "Bars are standard deviations over the folds." if tried.deviations is not None else "",
    )


def _points(parameter: SearchedParameter, tried: SearchTable) -> list[Mark]:
    high, floor = float(np.nanmax(tried.scores)), tried.floor
    edge = floor - 0.06 * ((high - floor) or abs(high) or 1)
    x, scores = _spread(parameter), tried.scores
    failed, low = np.isnan(scores), scores < floor
    shown = ~failed & ~low
    spread = None if tried.deviations is None else tried.deviations[shown]
    hover = [
        f"{parameter.describe(one)}\n{tried.title} {tried.format(scores[one])}"
        for one in np.flatnonzero(shown).tolist()
    ]
    errors = None if spread is None else (spread, spread)
    return [
        Points(x[shown], scores[shown], size=4.5, opacity=0.6, errors=errors, hover=hover),
        Points(x[low], np.full(low.sum(), edge), symbol="down"),
        Points(x[failed], np.full(failed.sum(), edge), color="quiet", symbol="cross"),
        Points(x[[tried.best]], floats([high]), color=1, size=7),
    ]


def _spread(parameter: SearchedParameter) -> Floats:
    """Return where the candidates are drawn: names side by side, so that none hides another."""
    if not parameter.names:
        return parameter.places
    count = len(parameter.places)
    return parameter.places + 0.3 * (np.arange(count) / max(count - 1, 1) - 0.5)
