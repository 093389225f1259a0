"""Parallel coordinates: each candidate as a line through its parameters to its score."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from wellfit.charts import Axis, Chart, Line, Note, cut, floats
from wellfit.charts.to_matplotlib import figure
from wellfit.report.searches.search_table import Results, SearchedParameter, SearchTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wellfit.charts.model import Floats

_BEST, _MOST_LINES = 5, 300  # candidates that stand out; that are drawn
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
        log: the parameters on a log scale; by default inferred from their values.
        title: title of the figure.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: no candidate has a score, or none has parameters.

    >>> results = {"params": [{"l2": 1e-4}, {"l2": 1e-2}], "mean_test_score": [0.9, 0.8]}
    >>> parallel_coordinates(results).axes[0].get_title()
    'Best: score 0.9 with l2 = 0.0001'
    """
    tried = SearchTable.of(results, metric, log)
    return figure([coordinates_chart(tried)], title, panel=coordinates_size(tried))


def coordinates_size(tried: SearchTable) -> tuple[float, float]:
    """Return the inches that the chart needs."""
    return 1.7 * len(tried.parameters) + 3.0, 5.2


def coordinates_chart(tried: SearchTable) -> Chart:
    """Return a line for each candidate, an upright scale for each parameter and one for the score.

    The best five stand out; of what failed, dotted lines end before the score.
    """
    order = np.argsort(np.nan_to_num(tried.scores, nan=-np.inf), kind="stable")[-_MOST_LINES:]
    heights = [_spread(parameter) for parameter in tried.parameters] + [_scaled(tried)]
    best = order[-_BEST:].tolist()
    lines = [_line(tried, one, floats([h[one] for h in heights]), best) for one in order.tolist()]
    failed = int(np.isnan(tried.scores).sum())
    score = f"{tried.title} {tried.format(tried.scores[tried.best])}"
    text = f"Each line is a candidate; the best {len(best)} stand out."
    return Chart(
        "Parallel coordinates",
        f"Best: {score} with {tried.describe(tried.best)}",
        [*_scales(tried), *lines, *_notes(tried)],
        Axis(names=[*(cut(p.title) for p in tried.parameters), tried.title]),
        Axis(low=-0.2, high=1.06, hidden=True),
        f"{text} Dotted are {failed} that failed." if failed else text,
    )


def _line(tried: SearchTable, candidate: int, heights: Floats, best: list[int]) -> Line:
    score = float(tried.scores[candidate])
    texts = ["failed" if np.isnan(score) else tried.format(score)]
    texts += [text for parameter in tried.parameters if (text := parameter.describe(candidate))]
    stands_out = candidate in best and np.isfinite(heights[-1])
    return Line(
        np.arange(len(heights), dtype=np.float64),
        heights,
        color=1 if stands_out else "quiet",
        dash="solid" if np.isfinite(heights[-1]) else "dot",
        width=2.5 if stands_out else 1.0,
        opacity=0.9 if stands_out else 0.35,
        hover="\n".join(texts),
    )


def _scaled(tried: SearchTable) -> Floats:
    """Return the scores from 0, the lowest that are told apart, to 1; NaN where a fit failed."""
    low, high = tried.floor, float(np.nanmax(tried.scores))
    scores = np.maximum(tried.scores, low)
    return (scores - low) / (high - low) if high > low else 0 * scores + 0.5


def _spread(parameter: SearchedParameter) -> Floats:
    """Return where lines cross a scale: names a little apart, so that none hides another."""
    heights = parameter.heights()
    if not parameter.names:
        return heights
    room = min(0.08, 0.4 / len(parameter.names))
    # Steps of the golden section: neighbours in the order of the scores lie apart.
    return heights + room * ((np.arange(len(heights)) * 0.618034) % 1 - 0.5)


def _scales(tried: SearchTable) -> Iterator[Line]:
    for place in range(len(tried.parameters) + 1):
        yield Line(floats([place, place]), floats([0, 1]), color="quiet", width=1, reference=True)


def _notes(tried: SearchTable) -> Iterator[Note]:
    """Yield what stands beside each scale."""
    for place, parameter in enumerate(tried.parameters):
        for height, text in parameter.ticks(_MOST_NAMES):
            yield Note(place, float(height), cut(text))
    below = "≤ " if float(np.nanmin(tried.scores)) < tried.floor else ""
    for height, score in ((0.0, tried.floor), (1.0, float(np.nanmax(tried.scores)))):
        yield Note(
            len(tried.parameters), height, f"{'' if height else below}{tried.format(score)}"
        )
