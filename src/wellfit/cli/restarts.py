"""Runs of several processes that torchrun has started anew, since one of them had ended."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wellfit.cli.run_folder import read_config
from wellfit.core.errors import InputError
from wellfit.core.launch import Launch


def begun_by(launch: Launch, run: Path | None) -> Path | None:
    """Return the run that processes began which torchrun started before these.

    Args:
        launch: of this process.
        run: the folder that the command names; None where it names none.
    """
    folders = [run] if run is not None else sorted(Path("runs").glob("*"))
    begun = {folder: _started(folder, launch) for folder in folders}
    known = {folder: when for folder, when in begun.items() if when}
    return max(known, key=lambda folder: known[folder]) if known else None


def _started(folder: Path, launch: Launch) -> str:
    """Return when a run was begun by this start of torchrun; empty if it is another's."""
    config: Mapping[str, Any] = {}
    with suppress(InputError, OSError):
        config = read_config(folder)
    return str(config.get("started", "")) if config.get("launch") == launch.by else ""
