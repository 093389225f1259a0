"""``wellfit train``: train and evaluate a model, and write a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import starting
from wellfit.cli.parameters import given_parameters, parameter_options
from wellfit.core.launch import is_silent, launched

if TYPE_CHECKING:
    from wellfit.cli.plan import Plan


@options.takes(
    options.DataOptions,
    options.SplitOptions,
    parameter_options(),
    options.ModelOptions,
    options.ProgressOptions,
    options.RunOptions,
)
def train(ctx: typer.Context, **given: Any) -> None:
    """Train a model, evaluate it on a test set, and write a run folder."""
    if is_silent():
        with starting():
            from wellfit.cli.train_run import train_as_told
        train_as_told()
        return
    resumed = given["resume"] or restarted(given["run"])
    if resumed is not None:
        if given["resume"] is not None:
            begin_again(ctx, resumed)
        with starting():
            from wellfit.cli.train_run import resume_training
        resume_training(resumed, quiet=given["quiet"])
        return
    plan = begin(ctx, given)
    with starting():
        from wellfit.cli.train_run import run_training
    run_training(plan, run=given["run"], overwrite=given["overwrite"], quiet=given["quiet"])


def restarted(run: Path | None) -> Path | None:
    """Return the run to go on with where torchrun has started this command anew."""
    launch = launched()
    if launch is None or not launch.restarts:
        return None
    from wellfit.cli.restarts import begun_by

    return begun_by(launch, run)


def begin_again(ctx: typer.Context, run: Path) -> None:
    """Refuse what is given beside --resume, and a folder without a run."""
    from wellfit.cli.run_folder import read_run

    refuse_others(ctx)
    read_run(run)


def begin(ctx: typer.Context, given: Mapping[str, Any], *, validates: bool = True) -> Plan:
    """Return the plan of a training by a command's options.

    Data, columns, names and values that can't be meant are refused, before PyTorch is imported.
    """
    if given["data"] is None:
        ctx.fail("Missing argument 'DATA'.")
    parameters = given_parameters(given)
    from wellfit.cli.plan import Plan
    from wellfit.cli.preflight import refuse_unknown_data
    from wellfit.cli.request import Request

    request = Request.from_options(given, parameters, validates=validates)
    refuse_unknown_data(request)
    own = options.chosen(options.ProgressOptions, given)
    return Plan(request, parameters, tuple(given["settings"] or ()), own)


def refuse_others(ctx: typer.Context) -> None:
    """Refuse other options next to --resume."""
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        allowed = option.name in ("resume", "quiet")
        if not allowed and source is not None and source.name == "COMMANDLINE":
            name = option.opts[0] if option.opts[0].startswith("-") else "DATA"
            ctx.fail(f"{name} comes from the run that --resume names; omit it.")
