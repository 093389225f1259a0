"""The results of single fits in one JSON file, a line each, to which runs add."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

Result = dict[str, Any]


class Cell(NamedTuple):
    """A side on a split of a table: what one fit is for."""

    side: str
    table: str
    split: int


class Store:
    """Results by cell, read from and written to a file that several runs may share.

    Every addition replaces the file as a whole, so that an interrupted run leaves it readable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[Cell, Result]:
        """Return the results, none where there is no file."""
        records = json.loads(self.path.read_text())["results"] if self.path.exists() else []
        return {Cell(one.pop("side"), one.pop("table"), one.pop("split")): one for one in records}

    def add(self, results: dict[Cell, Result]) -> None:
        """Add results; those of a cell that is in the file already are replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            lines = _lines({**self.read(), **results}.items())
            partial = self.path.with_suffix(".partial")
            partial.write_text(f'{{"results": [\n{lines}\n]}}\n')
            os.replace(partial, self.path)


def _lines(results: Iterable[tuple[Cell, Result]]) -> str:
    records = ({**cell._asdict(), **result} for cell, result in sorted(results, key=_by_cell))
    return ",\n".join(json.dumps(record) for record in records)


def _by_cell(item: tuple[Cell, Result]) -> Cell:
    return item[0]
