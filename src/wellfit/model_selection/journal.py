"""A search on disk: every finished fit at once, so that a search that was killed goes on.

A journal is a file of JSON lines. The first says what is searched: the estimator's parameters,
the seed, the scoring, digests of data and folds. Each other line is a fit: the candidate, the
fold, the outcome. Lines begin with a checksum of themselves, and are only ever appended.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from wellfit.core import former
from wellfit.core.digests import blake2b
from wellfit.core.errors import HyperparameterError, InputError, ModelFileError
from wellfit.core.files import parse_json, read_regular
from wellfit.core.schema import Count, conform
from wellfit.core.writing import append, write
from wellfit.model_selection.fingerprints import differences, digest, plain_data
from wellfit.model_selection.fold_fit import FoldFit

Outcome = dict[str, Any]
Place = str | os.PathLike[str]

FORMAT, FORMAT_VERSION = "wellfit-search-journal", 1

_LARGEST = 1 << 28  # bytes: a hundred thousand fits of forty epochs each


class OutcomeDocument(TypedDict):
    """What came of a fit, as plain data; a score for each metric where there are several."""

    test_scores: float | dict[str, float]
    train_scores: NotRequired[float | dict[str, float]]
    n_test_samples: NotRequired[Count]
    fit_time: float
    score_time: float
    fit_error: NotRequired[str | None]
    history: NotRequired[dict[str, list[float]]]


class EntryDocument(TypedDict):
    """A finished fit, as a line of a journal holds it."""

    key: str
    candidate: dict[str, Any]
    fold: Count
    outcome: OutcomeDocument


_UNKNOWN = object()


@dataclass(frozen=True)
class Entry:
    """A fit that is finished.

    Attributes:
        key: identifies the fit among all others.
        candidate: its parameters, as plain data.
        fold: which of the folds it was judged on, from 0.
        outcome: scores, times, rows, losses by epoch, and the error of one that failed.
    """

    key: str
    candidate: Mapping[str, Any]
    fold: int
    outcome: Outcome


class Journal:
    """The finished fits of one search, in memory and in a file.

    Args:
        path: the file; made by :meth:`begin` where there is none.
    """

    def __init__(self, path: Place) -> None:
        self.path = Path(path)
        self.entries: dict[str, Entry] = {}
        self.has_former_names = False  # it was begun before version 0.1.0
        self._pending: list[bytes] = []  # lines that found no room yet
        self._complained = False

    def begin(self, search: Mapping[str, Any]) -> None:
        """Open the file for a search: read what is finished, or write the first line.

        Args:
            search: what identifies it, as plain data.

        Raises:
            InputError: the journal is another search's; names what differs.
            ModelFileError: the file is no journal, or of a newer format.
            OSError: it can't be read or written.
        """
        if not self.path.exists() or (self.path.is_file() and not self.path.stat().st_size):
            _create(self.path, search)
        written, entries, size = _read(self.path)
        there = former.current_identity(written)
        self.has_former_names = there != written
        now = json.loads(json.dumps(search))
        differing = list(differences(_without_verbosity(there), _without_verbosity(now)))
        if differing:
            more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise InputError(
                f"{self.path} is the journal of another search: {'; '.join(differing[:3])}{more}. "
                "Search as it began, or into a new journal"
            )
        if size < self.path.stat().st_size:  # the line that was being written
            os.truncate(self.path, size)
        self.entries = {entry.key: entry for entry in entries}

    def round(self, fits: int, known: int) -> None:
        """Hear that ``fits`` more are wanted, ``known`` of which are here."""

    def record(self, entries: Sequence[Entry]) -> None:
        """Append fits, and return once they are on the disk.

        Where the disk is full this warns once; the lines are tried again with the next ones.
        """
        self.entries |= {entry.key: entry for entry in entries}
        self._pending += [_line(vars(entry)) for entry in entries]
        try:
            self.settle()
        except OSError as error:
            if not self._complained:
                self._complained = True
                warnings.warn(
                    f"{self.path}: {error.strerror}; the search goes on, and what is finished "
                    "from here on is lost where it is cut off",
                    stacklevel=2,
                )

    def settle(self) -> None:
        """Append the fits that found no room yet.

        Raises:
            OSError: they find none now.
        """
        if self._pending:
            try:
                _append(self.path, b"".join(self._pending))
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            self._pending.clear()


class Recorder:
    """What a search reads from its journal and writes to it; without a journal, nothing.

    Args:
        search: whose parameters identify it.
        journal: a journal, or the path of one.
        data: all rows, their targets, and what else goes into fits and scores.

    Raises:
        HyperparameterError: the search draws other candidates, or other weights, every time.
    """

    def __init__(self, search: Any, journal: Journal | Place | None, *data: Any) -> None:
        if isinstance(journal, (str, os.PathLike)):
            journal = Journal(journal)
        self._journal = journal
        self._search, self._data = search, data
        self._begun = False
        self._called: Any = _UNKNOWN
        self._folds: dict[bytes, _Fold] = {}
        if journal is not None:
            _check_seed("the search's random_state", getattr(search, "random_state", 0))
            for name, value in search.estimator.get_params().items():
                if name.rpartition("__")[2] == "random_state":
                    _check_seed(f"the estimator's {name}", value)

    def known(self, fits: Sequence[FoldFit]) -> list[Outcome | None]:
        """Return the outcomes of those fits that are finished."""
        if self._journal is None:
            return [None] * len(fits)
        keys = [_key(fit, self._fold(fit)) for fit in fits]
        if not self._begun:
            self._journal.begin(self._identity())
            self._begun = True
        if self._journal.has_former_names:
            once = [_former_key(fit, self._fold(fit)) for fit in fits]
            pairs = zip(keys, once, strict=True)
            keys = [old if old in self._journal.entries else key for key, old in pairs]
        entries = [self._entry(key) for key in keys]
        known = [None if entry is None else {"history": {}, **entry.outcome} for entry in entries]
        self._journal.round(len(fits), len(fits) - known.count(None))
        return known

    def _entry(self, key: str) -> Entry | None:
        """Return a fit that is finished, if it was judged by what this search judges by."""
        assert self._journal is not None
        entry, scoring = self._journal.entries.get(key), self._search.scoring
        if entry is None:
            return None
        judged = entry.outcome.get("train_scores") is not None
        alike = judged == bool(self._search.return_train_score)
        alike &= {"fit_error", "n_test_samples"} <= entry.outcome.keys()
        names = set(scoring) if isinstance(scoring, (list, tuple, set, Mapping)) else None
        for kind in ("test_scores", "train_scores") if judged else ("test_scores",):
            scores = entry.outcome[kind]
            own = set(scores) if isinstance(scores, Mapping) else None
            alike &= own == (self._own_names(own) if callable(scoring) else names)
        return entry if alike else None

    def _own_names(self, names: set[str] | None) -> set[str] | None:
        """Return what a function's scores are called: as in the first fit that is known."""
        if self._called is _UNKNOWN:
            self._called = names
        return self._called

    def record(self, fits: Sequence[FoldFit], outcomes: Sequence[Outcome]) -> None:
        """Write down fits as they finish."""
        if self._journal is None:
            return
        entries = []
        for fit, outcome in zip(fits, outcomes, strict=True):
            fold = self._fold(fit)
            key = _key(fit, fold)
            entries.append(Entry(key, plain_data(fit.candidate), fold.number, plain_data(outcome)))
        self._journal.record(entries)

    def _fold(self, fit: FoldFit) -> _Fold:
        """Return a fit's fold; the rows of many fits are digested once."""
        rows = fit.train.tobytes() + b"|" + fit.test.tobytes()
        if rows not in self._folds:
            self._folds[rows] = _Fold(len(self._folds), digest(fit.train, fit.test))
        return self._folds[rows]

    def _identity(self) -> dict[str, Any]:
        search = self._search
        hold_out = getattr(search, "hold_out", None)
        # Only where it is set: journals of searches without it have no such entry.
        chosen = {} if hold_out is None else {"hold_out": plain_data(hold_out)}
        return {
            **chosen,
            "estimator": plain_data(search.estimator),
            "seed": plain_data(getattr(search, "random_state", None)),
            "scoring": plain_data(search.scoring),
            "error_score": plain_data(search.error_score),
            "return_train_score": search.return_train_score,
            "data": digest(*self._data),
            "folds": digest([fold.digest for fold in self._folds.values()]),
        }


