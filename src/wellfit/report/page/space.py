"""The search space: parameter importance, and all candidates as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wellfit.core.errors import InputError
from wellfit.core.metrics import Metric
from wellfit.core.words import percent
from wellfit.report.page.blocks import Block, Plot, TableBlock
from wellfit.report.searches.coordinates import coordinates_chart
from wellfit.report.searches.importances import Importances, importance, share_chart
from wellfit.report.searches.search_table import Results, SearchTable
from wellfit.report.searches.slicing import slice_charts

if TYPE_CHECKING:
    import pandas as pd

_AXIS = 100  # pixels: a line and the numbers beside it
_MOST_ROWS, _MOST_AXES = 50, 12


def space_blocks(frame: pd.DataFrame, names: Sequence[str], metric: Metric) -> Iterator[Block]:
    """Yield charts of all parameters together, then of each parameter."""
    results = _results(frame, names, metric.name)
    try:
        found = importance(results, metric=metric.name)
    except InputError:  # too few candidates
        pass
    else:
        if found.explained > 0:
            yield importance_plot(found)
    try:
        tried = SearchTable.of(results, metric.name)
    except InputError:  # no candidate has a score
        return
    if len(names) > 1:
        yield lines_plot(tried)
    yield from slice_plots(tried)


def importance_plot(found: Importances) -> Plot:
    """Return a bar for each parameter, the most important on top."""
    rows = [[name, f"{percent(share, 0)}"] for name, share in found.shares.items()]
    table = TableBlock(["parameter", "share"], rows, title="Importance by parameter")
    return Plot(share_chart(found), table, height=max(240, 120 + 28 * len(rows)))


def lines_plot(tried: SearchTable) -> Plot:
    """Return every candidate as a line through its parameters to its score."""
    rows = [[*_words(tried, one), _score(tried, one)] for one in _ranked(tried)]
    head = [*(parameter.title for parameter in tried.parameters), tried.title]
    table = TableBlock(head, rows, title="Candidates, the best first")
    return Plot(coordinates_chart(tried), table, height=420, wide=True, least=_AXIS * len(head))


def slice_plots(tried: SearchTable) -> Iterator[Plot]:
    """Yield the candidates' scores by each parameter."""
    charts = slice_charts(tried)[:_MOST_AXES]
    for chart, parameter in zip(charts, tried.parameters, strict=False):
        rows = [
            [parameter.describe(one).rpartition(" = ")[2], _score(tried, one)]
            for one in _ranked(tried)
        ]
        yield Plot(chart, TableBlock([parameter.title, tried.title], rows, title=chart.title))


def _ranked(tried: SearchTable) -> list[int]:
    order = np.argsort(-np.nan_to_num(tried.scores, nan=-np.inf), kind="stable")
    return order[:_MOST_ROWS].tolist()


def _words(tried: SearchTable, candidate: int) -> list[str]:
    return [one.describe(candidate).rpartition(" = ")[2] for one in tried.parameters]


def _score(tried: SearchTable, candidate: int) -> str:
    score = float(tried.scores[candidate])
    return "–" if np.isnan(score) else tried.format(score)


def _results(frame: pd.DataFrame, names: Sequence[str], metric: str) -> Results:
    """Return the candidates of a search's ``cv_results_``."""
    params = [
        {name: row[name] for name in names if row[name] is not None and row[name] == row[name]}
        for row in frame.to_dict("records")
    ]
    found = {"params": params, f"mean_test_{metric}": frame["mean"].to_numpy(dtype=float)}
    return {**found, f"std_test_{metric}": frame["std"].to_numpy(dtype=float)}
