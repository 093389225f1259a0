"""The runs of a folder as plain data for the dashboard, from files that change."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wellfit.charts import metric_chart, row_curves, row_metrics, row_unit, sampled
from wellfit.charts.to_svg import drawing
from wellfit.cli.dashboard.files import Document, Tail, held_locks, is_held, subfolders
from wellfit.cli.run_folder import CONFIG, FORMAT, JOURNAL, METRICS, RESULT
from wellfit.core import former
from wellfit.core.digests import sha256
from wellfit.core.metrics import Metric, title_of
from wellfit.core.words import parameter_titles

_DEPTH = 3  # levels of subfolders that are searched for runs
_PAUSE = 0.25  # seconds between two reads, for any number of requests
_SILENCE = 30  # seconds of silence after which a run without a visible lock counts as cut off
_POINTS = 600  # points of a curve at most
_PACE = 20  # last epochs that estimate the time of an epoch
_SHOWN_CANDIDATES = 8
_LONGEST = 300  # maximal characters of a name
_LONGEST_VERDICT = 3000  # characters
_NO_CURVES = ("epoch", "seconds")


class RunMonitor:
    """The states of the runs in a folder; thread-safe.

    Args:
        root: a run folder, or a folder with runs in it or in its subfolders.
        clock: returns seconds.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.root = root.resolve()
        self._clock, self._looked = clock, -math.inf
        self._runs: dict[str, MonitoredRun] = {}
        self._lock = threading.Lock()

    def summary(self) -> dict[str, Any]:
        """Return the state of every run: running ones first, then the latest first."""
        with self._lock:
            self._look()
            summaries = [run.summary() for run in self._runs.values()]
        summaries.sort(key=lambda run: run["started"], reverse=True)
        summaries.sort(key=lambda run: run["status"] != "running")
        return {"folder": _text(self.root.name or self.root), "runs": summaries}

    def charts(self, identity: str) -> dict[str, Any] | None:
        """Return a run's charts; None if there is no such run.

        Args:
            identity: the run's ``id`` in the summary.
        """
        with self._lock:
            self._look()
            run = self._runs.get(identity)
            return None if run is None else run.charts()

    def _look(self) -> None:
        if self._clock() - self._looked < _PAUSE:
            return
        there = {_identity(path.relative_to(self.root)): path for path in _found(self.root)}
        self._runs = {
            key: self._runs.get(key) or MonitoredRun(key, path, self.root)
            for key, path in there.items()
        }
        # Before the files, because a run writes its result before it releases the lock.
        locks = held_locks()
        for run in self._runs.values():
            run.look(self._clock(), is_held(run.path, locks))
        # And after them, because a run takes the lock before it writes its settings.
        locks = held_locks()
        for run in self._runs.values():
            run.judge(self._clock(), is_held(run.path, locks))
        self._runs = {key: run for key, run in self._runs.items() if run.is_run}
        self._looked = self._clock()


