"""``wellfit check``: find common problems of the data and the network before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellfit.cli import options
from wellfit.cli.console import duration, note, screen, spinner, starting
from wellfit.core.words import pluralize

if TYPE_CHECKING:
    from wellfit.cli.settings import Model
    from wellfit.cli.source import Source
    from wellfit.diagnose import RangeTest, Report

# The parameter of each option; algorithms come before their hyper-parameters.
_PARAMETERS = {
    "hidden": "hidden_layer_sizes",
    "activation": "activation",
    "initializer": "initializer",
    "batch_norm": "batch_norm",
    "optimizer": "optimizer",
    "learning_rate": "optimizer__learning_rate",
    "batch_size": "batch_size",
    "l1": "l1",
    "l2": "l2",
    "class_weight": "class_weight",
    "n_threads": "n_threads",
}


def check(
    data: Annotated[
        str,
        typer.Argument(
            help="The data: a file, a folder, or the name of a data set.", metavar="DATA"
        ),
    ],
    target: options.Target = None,
    data_dir: options.DataDir = None,
    test: options.Test = None,
    test_fraction: options.TestFraction = 0.2,
    drop: options.Drop = None,
    classes: options.Classes = None,
    task: options.Task = "auto",
    na: options.MissingValues = None,
    no_header: options.NoHeader = False,
    allow_pickle: options.AllowPickle = False,
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    initializer: options.Initializer = None,
    batch_norm: options.BatchNorm = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    batch_size: options.BatchSize = None,
    l1: options.L1 = None,
    l2: options.L2 = None,
    class_weight: options.ClassWeight = None,
    settings: options.Settings = None,
    n_threads: options.Threads = None,
    seed: options.Seed = 0,
    rates: Annotated[
        Path | None,
        typer.Option(
            help="Plot the learning-rate range test, over 8 decades, into this PNG file."
        ),
    ] = None,
) -> None:
    """Check data, initial weights and learning rate for common problems, without training.

    Exit code 1 if a check fails.
    """
    given = {**locals()}
    from wellfit.cli.preflight import refuse_unknown_data, refuse_unknown_names
    from wellfit.cli.source import Request, open_source

    refuse_unknown_names(given)
    request = Request.from_options(given)
    refuse_unknown_data(request)
    with starting():
        from wellfit.cli.settings import estimator
    source = open_source(request)
    for doubt in source.notes:
        note(doubt)
    parameters = {key: given[name] for name, key in _PARAMETERS.items()}
    model = estimator(source.learning, parameters, settings or ())
    report = _checked(model, source, seed)
    if rates is not None:
        _drawn(model, source, seed, rates)
    if report.outcome == "fail":
        raise typer.Exit(1)


def _checked(model: Model, source: Source, seed: int) -> Report:
    """Run all checks and print what they find."""
    import time

    from wellfit import diagnose

    data, began = source.data, time.perf_counter()
    with spinner("looking") as status:
        report = diagnose.check(
            model,
            data.X,
            data.y,
            X_test=data.X_test,
            y_test=data.y_test,
            random_state=seed,
            on_check=lambda name: status.update(f"{name.replace('_', ' ')} ..."),
        )
    console = screen()
    rows, columns = data.X.shape
    console.print(f"{data.name}: {pluralize(rows, 'row')}, {pluralize(columns, 'column')}", model)
    console.print()
    console.print(report)
    note(f"took {duration(time.perf_counter() - began)}")
    return report


def _drawn(model: Model, source: Source, seed: int, path: Path) -> RangeTest:
    """Plot the range test into a file, and print its result."""
    from wellfit.charts.to_matplotlib import figure, png
    from wellfit.core.writing import write
    from wellfit.diagnose import LearningRate, learning_rate_range

    with spinner("trying learning rates"):
        # As many steps as in the check: more steps would suggest a smaller rate.
        test = learning_rate_range(
            model, source.data.X, source.data.y, steps=LearningRate().steps, random_state=seed
        )
        write(path, png(figure([test.chart()])))
    screen().print(f"{test}\ndrawn in {path}", soft_wrap=True)
    return test
