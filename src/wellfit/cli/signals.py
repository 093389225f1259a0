"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# What a terminal, a supervisor (systemd, Slurm, docker stop) and a lost connection send.
_NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
_WORDS = {getattr(signal, name): words for name, words in _NAMES.items() if hasattr(signal, name)}
_ONE = 2.0  # seconds within which several signals count as one


class Ended(KeyboardInterrupt):
    """A signal ends the command; its number is ``signum``."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


class _Handler:
    """Raises :class:`Ended`, or ends the process at once while nothing has been begun.

    Signals that follow within moments are those of somebody who presses Ctrl-C twice: they must
    not cut short what the first one's exception tidies up, such as processes of a search.
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


_handler = _Handler()


def listen() -> None:
    """Have signals end the process; those that are ignored (``nohup``) stay so."""
    _handler.at_once = True
    for signum in _WORDS:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _handler)


def begin() -> None:
    """Have signals end the command by an exception from now on: there may be files to close."""
    _handler.at_once = False


def settle() -> None:
    """Let no Ctrl-C into the interpreter's own end: the command's is behind it."""
    for signum in _WORDS:
        if signal.getsignal(signum) is _handler:
            late = signal.SIG_IGN if signum == signal.SIGINT else signal.SIG_DFL
            signal.signal(signum, late)


@contextmanager
def at_once() -> Iterator[None]:
    """End the process without an exception, while nothing is begun that would need one.

    An exception that comes into the import of a library may be swallowed or come out as another.
    """
    before, _handler.at_once = _handler.at_once, True
    try:
        yield
    finally:
        _handler.at_once = before


def ended_by(error: BaseException) -> int | None:
    """Return the signal that an exception comes from; None where it is of its own.

    >>> ended_by(KeyboardInterrupt()), ended_by(ValueError())
    (<Signals.SIGINT: 2>, None)
    """
    if isinstance(error, Ended):
        return error.signum
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else _handler.received


def words_for(signum: int) -> str:
    """Return what a signal did, in a word.

    >>> words_for(signal.SIGTERM)
    'terminated'
    """
    return _WORDS.get(signal.Signals(signum), "interrupted")


def exit_code(signum: int) -> int:
    """Return the exit code by which shells tell of a signal.

    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM)
    (130, 143)
    """
    return 128 + signum


def _leave(signum: int) -> None:
    with suppress(RuntimeError, OSError):  # the signal came into a write to the same stream
        # Whatever spins there has hidden the cursor.
        shown = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{shown}note: {words_for(signum)}\n")
        sys.stderr.flush()
    os._exit(exit_code(signum))