def _found(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield the folders that look like runs."""
    if (folder / CONFIG).is_file():
        yield folder
    elif depth:
        for inside in subfolders(folder):
            yield from _found(inside, depth - 1)


def _identity(path: Path) -> str:
    """Return an identifier for URLs, because a run's name may contain any character."""
    return sha256(str(path).encode(errors="surrogateescape"))[:16]


class MonitoredRun:
    """A run shown on the dashboard.

    Args:
        identity: its identifier in URLs.
        path: its folder.
        root: folder outside of which nothing is read.
    """

    def __init__(self, identity: str, path: Path, root: Path) -> None:
        self.identity, self.path = identity, path
        self._name = str(path.relative_to(root)) if path != root else path.name
        self._config, self._result = Document(path / CONFIG, root), Document(path / RESULT, root)
        self._metrics, self._journal = Tail(path / METRICS, root), Tail(path / JOURNAL, root)
        self._leaderboard: list[list[Any]] = []
        self._marks: list[tuple[float, int]] = []  # times and numbers of finished fits
        self._running, self._lock_seen, self._grew = False, False, -math.inf

    @property
    def is_run(self) -> bool:
        """Whether a run wrote the settings."""
        return self._config.content.get("format") == FORMAT

    @property
    def _is_search(self) -> bool:
        return isinstance(self._config.content.get("search"), Mapping)

    @property
    def _ranking(self) -> str:
        """The title of the score that ranks a search's candidates."""
        scoring = _text(_mapping(self._config.content["search"]).get("score"))
        return Metric.of(scoring.partition(",")[0]).title if scoring else "score"

    def look(self, now: float, held: bool) -> None:
        """Read new data.

        Args:
            now: current time in seconds.
            held: whether a process holds the run's lock.
        """
        self._running = held
        for file in (self._config, self._result, self._metrics):
            file.look()
        if self._is_search and self._journal.look():
            self._leaderboard = _leaderboard(_fits(self._journal), self._ranking)
            self._marks = [*self._marks, (now, len(_fits(self._journal)))][-_PACE:]
        if self._metrics.grew or self._journal.grew:
            self._grew = now

    def judge(self, now: float, held: bool) -> None:
        """Decide whether the run is still running, after all files are read.

        Args:
            now: current time in seconds.
            held: whether a process now holds the run's lock.
        """
        self._lock_seen |= held or self._running
        if not self._result.content:
            # Another machine's lock may be invisible here; then recent writes show that it runs.
            self._running |= held or (not self._lock_seen and now - self._grew < _SILENCE)

    @property
    def _seen(self) -> str:
        """A token that changes when the charts do."""
        return f"{self._metrics.generation}-{len(self._metrics.rows)}-{self._running}"

    def charts(self) -> dict[str, Any]:
        """Return the charts of the metrics, and their token."""
        rows = self._metrics.rows
        shown = [_plotted(rows[at], at + 1) for at in sampled(len(rows), _POINTS)]
        total = _number(_mapping(self._config.content.get("settings")).get("epochs"))
        by = row_unit(shown)
        end = total if self._running and total and by == "epoch" else 0
        charts = [
            metric_chart(name, row_curves(shown, name), by=by) for name in row_metrics(shown)
        ]
        return {"seen": self._seen, "charts": [drawing(chart, end) for chart in charts]}

    def summary(self) -> dict[str, Any]:
        """Return the run's state."""
        config, result = self._config.content, self._result.content
        data = _mapping(config.get("data"))
        verdict = result.get("verdict")
        return {
            "id": self.identity,
            "name": _text(self._name),
            "kind": "search" if self._is_search else "training",
            "status": self._status(),
            "started": _text(config.get("started")),
            "about": " · ".join(filter(None, (_text(data.get("name")), _size(config, data)))),
            **(self._search() if self._is_search else self._training()),
            "scores": _scores(result.get("test")),
            "verdict": _judgement(verdict),
            "rows": len(self._metrics.rows),
            "seen": self._seen,
        }

    def _status(self) -> str:
        """Return ``running``, the final status, or ``cut off`` if there is none."""
        if self._running:
            return "running"
        ended = former.current_status(_text(self._result.content.get("status")) or "cut off")
        # Searches before 0.1.0 wrote how the best model's training ended.
        is_old_search = self._is_search and ended == "early_stopped"
        return "finished" if is_old_search else str(ended)

    def _training(self) -> dict[str, Any]:
        settings, rows = _mapping(self._config.content.get("settings")), self._metrics.rows
        total = _number(settings.get("epochs"))
        last = _numbers(rows[-1]) if rows else {}
        done = last.get("epoch") or 0
        seconds = last.get("seconds")
        left = None
        if self._running and total and seconds is not None and len(rows) > 1:
            first = _numbers(rows[-min(len(rows), _PACE)])
            epochs = done - (first.get("epoch") or 0)
            passed = seconds - (first.get("seconds") or 0)
            left = passed / epochs * max(total - done, 0) if epochs > 0 else None
        latest = [key for key in last if key not in (*_NO_CURVES, "learning_rate")]
        return {
            **_progress("epoch", done, total, left),
            "early": bool(settings.get("early_stopping")),
            "seconds": seconds,
            "latest": _latest(latest[-1], last) if latest else "",
        }

    def _search(self) -> dict[str, Any]:
        options, done = _mapping(self._config.content["search"]), len(_fits(self._journal))
        factors = [_number(options.get(name)) for name in ("candidates", "cv", "restarts")]
        # With halving, or on a grid, the number of fits isn't known in advance.
        known = options.get("halving") is None and options.get("sampler") != "grid"
        total = math.prod(factor or 1 for factor in factors) if known else None
        marks, left = self._marks, None
        if self._running and total and len(marks) > 1 and marks[-1][1] > marks[0][1]:
            (began, first), (now, last) = marks[0], marks[-1]
            left = (now - began) / (last - first) * max(total - done, 0)
        return {
            **_progress("fit", done, total, left),
            "early": options.get("time_limit") is not None,
            "leaderboard": self._leaderboard,
        }


def _progress(unit: str, done: float, total: float | None, left: float | None) -> dict[str, Any]:
    return {"unit": unit, "done": done, "total": total, "left": left}


def _fits(journal: Tail) -> list[dict[str, Any]]:
    return [row for row in journal.rows if "candidate" in row and "outcome" in row]


def _leaderboard(fits: list[dict[str, Any]], ranking: str) -> list[list[Any]]:
    """Return a table of the best candidates, with the column names as its first row.

    Args:
        fits: those that are finished.
        ranking: what to call the score that candidates are ranked by.
    """
    from wellfit.cli.leaderboard import ranked
    from wellfit.model_selection.journal import Entry
    from wellfit.report.searches.candidates import MEAN, STD, metrics_beside, parameters_of

    try:
        entries = [
            Entry(str(fit.get("key")), fit["candidate"], fit.get("fold", 0), fit["outcome"])
            for fit in fits
        ]
        frame = ranked(entries)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return []  # not a valid journal
    varied, others = parameters_of(frame), metrics_beside(frame)
    beside = [column for name in others for column in (MEAN + name, STD + name)]
    shown = frame.head(_SHOWN_CANDIDATES)[["rank", "mean", "std", *beside, "fits", *varied]]
    rows = [[_cell(value) for value in row] for row in shown.astype(object).to_numpy().tolist()]
    titles = [text for metric in others.values() for text in (_text(metric.title), "±")]
    head = ["", f"{ranking} on folds", "±", *titles, "fits", *map(_text, parameter_titles(varied))]
    return [head, *rows]


def _cell(value: Any) -> Any:
    return _number(value) if _is_number(value) else _text(value)


def _size(config: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    rows, columns = _number(data.get("training_rows")), data.get("columns")
    width = len(columns) if isinstance(columns, list) else _number(columns)
    texts = [_text(config.get("estimator"))]
    if rows and width:
        texts.append(f"{rows:,} rows × {width:,} columns")
    return " · ".join(filter(None, texts))


def _scores(test: Any) -> list[dict[str, Any]]:
    """Return the test scores."""
    given = [one for one in test if isinstance(one, Mapping)] if isinstance(test, list) else []
    return [_score(one) for one in given]


def _score(score: Mapping[str, Any]) -> dict[str, str]:
    """Return a score and its interval as text."""
    name = _text(score.get("name"))
    metric, title = Metric.of(name), title_of(name, _text(score.get("of")))
    value, low, high = (_number(score.get(key)) for key in ("value", "low", "high"))
    known = low is not None and high is not None
    interval = f"{metric.format(low)} to {metric.format(high)}" if known else ""
    return {"name": title, "value": metric.format(value), "interval": interval}


def _latest(key: str, values: Mapping[str, float | None]) -> str:
    return f"{title_of(key)} {Metric.of(key).format(values[key])}"


def _numbers(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the numbers of a line; other values, NaN and infinities become null."""
    return {_text(name): _number(value) for name, value in row.items()}


def _plotted(row: Mapping[str, Any], epoch: int) -> dict[str, float]:
    """Return the numbers of a row; without an epoch of its own, its position counts."""
    known = {name: value for name, value in _numbers(row).items() if value is not None}
    return {"epoch": epoch, **known}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return value if _is_number(value) and abs(value) < 1e300 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, longest: int = _LONGEST) -> str:
    """Return text of bounded length that can be encoded as UTF-8."""
    text = "" if value is None else str(value)
    return text[:longest].encode(errors="replace").decode()


def _judgement(verdict: Any) -> str:
    """Return a verdict's sentence, and the scores that support it."""
    if isinstance(verdict, Mapping):
        parts = (_text(verdict.get(key), _LONGEST_VERDICT) for key in ("sentence", "sure"))
        verdict = " ".join(filter(None, parts))
    return _text(verdict, 2 * _LONGEST_VERDICT)
