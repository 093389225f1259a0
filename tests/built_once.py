"""The command line is built once a process, for tests that call it often; import this to have it.

A user's process calls one command. ``CliRunner`` builds all of them for each call, which takes
longer than most refusals do.
"""

from __future__ import annotations

from functools import cache

import typer.main
import typer.testing

typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]
