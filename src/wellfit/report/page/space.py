"""A search's space as a whole: what the score depends on, and every candidate as a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.core.errors import InputError
from wellfit.report.page.curves import COLOURS
from wellfit.report.page.parts import Block, Chart, Table, Trace, literal, number
from wellfit.report.searches.importances import importance
from wellfit.report.searches.tried import Results, Tried

if TYPE_CHECKING:
    import pandas as pd

_AXIS = 100  # pixels: a line and the numbers beside it
_BEST, _MOST_LINES, _MOST_ROWS, _MOST_TICKS = 5, 300, 50, 12


def space_blocks(frame: pd.DataFrame, names: Sequence[str]) -> Iterator[Block]:
    """Yield charts of all parameters together, as far as the candidates tell anything."""
    results = _results(frame, names)
    try:
        found = importance(results)
    except InputError:  # too few candidates
        pass
    else:
        if found.explained > 0:
            yield importance_chart(found.shares, found.told)
    if len(names) > 1:
        try:
            yield lines_chart(Tried.of(results, "score"))
        except InputError:  # no candidate has a score
            return


def importance_chart(shares: dict[str, float], told: str) -> Chart:
    """Return a bar for each parameter, the most important on top."""
    bars = list(shares.items())[::-1]
    trace: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": [share for _, share in bars],
        "y": [literal(name) for name, _ in bars],
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x:.0%}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "share"}, "tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"type": "category", "automargin": True},
        "showlegend": False,
    }
    rows = [[name, f"{share:.0%}"] for name, share in shares.items()]
    words = f"{told}: {', '.join(f'{name} {share:.0%}' for name, share in shares.items())}."
    table = Table(["parameter", "share"], rows, title="Importance by parameter")
    return Chart("What matters", words, [trace], layout, table)


def lines_chart(tried: Tried) -> Chart:
    """Return every candidate as a line through its parameters to its score, the best on top."""
    order = np.argsort(np.nan_to_num(tried.scores, nan=-np.inf), kind="stable")[-_MOST_LINES:]
    heights = [parameter.heights() for parameter in tried.parameters]
    scores = _scaled(tried.scores)
    best = set(order[-_BEST:].tolist())
    traces = [
        _line([*(height[one] for height in heights), scores[one]], tried, one, one in best)
        for one in order.tolist()
        if np.isfinite(tried.scores[one])
    ]
    titles = [literal(parameter.title) for parameter in tried.parameters] + ["score"]
    layout = {
        "xaxis": {"tickvals": list(range(len(titles))), "ticktext": titles, "zeroline": False},
        "yaxis": {"visible": False, "range": [-0.2, 1.1]},
        "showlegend": False,
        "hovermode": "closest",
        "annotations": list(_ticks(tried)),
    }
    top = int(order[-1])
    told = f"Each line is a candidate; the best {len(best)} stand out. The best has "
    told += ", ".join(filter(None, (p.told(top) for p in tried.parameters))) + "."
    rows = [
        [*_words(tried, one), number(float(tried.scores[one]))] for one in order[::-1].tolist()
    ]
    head = [*(parameter.title for parameter in tried.parameters), "score"]
    table = Table(head, rows[:50], title="Candidates, the best first")
    return Chart(
        "All parameters at once",
        told,
        traces,
        layout,
        table,
        height=420,
        wide=True,
        least=_AXIS * len(titles),
    )


def _line(heights: Sequence[float], tried: Tried, candidate: int, best: bool) -> Trace:
    told = "<br>".join(literal(text) for text in _words(tried, candidate, named=True) if text)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(range(len(heights))),
        "y": list(heights),
        "line": {"color": COLOURS[1] if best else "--quiet", "width": 2.5 if best else 1},
        "opacity": 1.0 if best else 0.3,
        "hovertext": f"score {tried.scores[candidate]:.4f}<br>{told}",
        "hoverinfo": "text",
    }


def _words(tried: Tried, candidate: int, named: bool = False) -> list[str]:
    told = [parameter.told(candidate) for parameter in tried.parameters]
    return told if named else [text.rpartition(" = ")[2] for text in told]


def _ticks(tried: Tried) -> Iterator[dict[str, Any]]:
    """Yield what stands beside each axis."""
    for place, parameter in enumerate(tried.parameters):
        for height, text in parameter.ticks(_MOST_TICKS):
            yield _beside(place, height, literal(text))
    finite = tried.scores[np.isfinite(tried.scores)]
    for height, score in ((0.0, finite.min()), (1.0, finite.max())):
        yield _beside(len(tried.parameters), height, f"{score:.4g}")


def _beside(x: float, y: float, text: str) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "showarrow": False, "xanchor": "left", "xshift": 4}


def _scaled(scores: Any) -> Any:
    low, high = np.nanmin(scores), np.nanmax(scores)
    return (scores - low) / (high - low) if high > low else scores * 0 + 0.5


def _results(frame: pd.DataFrame, names: Sequence[str]) -> Results:
    """Return the candidates as a search's ``cv_results_`` tells them."""
    params = [
        {name: row[name] for name in names if row[name] is not None and row[name] == row[name]}
        for row in frame.to_dict("records")
    ]
    return {"params": params, "mean_test_score": frame["mean"].to_numpy(dtype=float)}