def read_journal(path: Place) -> list[Entry]:
    """Return the finished fits of a journal, in the order in which they finished.

    Raises:
        ModelFileError: the file is no journal, or of a newer format.
        OSError: it can't be read.
    """
    return _read(Path(path))[1]


def _check_seed(name: str, seed: Any) -> None:
    if not isinstance(seed, (int, np.integer)):
        raise HyperparameterError(
            f"{name} is {seed!r}; with a journal expected a whole number, since a search that "
            "goes on has to draw what it drew before"
        )


def _without_verbosity(identity: Any) -> Any:
    """Return a search's identity without ``verbose``, which changes no result."""
    if isinstance(identity, Mapping):
        kept = {key: item for key, item in identity.items() if key != "verbose"}
        return {key: _without_verbosity(item) for key, item in kept.items()}
    return (
        [_without_verbosity(item) for item in identity] if isinstance(identity, list) else identity
    )


@dataclass(frozen=True)
class _Fold:
    number: int
    digest: str


def _key(fit: FoldFit, fold: _Fold) -> str:
    others = (field.name for field in fields(fit) if field.name not in ("train", "test"))
    return digest(fold.digest, {name: getattr(fit, name) for name in others})


def _former_key(fit: FoldFit, fold: _Fold) -> str:
    """Return the key that the fit has in a journal that was begun before version 0.1.0."""
    return _key(replace(fit, candidate=former.former_candidate(plain_data(fit.candidate))), fold)


