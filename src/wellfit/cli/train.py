"""``wellfit train``: train and evaluate a model, and write a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import starting

_PRETRAINED, _RESUMING = "Pretrained", "Checkpoints"


# The parameter of each option; algorithms come before their hyper-parameters.
_PARAMETERS = {
    "hidden": "hidden_layer_sizes",
    "activation": "activation",
    "initializer": "initializer",
    "bias_initializer": "bias_initializer",
    "pretrained": "pretrained",
    "n_layers": "pretrained__n_layers",
    "freeze": "pretrained__freeze",
    "unfreeze": "pretrained__unfreeze",
    "batch_norm": "batch_norm",
    "dropout": "dropout",
    "input_dropout": "input_dropout",
    "input_noise": "input_noise",
    "optimizer": "optimizer",
    "learning_rate": "optimizer__learning_rate",
    "lr_schedule": "lr_schedule",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "shuffle": "shuffle",
    "subsample": "subsample",
    "augment": "augment",
    "l1": "l1",
    "l2": "l2",
    "max_norm": "max_norm",
    "gradient_clipping": "gradient_clipping",
    "ema_decay": "ema_decay",
    "class_weight": "class_weight",
    "early_stopping": "early_stopping",
    "patience": "early_stopping__patience",
    "monitor": "early_stopping__monitor",
    "validation_fraction": "validation_fraction",
    "scoring": "scoring",
    "eval_every": "eval_every",
    "precision": "precision",
    "device": "device",
    "n_threads": "n_threads",
}
_OPTIONS = ("report_every", "time_limit", "tensorboard", "checkpoint_every", "keep_checkpoints")


def train(
    ctx: typer.Context,
    data: options.Data = None,
    target: options.Target = None,
    data_dir: options.DataDir = None,
    test: options.Test = None,
    test_fraction: options.TestFraction = 0.2,
    time_column: Annotated[
        list[str] | None,
        typer.Option(
            help="Test on the latest rows by this column, not on random rows; repeatable: year, "
            "then month.",
            metavar="COLUMN",
        ),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Keep rows with the same value of this column in the same part of the split.",
            metavar="COLUMN",
        ),
    ] = None,
    drop: options.Drop = None,
    classes: options.Classes = None,
    task: options.Task = "auto",
    na: options.MissingValues = None,
    no_header: options.NoHeader = False,
    allow_pickle: options.AllowPickle = False,
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    initializer: options.Initializer = None,
    bias_initializer: options.Initializer = None,
    batch_norm: options.BatchNorm = None,
    dropout: Annotated[
        float | None, options.number(options.NETWORK, "Dropout rate of the hidden layers.")
    ] = None,
    input_dropout: Annotated[
        float | None, options.number(options.NETWORK, "Dropout rate of the inputs.")
    ] = None,
    input_noise: Annotated[
        float | None,
        options.number(options.NETWORK, "Standard deviation of Gaussian noise on the inputs."),
    ] = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    lr_schedule: options.LRSchedule = None,
    batch_size: options.BatchSize = None,
    epochs: options.Epochs = None,
    shuffle: Annotated[
        bool | None,
        options.option(
            options.TRAINING, "Shuffle the rows in every epoch.", "--shuffle/--no-shuffle"
        ),
    ] = None,
    subsample: Annotated[
        float | None, options.number(options.TRAINING, "Fraction of the training rows to use.")
    ] = None,
    augment: Annotated[
        list[str] | None,
        options.option(
            options.TRAINING,
            "Augment training images: shift, or shift:4; repeatable. See `wellfit methods "
            "augmentation`.",
            metavar="NAME[:NUMBER]",
        ),
    ] = None,
    l1: options.L1 = None,
    l2: options.L2 = None,
    max_norm: Annotated[
        float | None,
        options.number(options.TRAINING, "Maximal norm of a unit's incoming weights."),
    ] = None,
    gradient_clipping: Annotated[
        str | None,
        options.option(
            options.TRAINING,
            "Maximal norm of the gradient, or a name from `wellfit methods clipping`.",
            metavar="NUMBER|NAME",
        ),
    ] = None,
    ema_decay: Annotated[
        float | None,
        options.number(
            options.TRAINING,
            "Predict with an exponential moving average of the "
            "weights, with this decay, such as 0.999.",
        ),
    ] = None,
    class_weight: options.ClassWeight = None,
    settings: options.Settings = None,
    early_stopping: options.EarlyStopping = None,
    patience: Annotated[
        int | None,
        options.number(
            options.STOPPING, "Epochs without improvement before training stops.", min=1
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        options.option(
            options.STOPPING,
            "The metric that has to improve: val_loss, or a scorer.",
            metavar="METRIC",
        ),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        options.number(options.STOPPING, "Fraction of the training rows for validation."),
    ] = None,
    scoring: Annotated[
        list[str] | None,
        options.option(
            options.STOPPING,
            "A scorer of scikit-learn to compute, such as roc_auc; repeatable.",
            metavar="SCORER",
        ),
    ] = None,
    eval_every: Annotated[
        int | None,
        options.number(options.STOPPING, "Number of epochs between evaluations.", min=1),
    ] = None,
    time_limit: Annotated[
        float | None,
        options.number(options.STOPPING, "Stop training after this time.", metavar="SECONDS"),
    ] = None,
    pretrained: Annotated[
        str | None,
        options.option(
            _PRETRAINED,
            "Start from the layers of a model: a model or run folder, a name in the model "
            "registry, or another library's file.",
            metavar="MODEL",
        ),
    ] = None,
    n_layers: Annotated[
        str | None,
        options.option(
            _PRETRAINED,
            "Number of pretrained layers to use, from the lowest; default: all.",
            metavar="N",
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        options.option(
            _PRETRAINED,
            "Number of layers to freeze; auto chooses it by cross-validation.",
            metavar="N|auto",
        ),
    ] = None,
    unfreeze: Annotated[
        int | None,
        options.number(_PRETRAINED, "The epoch in which frozen layers are unfrozen.", min=1),
    ] = None,
    precision: Annotated[
        str | None,
        options.option(
            options.RUN, "float32, float64, bfloat16, or auto: the faster on this machine."
        ),
    ] = None,
    device: Annotated[str | None, options.option(options.RUN, "auto, cpu, cuda, …")] = None,
    n_threads: options.Threads = None,
    seed: options.Seed = 0,
    run: options.Run = None,
    overwrite: options.Overwrite = False,
    report_every: Annotated[
        int | None, options.number(options.RUN, "Number of epochs between printed lines.", min=1)
    ] = None,
    tensorboard: Annotated[
        bool,
        options.option(options.RUN, "Write TensorBoard logs to RUN/tensorboard.", "--tensorboard"),
    ] = False,
    quiet: options.Quiet = False,
    resume: Annotated[
        Path | None,
        options.option(
            _RESUMING, "Resume an interrupted run; needs no other argument.", metavar="RUN"
        ),
    ] = None,
    checkpoint_every: Annotated[
        float,
        options.option(_RESUMING, "Time between checkpoints.", metavar="SECONDS", min=0),
    ] = 15.0,
    keep_checkpoints: Annotated[
        bool,
        options.option(
            _RESUMING, "Keep the checkpoints after the run has finished.", "--keep-checkpoints"
        ),
    ] = False,
) -> None:
    """Train a model, evaluate it on a test set, and write a run folder."""
    given = {**locals()}
    if resume is not None:
        resume_from(ctx, resume)
    else:
        begin_with(ctx, given)
    with starting():
        from wellfit.cli.train_run import resume_training, run_training
    if resume is not None:
        resume_training(resume, quiet=quiet)
    else:
        run_training(_plan(given), run=run, overwrite=overwrite, quiet=quiet)


def resume_from(ctx: typer.Context, run: Path) -> None:
    """Refuse what is given beside --resume, and a folder without a run."""
    from wellfit.cli.run_folder import read_run

    refuse_others(ctx)
    read_run(run)


def begin_with(ctx: typer.Context, given: Mapping[str, Any]) -> None:
    """Refuse data, columns and names that don't exist, before PyTorch is imported."""
    if given["data"] is None:
        ctx.fail("Missing argument 'DATA'.")
    from wellfit.cli.preflight import refuse_unknown_data, refuse_unknown_names
    from wellfit.cli.source import Request

    refuse_unknown_names(given)
    refuse_unknown_data(Request.from_options(given))


def refuse_others(ctx: typer.Context) -> None:
    """Refuse other options next to --resume."""
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        allowed = option.name in ("resume", "quiet")
        if not allowed and source is not None and source.name == "COMMANDLINE":
            name = option.opts[0] if option.opts[0].startswith("-") else "DATA"
            ctx.fail(f"{name} comes from the run that --resume names; omit it.")


def _plan(given: Mapping[str, Any]) -> Any:
    """Return the plan of the command's arguments."""
    from wellfit.cli.plan import Options, Plan
    from wellfit.cli.source import Request

    request = Request.from_options(given)
    parameters = {key: given[name] for name, key in _PARAMETERS.items()}
    # An empty list means that the option wasn't given.
    parameters = {key: None if value == [] else value for key, value in parameters.items()}
    options = Options(**{name: given[name] for name in _OPTIONS})
    return Plan(request, parameters, tuple(given["settings"] or ()), options)
