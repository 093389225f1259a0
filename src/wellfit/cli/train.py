"""``wellfit train``: from data to a judged model in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import waiting

_NETWORK, _TRAINING, _RUN = "Network", "Training", "Run"
_NAMES = "A name: `wellfit methods {}` lists them."


def train(
    data: Annotated[str, typer.Argument(help="What to train on: a file, a folder, or a name.")],
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder of data by name; else WELLFIT_DATA.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="A file of test rows, with the same columns.")
    ] = None,
    test_fraction: Annotated[
        float, typer.Option(help="The share of rows to test by, where none are given.")
    ] = 0.2,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out; repeatable.")
    ] = None,
    task: Annotated[
        str, typer.Option(help="classification or regression; auto goes by the target.")
    ] = "auto",
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read a pickle whose origin you trust.")
    ] = False,
    hidden: Annotated[
        str | None,
        typer.Option(
            help="Units of the hidden layers, as 512,256; '' for none.", rich_help_panel=_NETWORK
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(help=_NAMES.format("activation"), rich_help_panel=_NETWORK),
    ] = None,
    batch_norm: Annotated[
        bool | None,
        typer.Option(
            "--batch-norm/--no-batch-norm", help="Normalize each batch.", rich_help_panel=_NETWORK
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(help="Share of hidden units silenced at a step.", rich_help_panel=_NETWORK),
    ] = None,
    input_dropout: Annotated[
        float | None,
        typer.Option(help="Share of inputs silenced at a step.", rich_help_panel=_NETWORK),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help=_NAMES.format("optimizer"), rich_help_panel=_TRAINING),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The optimizer's step size.", rich_help_panel=_TRAINING)
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help=_NAMES.format("schedule"), rich_help_panel=_TRAINING),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Rows of a step.", rich_help_panel=_TRAINING)
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Passes over the training rows, at most.", rich_help_panel=_TRAINING
        ),
    ] = None,
    early_stopping: Annotated[
        bool | None,
        typer.Option(
            "--early-stopping/--no-early-stopping",
            help="Stop when held-out rows no longer improve; keep the best weights.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        typer.Option(help="The share of training rows to hold out.", rich_help_panel=_TRAINING),
    ] = None,
    l1: Annotated[
        float | None, typer.Option(help="Strength of the L1 penalty.", rich_help_panel=_TRAINING)
    ] = None,
    l2: Annotated[
        float | None, typer.Option(help="Strength of the L2 penalty.", rich_help_panel=_TRAINING)
    ] = None,
    class_weight: Annotated[
        str | None,
        typer.Option(help="balanced: all classes count alike.", rich_help_panel=_TRAINING),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other parameter, as optimizer__momentum=0.9; repeatable.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="float32, float64 or bfloat16.", rich_help_panel=_RUN),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, …", rich_help_panel=_RUN)
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**32 - 1, help="The same seed gives the same run.", rich_help_panel=_RUN
        ),
    ] = 0,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder; an earlier run there is replaced. Else a new one in runs/.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the figures only.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Train on a file or on data by name, judge the model on test rows, and write a run folder."""
    with waiting("starting"):
        from wellfit.cli.source import Request
        from wellfit.cli.training import run_training
    request = Request(
        data,
        target=target,
        data_dir=data_dir,
        allow_pickle=allow_pickle,
        drop=tuple(drop or ()),
        test=test,
        test_fraction=test_fraction,
        task=task,
        seed=seed,
    )
    parameters = {
        "hidden_layer_sizes": hidden,
        "activation": activation,
        "batch_norm": batch_norm,
        "dropout": dropout,
        "input_dropout": input_dropout,
        "optimizer": optimizer,
        "optimizer__learning_rate": learning_rate,
        "schedule": schedule,
        "batch_size": batch_size,
        "epochs": epochs,
        "early_stopping": early_stopping,
        "validation_fraction": validation_fraction,
        "l1": l1,
        "l2": l2,
        "class_weight": class_weight,
        "precision": precision,
        "device": device,
    }
    run_training(request, parameters, settings or (), run=run, quiet=quiet)