# The file


def _line(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    return b'{"sum": "' + _sum(text) + b'", ' + text[1:] + b"\n"


def _content(line: bytes) -> dict[str, Any] | None:
    """Return what :func:`_line` wrote; None where it is damaged."""
    start = len(b'{"sum": "') + len(_sum(b"")) + len(b'", ')
    text = b"{" + line[start:]
    whole = line[:start] == b'{"sum": "' + _sum(text) + b'", '
    if not whole:
        return None
    with suppress(ModelFileError):
        content = parse_json(text, "a line")
        return content if isinstance(content, dict) else None
    return None


def _sum(text: bytes) -> bytes:
    return blake2b([text], size=8).encode()


def _create(path: Path, search: Mapping[str, Any]) -> None:
    """Write the first line beside and rename it: there is a journal, or there is none."""
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "search": search}
    write(path, _line(header))


def _append(path: Path, data: bytes) -> None:
    """Write all of it, or leave the file as it was."""
    with path.open("ab", buffering=0) as file:
        append(file, data, sync=True)


def _read(path: Path) -> tuple[Any, list[Entry], int]:
    """Return the search, its finished fits, and how many bytes are whole lines.

    A damaged line, or one of another form, is passed over: its fit is done again.
    """
    data = read_regular(path, _LARGEST)
    size = data.rfind(b"\n") + 1
    header, *rest = data[:size].split(b"\n")
    first = _content(header) or {}
    if first.get("format") != FORMAT:
        raise ModelFileError(f"{path} is no journal of a search, or its first line is damaged")
    try:
        conform(first.get("format_version"), int, "format_version")
        conform(first.get("search"), dict[str, Any], "search")
    except ModelFileError as error:
        raise ModelFileError(f"{path} is no journal of a search: {error}") from error
    if first["format_version"] > FORMAT_VERSION:
        raise ModelFileError(
            f"a newer wellfit wrote {path}, in format {first['format_version']}; expected "
            f"{FORMAT_VERSION}"
        )
    lines = [content for content in map(_content, rest) if content is not None]
    return first["search"], [Entry(**line) for line in lines if _is_entry(line)], size


def _is_entry(content: dict[str, Any]) -> bool:
    try:
        conform(content, EntryDocument, "")
    except ModelFileError:
        return False
    return True
