"""The figures of a search in its folder, and the table of parameter importances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from wellfit.charts.to_matplotlib import png
from wellfit.charts.to_terminal import bars
from wellfit.cli.console import note
from wellfit.cli.leaderboard import search_results
from wellfit.core.errors import InputError
from wellfit.core.metrics import Metric
from wellfit.core.writing import write
from wellfit.model_selection.journal import Entry
from wellfit.report import searches
from wellfit.report.searches.importances import share_chart


def draw_search(
    folder: Path, entries: Iterable[Entry], metric: Metric, *, redraw: bool = True
) -> RenderableType | None:
    """Write the figures of a search into its folder; return the parameters' importance.

    Args:
        folder: the run folder.
        entries: its finished fits.
        metric: whose values the scores are.
        redraw: whether to draw the figures that are there already, too.

    Returns:
        A table; None if there are too few candidates.

    Raises:
        OSError: a figure can't be written.
    """
    results, histories = search_results(entries, metric)
    found = None
    with suppress(InputError):  # too few candidates
        found = searches.importance(results, metric=metric.name)
    try:
        for name, draw in _pictures(folder.name, metric, results, histories, found):
            if redraw or not (folder / name).is_file():
                write(folder / name, png(draw()))
    except InputError as error:
        note(f"could not draw the figures: {error}")
    return None if found is None else importance_table(found)


def _pictures(
    title: str,
    metric: Metric,
    results: searches.Results,
    histories: searches.AllHistories,
    found: searches.Importances | None,
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the file name of each figure and the function that draws it."""
    shown: Any = {"metric": metric.name, "title": title}
    yield "parallel_coordinates.png", lambda: searches.parallel_coordinates(results, **shown)
    yield "slices.png", lambda: searches.slices(results, **shown)
    if found is not None:
        yield "importance.png", lambda: searches.importance_picture(found, title)
    if any(map(any, histories)):  # which older journals don't have
        yield "learning_curves.png", lambda: searches.learning_curves(results, histories, **shown)


def importance_table(found: searches.Importances) -> RenderableType:
    """Return a bar for each hyper-parameter, the most important first.

    >>> from rich.console import Console
    >>> found = searches.Importances({"l2": 0.75, "dropout": 0.25}, {}, 0.5)
    >>> Console(width=70).print(importance_table(found))
    Parameter importance (50 % of the score variance explained)
    l2       ━━━━━━━━━━━━━━━━━━━━━━━━  75
    dropout  ━━━━━━━━                  25
    """
    title = Text(found.summary, "bold")
    return Group(title, bars(share_chart(found))) if found.explained > 0 else title
