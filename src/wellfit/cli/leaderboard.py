"""The leaderboard of a search: live while it runs, and the final table."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wellfit.core.metrics import Metric
from wellfit.core.words import duration, parameter_titles, short
from wellfit.model_selection.journal import Entry, Journal
from wellfit.report.searches.candidates import (
    FIGURES,
    MEAN,
    STD,
    cells,
    metrics_beside,
    parameters_of,
)

_EVERY = 0.2  # seconds between two frames
_PLAIN_LINES = 10
_SHOWN_CANDIDATES = 8
_UNBOUND = 10_000  # characters: wider than any table


def ranked(entries: Iterable[Entry]) -> pd.DataFrame:
    """Return a row for each candidate, the best first, computed from the finished fits.

    If a fit was scored several times during training, the last score counts. Of several metrics,
    the first ranks; the others have columns of their own.

    >>> entry = Entry("k", {"l2": 0.1}, 0, {"test_scores": 0.5, "fit_time": 1.0, "score_time": 0})
    >>> ranked([entry]).to_dict("records")
    [{'rank': 1, 'mean': 0.5, 'std': 0.0, 'fits': 1, 'seconds': 1.0, 'l2': 0.1}]
    """
    rows = [_row(candidate, some) for candidate, some in _by_candidate(entries)]
    frame = pd.DataFrame(rows, columns=None if rows else list(FIGURES))
    frame = frame.sort_values("mean", ascending=False, kind="stable", na_position="last")
    return frame.assign(rank=range(1, len(frame) + 1)).reset_index(drop=True)


def search_results(
    entries: Iterable[Entry], metric: Metric
) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """Return the parts of ``cv_results_`` and ``histories_`` that figures need, of finished fits.

    >>> outcome = {"test_scores": 0.5, "history": {"loss": [1.5]}}
    >>> search_results([Entry("k", {"l2": 0.1}, 0, outcome)], Metric.of("accuracy"))[1]
    [[{'loss': [1.5]}]]
    """
    candidates = _by_candidate(entries)
    scores = [[next(iter(_scores(e).values())) for e in some] for _, some in candidates]
    results = {
        "params": [candidate for candidate, _ in candidates],
        f"mean_test_{metric.name}": np.array([np.mean(each) for each in scores]),
        f"std_test_{metric.name}": np.array([np.std(each) for each in scores]),
    }
    return results, [[e.outcome.get("history", {}) for e in some] for _, some in candidates]


def _by_candidate(entries: Iterable[Entry]) -> list[tuple[dict[str, Any], list[Entry]]]:
    """Return each candidate without its seed, with the last result of each of its fits."""
    fits: dict[str, dict[Any, Entry]] = {}
    for entry in entries:
        varied = {k: v for k, v in entry.candidate.items() if k != "random_state"}
        place = (entry.fold, entry.candidate.get("random_state"))
        fits.setdefault(json.dumps(varied), {})[place] = entry
    return [(json.loads(key), list(some.values())) for key, some in fits.items()]


def failures(entries: Sequence[Entry]) -> str:
    r"""Return how many fits failed and the first error, or an empty text if none failed.

    >>> entry = Entry("k", {}, 0, {"fit_error": "Traceback …\nsome.where.OwnError: l2 is -1\n"})
    >>> failures([entry])
    '1 of 1 fits failed; first error: OwnError: l2 is -1'
    """
    errors = [error for entry in entries if (error := entry.outcome.get("fit_error"))]
    if not errors:
        return ""
    return f"{len(errors)} of {len(entries)} fits failed; first error: {_raised(errors[0])}"


def brief(message: str) -> str:
    r"""Return a message without its traceback.

    >>> brief("It failed. Details:\nTraceback …\n  File …\nValueError: no")
    'It failed. Details: ValueError: no'
    """
    head, traceback, _ = message.partition("Traceback")
    return f"{head.strip()} {_raised(message)}" if traceback else message


def _raised(traceback: str) -> str:
    """Return the last line of a traceback, without the module of the error."""
    return re.sub(r"^(\w+\.)+(?=\w+: )", "", traceback.rstrip().rpartition("\n")[2])


def _row(candidate: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    fits = [_scores(entry) for entry in entries]
    first, *others = ([fit.get(name, math.nan) for fit in fits] for name in fits[0])
    seconds = sum(entry.outcome["fit_time"] + entry.outcome["score_time"] for entry in entries)
    figures = (0, float(np.mean(first)), float(np.std(first)), len(entries), float(seconds))
    more: dict[str, float] = {}
    for name, scores in zip([*fits[0]][1:], others, strict=True):
        more[MEAN + name], more[STD + name] = float(np.mean(scores)), float(np.std(scores))
    return {**dict(zip(FIGURES, figures, strict=True)), **cells(candidate), **more}


def _scores(entry: Entry) -> dict[str, float]:
    """Return the scores of a fit by the names of their metrics, the first of which ranks."""
    scores = entry.outcome["test_scores"]
    named = (scores or {"score": math.nan}) if isinstance(scores, Mapping) else {"score": scores}
    return {name: float(score) for name, score in named.items()}


def leaderboard_table(
    frame: pd.DataFrame, metric: Metric, most: int = _SHOWN_CANDIDATES
) -> RenderableType:
    """Return a table of the best candidates and of the presets, with the number of the others.

    Args:
        frame: the candidates, as of :func:`ranked`.
        metric: whose values the scores are.
        most: how many candidates.
    """
    # A preset is what others are compared with, also where it isn't among the best.
    is_preset = frame["preset"].notna() if "preset" in frame else False
    shown = frame[(frame.index < most) | is_preset]
    texts = (_columns(shown), _one_column(shown))
    table = _Fitting(*(_table(shown, each, metric) for each in texts))
    more = len(frame) - len(shown)
    return Group(table, Text(f"and {more:,} more", "dim")) if more > 0 else table


def _table(frame: pd.DataFrame, parameters: Mapping[str, Sequence[str]], metric: Metric) -> Table:
    """Return a table with scores on the left and parameter columns on the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    others = metrics_beside(frame)
    beside = (text for other in others.values() for text in (other.title, ""))
    for name in ("", metric.title, "", *beside, "fits", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, texts in parameters.items():
        table.add_column(name, min_width=max(map(len, texts), default=0) if name else None)
    for figures, *texts in zip(_figures(frame, metric), *parameters.values(), strict=True):
        table.add_row(*figures, *texts)
    return table


def _columns(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the values of each parameter by its name, one word a line to stay narrow."""
    names = parameters_of(frame)
    return {
        title.replace(" ", "\n"): [_short(value) for value in frame[name].tolist()]
        for title, name in zip(parameter_titles(names), names, strict=True)
    }


def _one_column(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return each candidate's parameters as one text, which may take several lines."""
    return {"": [", ".join(words) for words in _in_words(frame)]}


def _in_words(frame: pd.DataFrame) -> list[list[str]]:
    names = parameters_of(frame)
    titles = parameter_titles(names)
    return [
        [
            f"{title} {text}"
            for title, value in zip(titles, row, strict=True)
            if (text := _short(value))
        ]
        for row in frame[names].astype(object).to_numpy().tolist()
    ]


class _Fitting:
    """Shows the first of two tables, or the second if the first is too wide."""

    def __init__(self, first: Table, second: Table) -> None:
        self._first, self._second = first, second

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbound = options.update(width=_UNBOUND)
        whole = Measurement.get(console, unbound, self._first).minimum
        yield self._first if whole <= options.max_width else self._second


def _figures(frame: pd.DataFrame, metric: Metric) -> list[list[Any]]:
    others = metrics_beside(frame)
    return [
        [
            str(row["rank"]),
            Text(metric.format(row["mean"], more=1), "bold green" if row["rank"] == 1 else ""),
            _deviation(row, metric),
            *_beside(row, others),
            str(row["fits"]),
            _short(row["seconds"]),
        ]
        for row in frame.to_dict("records")
    ]


def _beside(row: Any, others: Mapping[str, Metric]) -> Iterator[str]:
    """Yield the mean and the standard deviation of each further metric of a candidate."""
    for name, metric in others.items():
        yield metric.format(row[MEAN + name], more=1)
        yield _deviation(row, metric, STD + name)


def _deviation(row: Any, metric: Metric, key: str = "std") -> str:
    """Return the standard deviation of a candidate's scores; nothing where it has one fit."""
    known = row["fits"] > 1 and np.isfinite(row[key])
    return f"± {metric.format(row[key], more=1)}" if known else ""


def _short(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else short(value)
    return "" if value is None else str(value)


class Leaderboard:
    """Shows the progress of a search: a live table in a terminal, otherwise about ten lines.

    Args:
        console: where to print.
        metric: whose values the scores are.
        total: number of fits of the search, if known in advance.
        limit: time limit of the search in seconds.
        quiet: whether to show nothing.
        clock: returns seconds.
    """

    def __init__(
        self,
        console: Console,
        metric: Metric,
        total: int = 0,
        limit: float | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._console, self._limit, self._clock = console, limit, clock
        self._metric = metric
        self._total, self._requested, self._known = total, 0, 0
        self._live: Live | None = None
        if console.is_terminal and not quiet:
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._plain = not quiet and not console.is_terminal
        self._began, self._shown, self._printed = clock(), 0.0, 0
        self.entries: list[Entry] = []

    @property
    def _expected_fits(self) -> int:
        return max(self._total, self._requested, 1)

    def __enter__(self) -> Leaderboard:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def expect(self, fits: int, known: int) -> None:
        """Add the fits of another round, some of which the journal already has."""
        self._requested += fits
        self._known += known
        self._printed = self._done() * _PLAIN_LINES // self._expected_fits
        if self._live is not None:  # at once: the first stack may take minutes
            self._live.update(self.frame(), refresh=True)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add finished fits, and show them if the last frame is old enough."""
        self.entries += entries
        if self._live is not None and self._clock() - self._shown > _EVERY:
            self._shown = self._clock()
            self._live.update(self.frame(), refresh=True)
        tenth = self._done() * _PLAIN_LINES // self._expected_fits
        if self._plain and tenth > self._printed:
            self._printed = tenth
            self._console.print(self.line(), soft_wrap=True)

    def _done(self) -> int:
        return min(len(self.entries), self._expected_fits)

    def left(self) -> float | None:
        """Return an estimate of the remaining seconds; None if it is unknown.

        It is unknown at first, and after all known fits: then the best candidate is trained, or
        another bracket begins.
        """
        passed, fresh = self._clock() - self._began, self._done() - self._known
        if fresh <= 0 or self._done() == self._expected_fits:
            return None
        left = passed / fresh * (self._expected_fits - self._done())
        return left if self._limit is None else max(0.0, min(left, self._limit - passed))

    def line(self) -> str:
        """Return the progress and the best candidate in one line."""
        frame = ranked(self.entries)
        best = frame.iloc[0]
        done = f"{self._done()}/{self._expected_fits} fits"
        mean = self._metric.format(best["mean"], more=1)
        score = f"best {mean} {_deviation(best, self._metric)}".rstrip()
        return "  ".join([done, *self._times(), score, *_in_words(frame.head(1))[0]])

    def _times(self) -> list[str]:
        left = self.left()
        return [] if left is None else [f"{duration(left)} left"]

    def frame(self) -> RenderableType:
        """Return a progress bar with the remaining time, and the leaderboard below."""
        bar = ProgressBar(total=self._expected_fits, completed=self._done(), width=24)
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_row(f"{self._done()}/{self._expected_fits} fits", bar, *self._times())
        return Group(line, Text(), leaderboard_table(ranked(self.entries), self._metric))


class DisplayedJournal(Journal):
    """A journal that shows each fit when it finishes.

    Args:
        place: creates the folder and returns the file's path. It is called after validation, so
            that an invalid search creates and replaces nothing.
        leaderboard: shows the fits.
    """

    def __init__(self, place: Callable[[], Path], leaderboard: Leaderboard) -> None:
        super().__init__("")
        self._place, self._leaderboard = place, leaderboard

    def begin(self, search: Mapping[str, Any]) -> None:
        """Create the folder, and open the file."""
        self.path = self._place()
        super().begin(search)

    def round(self, fits: int, known: int) -> None:
        """Announce a round; the first one with the fits that the journal has."""
        if not self._leaderboard.entries:
            self._leaderboard.entries += self.entries.values()
        self._leaderboard.expect(fits, known)

    def record(self, entries: Sequence[Entry]) -> None:
        """Write the fits, and show them."""
        super().record(entries)
        self._leaderboard.add(entries)
