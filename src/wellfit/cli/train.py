"""``wellfit train``: train and evaluate a model, and write a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import get_annotations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import starting
from wellfit.cli.parameters import given_parameters, parameter_options

if TYPE_CHECKING:
    from wellfit.cli.plan import Plan


class SplitOptions:
    """The options that choose the rows of the test set by a column."""

    time_column: Annotated[
        list[str] | None,
        typer.Option(
            help="Test on the latest rows by this column, not on random rows; repeatable: year, "
            "then month.",
            metavar="COLUMN",
        ),
    ] = None
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Keep rows with the same value of this column in the same part of the split.",
            metavar="COLUMN",
        ),
    ] = None


class ProgressOptions:
    """The options of a training that aren't the estimator's."""

    time_limit: Annotated[
        float | None,
        options.number(options.STOPPING, "Stop training after this time.", metavar="SECONDS"),
    ] = None
    report_every: Annotated[
        int | None, options.number(options.RUN, "Number of epochs between printed lines.", min=1)
    ] = None
    tensorboard: Annotated[
        bool,
        options.option(options.RUN, "Write TensorBoard logs to RUN/tensorboard.", "--tensorboard"),
    ] = False
    checkpoint_every: Annotated[
        float, options.option(options.RUN, "Time between checkpoints.", metavar="SECONDS", min=0)
    ] = 15.0
    keep_checkpoints: Annotated[
        bool,
        options.option(
            options.RUN, "Keep the checkpoints after the run has finished.", "--keep-checkpoints"
        ),
    ] = False


@options.takes(
    options.DataOptions,
    SplitOptions,
    parameter_options(),
    options.ModelOptions,
    ProgressOptions,
    options.RunOptions,
)
def train(ctx: typer.Context, **given: Any) -> None:
    """Train a model, evaluate it on a test set, and write a run folder."""
    if given["resume"] is not None:
        begin_again(ctx, given["resume"])
        with starting():
            from wellfit.cli.train_run import resume_training
        resume_training(given["resume"], quiet=given["quiet"])
        return
    plan = begin(ctx, given)
    with starting():
        from wellfit.cli.train_run import run_training
    run_training(plan, run=given["run"], overwrite=given["overwrite"], quiet=given["quiet"])


def begin_again(ctx: typer.Context, run: Path) -> None:
    """Refuse what is given beside --resume, and a folder without a run."""
    from wellfit.cli.run_folder import read_run

    refuse_others(ctx)
    read_run(run)


def begin(ctx: typer.Context, given: Mapping[str, Any]) -> Plan:
    """Return the plan of a training by a command's options.

    Data, columns, names and values that can't be meant are refused, before PyTorch is imported.
    """
    if given["data"] is None:
        ctx.fail("Missing argument 'DATA'.")
    parameters = given_parameters(given)
    from wellfit.cli.plan import Options, Plan
    from wellfit.cli.preflight import refuse_unknown_data
    from wellfit.cli.source import Request

    request = Request.from_options(given, parameters)
    refuse_unknown_data(request)
    own = {name: given[name] for name in get_annotations(ProgressOptions) if name in given}
    return Plan(request, parameters, tuple(given["settings"] or ()), Options(**own))


def refuse_others(ctx: typer.Context) -> None:
    """Refuse other options next to --resume."""
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        allowed = option.name in ("resume", "quiet")
        if not allowed and source is not None and source.name == "COMMANDLINE":
            name = option.opts[0] if option.opts[0].startswith("-") else "DATA"
            ctx.fail(f"{name} comes from the run that --resume names; omit it.")
