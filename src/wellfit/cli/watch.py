"""``wellfit watch``: serve a web page that shows running trainings and searches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import note, screen


def watch(
    runs: Annotated[Path, typer.Argument(help="A folder with runs, or one run folder.")] = Path(
        "runs"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 0,
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on; by default only this machine can open the page."
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve a web page that shows the runs in a folder, until Ctrl-C."""
    from wellfit.cli.dashboard import RunMonitor, WatchServer
    from wellfit.core.errors import InputError

    if not runs.is_dir():
        raise InputError(f"there is no folder {runs}; expected a folder with runs")
    try:
        server = WatchServer(RunMonitor(runs), host, port)
    except (OSError, UnicodeError) as error:
        text = getattr(error, "strerror", None) or error
        raise InputError(f"can't listen on {host}, port {port}: {text}") from error
    with server:
        screen().print(f"watching {runs} at {server.url}  (Ctrl-C ends)", soft_wrap=True)
        if host not in ("127.0.0.1", "localhost", "::1"):
            note("everyone who can reach this machine can read the page")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            screen().print("ended")
