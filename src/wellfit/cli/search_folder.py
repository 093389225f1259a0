"""The run folder of a search: settings, journal, table, best model, result."""

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
    """The run folder of a search."""

    @property
    def journal(self) -> Path:
        """The journal of finished fits."""
        return self.path / JOURNAL

    def begin(self, config: Mapping[str, Any], metrics: Iterable[Mapping[str, Any]] = ()) -> None:
        """Create the folder and write the settings; a resumed search keeps its journal."""
        of_an_earlier_run = () if self.resumed else (JOURNAL, METRICS, HEALTH)
        self._clear_away((*of_an_earlier_run, RESULT, RESULTS, REPORT, *PICTURES))
        if not self.resumed:
            self.configure(config)
        self.begun = True

    def begun_journal(self, config: Mapping[str, Any]) -> Path:
        """Create the folder, and return the path of the journal."""
        self.begin(config)
        return self.journal

    def tabulate(self, frame: pd.DataFrame) -> None:
        """Write the table of candidates."""
        write(self.path / RESULTS, frame.to_csv(index=False).encode())


def read_search(path: Path, asked: str = "--resume") -> dict[str, Any]:
    """Return the settings of the search in a folder, with its result, if any, as ``"result"``.

    Raises:
        InputError: there is no run, or it isn't a search.
    """
    config = read_run(path, asked)
    if "search" not in config:
        raise InputError(
            f"{asked} {path}: this is a training; expected a search, or "
            f"`wellfit train --resume {path}`"
        )
    return config


def has_ended(path: Path) -> bool:
    """Return whether the search in a folder is finished."""
    return (path / RESULT).is_file()


def read_fits(path: Path) -> list[Entry]:
    """Return the finished fits of the search in a folder."""
    return read_journal(path / JOURNAL) if (path / JOURNAL).is_file() else []


def read_results(path: Path) -> pd.DataFrame:
    """Return the table of a search's candidates, of the finished ones while it runs.

    Raises:
        InputError: there is no search, or no candidate is finished yet.
    """
    read_search(path, "show")
    if (path / RESULTS).is_file():
        return read_table(path / RESULTS)
    entries = read_fits(path)
    if not entries:
        raise InputError(f"show {path}: no candidate is finished yet")
    return ranked(entries)
