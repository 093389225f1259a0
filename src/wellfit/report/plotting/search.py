"""The figures of ``search.plot``."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from wellfit.charts.to_matplotlib import draw
from wellfit.report.plotting.canvas import one, several
from wellfit.report.searches.candidate_curves import candidate_charts
from wellfit.report.searches.candidates import candidates
from wellfit.report.searches.coordinates import coordinates_chart, coordinates_size
from wellfit.report.searches.importances import importance, share_chart
from wellfit.report.searches.search_table import Results, SearchTable
from wellfit.report.searches.slicing import grid, slice_charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SearchPlots:
    """Figures of a search, as ``search.plot``; each returns what it has drawn on.

    ``metric`` is the one whose mean counts, ``"score"`` where there is one only; ``ax`` is where
    to draw, by default on a new figure.

    Args:
        search: the search.

    Raises:
        NotFittedError: by each figure, before ``fit``.
    """

    def __init__(self, search: Any) -> None:
        self._search = search

    def parallel_coordinates(
        self,
        *,
        metric: str | None = None,
        log: Collection[str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw each candidate as a line through its parameters to its score.

        Args:
            metric: whose mean counts; by default that of ``refit``.
            log: the parameters on a log scale; by default chosen by their values.
            ax: where to draw.
        """
        tried = self._tried(metric, log)
        axes = one(ax, coordinates_size(tried))
        draw(coordinates_chart(tried), axes)
        return axes

    def slices(
        self,
        *,
        metric: str | None = None,
        log: Collection[str] | None = None,
        ax: Any = None,
    ) -> NDArray[Any]:
        """Draw the score against each parameter; return an Axes for each.

        Args:
            metric: whose mean counts; by default that of ``refit``.
            log: the parameters on a log scale; by default chosen by their values.
            ax: where to draw: Axes to be divided, or an array of them.
        """
        charts = slice_charts(self._tried(metric, log))
        panels = several(ax, grid(len(charts)), len(charts), (3.3, 3.1))
        for axes, chart in zip(panels, charts, strict=True):
            draw(chart, axes)
        return panels

    def importance(
        self, *, metric: str | None = None, random_state: int = 0, ax: Axes | None = None
    ) -> Axes:
        """Draw how much the score depends on each parameter.

        Args:
            metric: whose mean counts; by default that of ``refit``.
            random_state: seed of the forests that learn scores from parameters.
            ax: where to draw.

        Raises:
            InputError: fewer than 8 candidates have a score.
        """
        found = importance(
            self._results(), metric=metric or self._metric(), random_state=random_state
        )
        axes = one(ax, (7.2, 0.45 * len(found.shares) + 1.6))
        draw(share_chart(found), axes)
        return axes

    def learning_curves(
        self, *, metric: str | None = None, top: int = 5, ax: Any = None
    ) -> NDArray[Any]:
        """Draw the learning curves of the best candidates; return Axes of loss and accuracy.

        Args:
            metric: whose mean counts; by default that of ``refit``.
            top: how many candidates, 1 to 7.
            ax: where to draw: Axes to be divided, or an array of them.
        """
        charts = candidate_charts(self._tried(metric, None), self._search.histories_, top)
        panels = several(ax, (1, len(charts)), len(charts), (6.0, 4.6))
        for axes, chart in zip(panels, charts, strict=True):
            draw(chart, axes)
        return panels

    def table(self, *, metric: str | None = None) -> pd.DataFrame:
        """Return a line for each candidate, the best first: mean, deviation, seconds, parameters.

        Args:
            metric: whose mean counts; by default that of ``refit``.
        """
        return candidates(self._results(), metric=metric or self._metric())

    def _repr_html_(self) -> str:
        """Return the table of the first candidates."""
        return self.table().head(10).to_html(index=False)

    def _results(self) -> Results:
        check_is_fitted(self._search, "cv_results_")
        return self._search.cv_results_

    def _metric(self) -> str:
        """Return the metric that chose the best, or the first there is."""
        if isinstance(self._search.refit, str) and self._search.multimetric_:
            return self._search.refit
        start = "mean_test_"
        return next(key.removeprefix(start) for key in self._results() if key.startswith(start))

    def _tried(self, metric: str | None, log: Collection[str] | None) -> SearchTable:
        results = self._results()
        return SearchTable.of(results, metric or self._metric(), log)
