"""The moments at which a command touches a file of its run: a process is ended, or refused, there.

A point lies before, and another one after, each opening, renaming, removing, making and cutting
of a file or folder whose path has the run folder's name in it. Points are numbered from 0 as they
come; what a process does between two of them leaves no trace that the next one wouldn't show.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import PATIENCE, SERVER, call

KILL, FULL, INTERRUPT, TERMINATE = "kill", "full", "interrupt", "terminate"
_OF_OS = ("open", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "truncate")
# What needs room on the disk: a file can be removed, renamed or read on a full one.
_WRITING = ("w", "a", "x", "+")


class Points:
    """Counts points, writes each into a log, and acts at one of them.

    Args:
        folder: the run's name.
        log: where a line for each point goes.
        at: the number of the point to act at; None for none.
        how: what to do there. ``FULL`` is done at all later points as well.
    """

    def __init__(self, folder: str, log: Path, at: int | None, how: str) -> None:
        self.folder, self.at, self.how, self.count = folder, at, how, 0
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._write = os.write

    def install(self) -> None:
        """Put the counting functions in the places of Python's own."""
        for name in _OF_OS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        builtins.open = io.open = self._counted("open", io.open)

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, *args: Any, **more: Any) -> Any:
            if not isinstance(path, (str, os.PathLike)) or self.folder not in Path(path).parts:
                return function(path, *args, **more)
            target = args[0] if name in ("replace", "rename") and args else path
            told = f"{name} {Path(target).name}"
            self._reach(f"before {told}", _needs_room(name, args, more), path)
            result = function(path, *args, **more)
            self._reach(f"after {told}", False, path)
            return result

        return counted

    def _reach(self, told: str, needs_room: bool, path: Any) -> None:
        number, self.count = self.count, self.count + 1
        self._write(self._log, f"{number} {told}\n".encode())
        if self.at is None or number < self.at:
            return
        if self.how == FULL and needs_room:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        if number == self.at and self.how == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.at and self.how == INTERRUPT:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        if number == self.at and self.how == TERMINATE:
            signal.raise_signal(signal.SIGTERM)


def _needs_room(name: str, args: tuple[Any, ...], more: dict[str, Any]) -> bool:
    if name == "mkdir":
        return True
    if name != "open":
        return False
    mode = more.get("mode", args[0] if args else "r")
    return isinstance(mode, str) and any(sign in mode for sign in _WRITING)


def attacked(
    words: tuple[str, ...], cwd: Path, log: Path, at: int | None = None, how: str = KILL
) -> int:
    """Call ``wellfit`` in a process of its own that is attacked at a point; return its exit code.

    The points that it came to are lines of ``log``; pictures are not drawn.
    """
    process = SERVER.Process(target=_attack, args=(words, cwd, log, at, how))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode is not None, f"{words} hangs after point {at}"
    return int(process.exitcode)


def _attack(words: tuple[str, ...], cwd: Path, log: Path, at: int | None, how: str) -> None:
    sys.dont_write_bytecode = True
    Points("run", log, at, how).install()
    call(words, cwd, "utf-8")
