"""Output of the command line: consoles, notes, errors."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wellfit.cli import signals
from wellfit.core.launch import is_silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.table import Table

_TURN = 2.0  # seconds


def screen(*, stderr: bool = False, quiet: bool | None = None) -> Console:
    """Return a console without markup, because column names may contain ``[b]``.

    Of several processes that train together, only the first one's shows anything, unless ``quiet``
    says otherwise.
    """
    from rich.console import Console

    quiet = is_silent() if quiet is None else quiet
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, quiet=quiet)


def spinner(what: str) -> Status:
    """Return a context that shows a spinner in a terminal."""
    from rich.text import Text

    return screen(stderr=True).status(Text(f"{what} ..."), spinner="line")


@contextmanager
def starting() -> Iterator[None]:
    """Show a spinner while libraries are imported; a signal ends the process at once."""
    with signals.at_once(), spinner("starting"):
        yield


def complain(message: str) -> None:
    """Print an error.

    Several processes that train together mostly fail alike. torchrun ends the others once the
    first has said so: what another one prints some seconds later is its own error.
    """
    if is_silent():
        let_first_speak()
        message = f"process {os.environ['RANK']}: {message}"
    _print_labelled("error: ", message, "bold red", quiet=False)


def let_first_speak() -> None:
    """Wait until the first of several processes has printed what all of them would."""
    if is_silent():
        time.sleep(_TURN)


def note(message: str) -> None:
    """Print a note, which isn't an error, to the error stream."""
    _print_labelled("note: ", message, "yellow")


def _print_labelled(label: str, message: str, style: str, quiet: bool | None = None) -> None:
    from rich.text import Text

    # Not wrapped, so that paths and names stay whole.
    text = Text.assemble((label, style), message)
    screen(stderr=True, quiet=quiet).print(text, soft_wrap=True)


def key_value_table() -> Table:
    """Return an empty table with two columns: keys and values."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table
