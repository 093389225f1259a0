"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Signals of a terminal, a supervisor (systemd, Slurm, docker stop) and a lost connection.
_NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
_WORDS = {getattr(signal, name): words for name, words in _NAMES.items() if hasattr(signal, name)}
_ONE = 2.0  # seconds within which several signals count as one


class Ended(KeyboardInterrupt):
    """Raised when a signal ends the command; ``signum`` is its number."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


class _SignalHandler:
    """Raises :class:`Ended`, or ends the process at once during imports.

    Signals shortly after the first, as from pressing Ctrl-C twice, are ignored: they must not
    interrupt the clean-up after the first exception, such as ending the processes of a search.
    """

    def __init__(self) -> None:
        self.at_once = False
        self.received: int | None = None
        self._when = -_ONE

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._when < _ONE:
            return
        self._when, self.received = now, signum
        if self.at_once:
            _leave(signum)
        raise Ended(signum)


_handler = _SignalHandler()


def listen() -> None:
    """Let signals end the process; ignored signals (``nohup``) stay ignored."""
    _handler.at_once = True
    for signum in _WORDS:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _handler)


def begin() -> None:
    """Let signals raise an exception from now on, because there may be files to close."""
    _handler.at_once = False


def settle() -> None:
    """Ignore Ctrl-C while the interpreter exits, after the command has ended."""
    for signum in _WORDS:
        if signal.getsignal(signum) is _handler:
            late = signal.SIG_IGN if signum == signal.SIGINT else signal.SIG_DFL
            signal.signal(signum, late)


@contextmanager
def at_once() -> Iterator[None]:
    """End the process without an exception while there is nothing to clean up.

    An exception during the import of a library may be swallowed or replaced by another.
    """
    before, _handler.at_once = _handler.at_once, True
    try:
        yield
    finally:
        _handler.at_once = before


def ended_by(error: BaseException) -> int | None:
    """Return the signal that caused an exception; None for other exceptions.

    >>> ended_by(KeyboardInterrupt()), ended_by(ValueError())
    (<Signals.SIGINT: 2>, None)
    """
    if isinstance(error, Ended):
        return error.signum
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else _handler.received


def words_for(signum: int) -> str:
    """Return a word for what a signal did.

    >>> words_for(signal.SIGTERM)
    'terminated'
    """
    return _WORDS.get(signal.Signals(signum), "interrupted")


def exit_code(signum: int) -> int:
    """Return the exit code that shells use for a signal.

    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM)
    (130, 143)
    """
    return 128 + signum


def _leave(signum: int) -> None:
    with suppress(RuntimeError, OSError):  # the signal interrupted a write to the same stream
        # A spinner may have hidden the cursor.
        shown = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{shown}note: {words_for(signum)}\n")
        sys.stderr.flush()
    os._exit(exit_code(signum))
