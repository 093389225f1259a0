"""The command ``wellfit``: its subcommands and its error handling."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import wellfit
from wellfit.cli import signals
from wellfit.cli.card import card
from wellfit.cli.check import check
from wellfit.cli.console import complain, let_first_speak, note
from wellfit.cli.data import data_app
from wellfit.cli.explain import explain
from wellfit.cli.export import export
from wellfit.cli.import_model import import_file
from wellfit.cli.landscape import landscape
from wellfit.cli.methods import methods
from wellfit.cli.models import models_app
from wellfit.cli.predict import predict
from wellfit.cli.report import report
from wellfit.cli.reproduce import reproduce
from wellfit.cli.search import search_app
from wellfit.cli.serve import serve
from wellfit.cli.train import train
from wellfit.cli.unknown_options import name_what_was_meant
from wellfit.cli.watch import watch
from wellfit.core.errors import InputError, WellfitError
from wellfit.core.launch import launched

FAILED, UNUSABLE = 1, 2


class _CommandGroup(TyperGroup):
    """Prints errors in one line, and turns them into exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; with ``--debug``, errors keep their traceback."""
        signals.begin()
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, Exception) as error:
            # Typer handles its own exceptions (a wrong option, --help, a closed pipe).
            own = isinstance(error, (typer.Abort, BrokenPipeError)) or hasattr(error, "exit_code")
            if own or ctx.params.get("debug"):
                if isinstance(error, typer.BadParameter):
                    error.message = _expectation(error)
                elif hasattr(error, "option_name") and hasattr(error, "possibilities"):
                    name_what_was_meant(error)
                let_first_speak()
                raise
            raise typer.Exit(_report_error(error)) from error
        finally:
            signals.settle()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Refuse to run several processes of a command that works in one."""
        name, *rest = super().resolve_command(ctx, args)
        launch = launched()
        if launch is not None and name != "train":
            raise InputError(
                f"torchrun has started {launch.size} processes of `wellfit {name}`, which works "
                "in one; expected `torchrun … -m wellfit train`, or no torchrun"
            )
        return name, *rest


def _report_error(error: BaseException) -> int:
    """Print in one line what ended a command, and return the exit code."""
    signum = signals.ended_by(error)
    with suppress(OSError):  # the terminal may be gone
        if signum is not None:
            note(signals.words_for(signum))
        else:
            complain(_error_text(error))
    if signum is not None:
        return signals.exit_code(signum)
    return UNUSABLE if isinstance(error, InputError) else FAILED


# By the kind of a failed validation of Typer's: what was expected, with its bounds filled in.
_EXPECTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
}


def _expectation(error: typer.BadParameter) -> str:
    """Return what was given and expected of a wrong option, or the help of one that is missing."""
    cause: Any = error.__cause__
    if not error.message:  # a missing one
        return (getattr(error.param, "help", None) or "").partition(". ")[0].rstrip(".")
    for found in cause.errors() if hasattr(cause, "errors") else ():
        if found["type"] in _EXPECTED:
            wanted = _EXPECTED[found["type"]].format(**found.get("ctx", {}))
            return f"{found['input']!r}; expected {wanted}"
    return error.message


def _error_text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, (WellfitError, OSError)):
        return str(error)
    where = "run `wellfit --debug …` for the traceback"
    return f"unexpected error: {type(error).__name__}: {error}\n{where}"


app = typer.Typer(
    cls=_CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 the run failed, 2 the command or the data are invalid, 130 "
    "ended by Ctrl-C, 143 by SIGTERM.",
)
app.command()(train)
app.add_typer(search_app, name="search")
app.command()(watch)
app.command()(check)
app.command()(predict)
app.command()(serve)
app.command()(report)
app.command()(card)
app.command()(explain)
app.command()(export)
app.command("import")(import_file)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.command()(methods)
app.command()(landscape)
app.command()(reproduce)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"wellfit {wellfit.__version__}")
        raise typer.Exit


@app.callback()
def wellfit_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="WELLFIT_DEBUG", help="Show the traceback of an error."),
    ] = False,
) -> None:
    """Train and evaluate feed-forward neural networks on tables and images."""


def _collect_garbage_rarely() -> None:
    """Collect garbage rarely, and not at exit.

    Importing the libraries creates hundreds of thousands of permanent objects; the collector's
    passes over them take a second in total.
    """
    gc.set_threshold(100_000, 20, 50)
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command line."""
    signals.listen()
    _collect_garbage_rarely()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character gets "?" instead of a crash.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="wellfit")
