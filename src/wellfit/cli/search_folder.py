"""The folder of a search: settings, the journal, the table, the best model, the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from wellfit.cli.leaderboard import ranked
from wellfit.cli.run_folder import (
    HEALTH,
    JOURNAL,
    METRICS,
    PICTURES,
    REPORT,
    RESULT,
    RESULTS,
    RunFolder,
    read_run,
)
from wellfit.cli.run_forms import read_table
from wellfit.core.errors import InputError
from wellfit.core.writing import write
from wellfit.model_selection.journal import Entry, read_journal


class SearchFolder(RunFolder):
    """A run's folder that a search is written into."""

    @property
    def journal(self) -> Path:
        """The file of finished fits."""
        return self.path / JOURNAL

    def begin(self, config: Mapping[str, Any], metrics: Iterable[Mapping[str, Any]] = ()) -> None:
        """Make the folder and write the settings; a search that is resumed keeps its journal."""
        of_an_earlier_run = () if self.resumed else (JOURNAL, METRICS, HEALTH)
        self._clear_away((*of_an_earlier_run, RESULT, RESULTS, REPORT, *PICTURES))
        if not self.resumed:
            self.configure(config)
        self.begun = True

    def begun_journal(self, config: Mapping[str, Any]) -> Path:
        """Begin, and return where the journal is to be."""
        self.begin(config)
        return self.journal

    def tabulate(self, frame: pd.DataFrame) -> None:
        """Write the table of candidates."""
        write(self.path / RESULTS, frame.to_csv(index=False).encode())


def read_search(path: Path, asked: str = "--resume") -> dict[str, Any]:
    """Return the settings of the search in a folder, and its result, if any, as ``"result"``.

    Raises:
        InputError: there is no run, or it is no search.
    """
    config = read_run(path, asked)
    if "search" not in config:
        raise InputError(
            f"{asked} {path}: this is a training; expected a search, or "
            f"`wellfit train --resume {path}`"
        )
    return config


def has_ended(path: Path) -> bool:
    """Say whether the search in a folder came to its end."""
    return (path / RESULT).is_file()


def read_fits(path: Path) -> list[Entry]:
    """Return the finished fits of the search in a folder."""
    return read_journal(path / JOURNAL) if (path / JOURNAL).is_file() else []


def read_results(path: Path) -> pd.DataFrame:
    """Return the table of a search's candidates: of those that are finished, where it goes on.

    Raises:
        InputError: there is no search, or it has finished nothing yet.
    """
    read_search(path, "show")
    if (path / RESULTS).is_file():
        return read_table(path / RESULTS)
    entries = read_fits(path)
    if not entries:
        raise InputError(f"show {path}: no candidate is finished yet")
    return ranked(entries)
