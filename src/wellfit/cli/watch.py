"""``wellfit watch``: a page that follows trainings and searches while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import note, screen


def watch(
    runs: Annotated[Path, typer.Argument(help="The folder of the runs, or of one run.")] = Path(
        "runs"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 0,
    host: Annotated[
        str, typer.Option(help="Where to listen; by default nobody else can see the page.")
    ] = "127.0.0.1",
) -> None:
    """Serve a page that follows the runs in a folder. It only reads, and Ctrl-C ends it."""
    from wellfit.cli.dashboard import RunMonitor, WatchServer
    from wellfit.core.errors import InputError

    if not runs.is_dir():
        raise InputError(f"there is no folder {runs}; expected one that runs are written into")
    try:
        server = WatchServer(RunMonitor(runs), host, port)
    except (OSError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or error
        raise InputError(f"can't listen at {host}, port {port}: {told}") from error
    with server:
        screen().print(f"watching {runs} at {server.url}  (Ctrl-C ends)", soft_wrap=True)
        if host not in ("127.0.0.1", "localhost", "::1"):
            note("whoever can reach this machine can read what the page shows")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            screen().print("ended")
