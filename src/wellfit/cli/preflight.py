"""Checks of a command that need no network, made before PyTorch is imported.

That import takes seconds, and a mistyped name shouldn't. Errors are worded where they are found
later, too: a file or column that can't be there is read in the ordinary way, which says so.
"""

from __future__ import annotations

from pathlib import Path

from wellfit.cli.console import spinner
from wellfit.cli.request import Request
from wellfit.cli.source import open_source
from wellfit.datasets import is_name, load
from wellfit.datasets.tables import column_names, is_table


def refuse_unknown_data(request: Request) -> None:
    """Refuse data that aren't there, and columns that a table's first line doesn't name.

    Raises:
        InputError: as :func:`~wellfit.cli.source.open_source` does.
    """
    if _is_missing(request.name, request.data_dir) or _lacks_columns(request):
        with spinner("reading"):
            open_source(request)
    if request.test is not None and not request.test.exists():
        load(request.test)


def refuse_missing_data(name: str, data_dir: Path | None) -> None:
    """Refuse data that are neither a file nor known by name.

    Raises:
        DataError: naming the nearest file or name.
    """
    if _is_missing(name, data_dir):
        load(name, data_dir=data_dir)


def _is_missing(name: str, data_dir: Path | None) -> bool:
    return not is_name(name, data_dir) and not Path(name).expanduser().exists()


def _lacks_columns(request: Request) -> bool:
    """Return whether a table's file lacks a column that the command names."""
    path = Path(request.name).expanduser()
    is_named = is_name(request.name, request.data_dir)
    if is_named or not is_table(path):
        return False
    there = set(column_names(path, request.schema))
    features = {
        name
        for name, option in request.named_columns.items()
        if option != "--types" or name != request.target
    }
    return request.target not in there or not features <= there - {request.target}
