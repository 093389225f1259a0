"""The progress of a search in a notebook: fits that are done, and the scores of candidates."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np

from wellfit.charts import Axis, Chart, Line, Points, floats
from wellfit.charts.model import Mark
from wellfit.charts.to_markup import progress_bar, svg
from wellfit.core.metrics import Metric
from wellfit.core.notebook import CellOutput
from wellfit.core.pace import RedrawPace
from wellfit.core.words import duration, pluralize
from wellfit.model_selection.fold_fit import FoldFit

_DELAY = 2.0  # seconds before anything is shown
_SIZE = (440, 220)  # of the chart, in pixels


class SearchProgress:
    """Shows in a notebook how many fits are done, and each candidate's mean score.

    Args:
        output: of the cell that searches; None shows nothing.
        name: of the search's class.
        scoring: what candidates are compared by; the first of several.
        folds: how many fits make a candidate's mean.
    """

    def __init__(self, output: CellOutput | None, name: str, scoring: str, folds: int) -> None:
        self._output, self._name, self._folds = output, name, folds
        self._scoring, self._metric = scoring, Metric.of(scoring)
        self._pace, self._drawn = RedrawPace(_DELAY), False
        self._began = time.perf_counter()
        self._wanted = self._done = 0
        # By the identity of the candidate, which is kept so that no other gets its address.
        self._scores: dict[int, tuple[Mapping[str, Any], list[float]]] = {}
        self._means: list[float] = []

    @classmethod
    def of(cls, search: Any, estimator: Any) -> SearchProgress:
        """Return the progress of a search that begins; silent if its estimator is to be."""
        silent = getattr(estimator, "verbose", None) == 0 and not search.verbose
        refit: Any = vars(search).get("refit")
        scoring = search.scoring
        names = list(scoring) if isinstance(scoring, (list, tuple, Mapping)) else [scoring]
        if isinstance(refit, str) and refit in names:
            names = [refit]
        name = names[0] if names and isinstance(names[0], str) else "score"
        output = None if silent else CellOutput.now()
        return cls(output, type(search).__name__, name, search.n_splits_)

    @contextmanager
    def round(self, fits: Sequence[FoldFit], known: Sequence[Any]) -> Iterator[None]:
        """Show that fits begin, some of which are known already; show the end when it comes."""
        self._wanted += len(fits)
        there = [pair for pair in zip(fits, known, strict=True) if pair[1] is not None]
        self.add([fit for fit, _ in there], [outcome for _, outcome in there])
        try:
            yield
        finally:
            if self._output is not None and self._drawn:
                self._output.finish(self, self._html(), self._line())

    def add(self, fits: Sequence[FoldFit], outcomes: Sequence[Mapping[str, Any]]) -> None:
        """Add fits that are done."""
        if self._output is None:
            return
        self._done += len(fits)
        for fit, outcome in zip(fits, outcomes, strict=True):
            scores = self._scores.setdefault(id(fit.candidate), (fit.candidate, []))[1]
            scores.append(self._score(outcome["test_scores"]))
            if len(scores) % self._folds == 0:  # halving judges survivors again
                self._means.append(float(np.mean(scores[-self._folds :])))
        if self._pace.due():
            self._output.show(self, self._html(), self._line())
            self._drawn = True
            self._pace.drawn()

    def _score(self, scores: Any) -> float:
        if not isinstance(scores, Mapping):
            return float(scores)
        return float(scores.get(self._scoring, next(iter(scores.values()))))

    def _line(self) -> str:
        passed = duration(time.perf_counter() - self._began)
        text = f"{self._name}: {self._done:,} of {pluralize(self._wanted, 'fit')}, {passed}"
        best = np.max(self._means, where=np.isfinite(self._means), initial=-np.inf)
        if not np.isfinite(best):
            return text
        return f"{text}, best mean {self._metric.title} {self._metric.format(float(best))}"

    def _html(self) -> str:
        bar = progress_bar(self._done / max(self._wanted, 1))
        drawn = svg(self._chart(), _SIZE) if self._means else ""
        return f"<div>{bar} {escape(self._line())}</div><div>{drawn}</div>"

    def _chart(self) -> Chart:
        """Return each candidate's mean score in the order of their ends, and the best so far."""
        means = self._metric.scale * floats(self._means)
        finite = np.where(np.isfinite(means), means, -np.inf)
        best = np.maximum.accumulate(finite)
        number = np.arange(1.0, len(means) + 1)
        marks: list[Mark] = [
            Points(number, means, "a candidate", opacity=0.7),
            Line(number, np.where(np.isfinite(best), best, np.nan), "best so far", 1),
        ]
        x = Axis("candidates", whole=True, low=0.5, high=len(means) + 0.5)
        return Chart("Mean scores of candidates", self._line(), marks, x, Axis(self._metric.label))
