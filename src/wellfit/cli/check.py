"""``wellfit check``: what would go wrong in a training, before it costs one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import duration, note, screen, spinner, starting
from wellfit.core.words import pluralize

if TYPE_CHECKING:
    from wellfit.cli.settings import Model
    from wellfit.cli.source import Source
    from wellfit.diagnose import RangeTest, Report

_NETWORK, _TRAINING = "Network", "Training"
# Which of the estimator's parameters an option is; a rule before what is set of it.
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


def _option(panel: str, meaning: str, *flags: str, **more: Any) -> Any:
    return typer.Option(*flags, help=meaning, rich_help_panel=panel, **more)


def check(
    data: Annotated[
        str, typer.Argument(help="What to look at: a file, a folder, or a name.", metavar="DATA")
    ],
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
    na: Annotated[
        list[str] | None,
        typer.Option(help="A further cell that is a missing value; repeatable.", metavar="TEXT"),
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help="The first line of a csv file is data.")
    ] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read a pickle whose origin you trust.")
    ] = False,
    hidden: Annotated[
        str | None, _option(_NETWORK, "Units of the hidden layers, as 512,256; '' for none.")
    ] = None,
    activation: Annotated[
        str | None, _option(_NETWORK, "A name: `wellfit methods activation`.", metavar="NAME")
    ] = None,
    initializer: Annotated[
        str | None, _option(_NETWORK, "A name: `wellfit methods initializer`.", metavar="NAME")
    ] = None,
    batch_norm: Annotated[
        bool | None,
        _option(_NETWORK, "Normalize each batch.", "--batch-norm/--no-batch-norm"),
    ] = None,
    optimizer: Annotated[
        str | None, _option(_TRAINING, "A name: `wellfit methods optimizer`.", metavar="NAME")
    ] = None,
    learning_rate: Annotated[
        float | None, _option(_TRAINING, "The optimizer's step size.", metavar="N")
    ] = None,
    batch_size: Annotated[
        int | None, _option(_TRAINING, "Rows of a step.", metavar="N", min=1)
    ] = None,
    l1: Annotated[
        float | None, _option(_TRAINING, "Strength of the L1 penalty.", metavar="N")
    ] = None,
    l2: Annotated[
        float | None, _option(_TRAINING, "Strength of the L2 penalty.", metavar="N")
    ] = None,
    class_weight: Annotated[
        str | None, _option(_TRAINING, "balanced: all classes count alike.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        _option(
            _TRAINING,
            "Any other parameter, as optimizer__momentum=0.9; repeatable.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None,
    n_threads: Annotated[
        int | None, typer.Option(help="Threads to compute with.", metavar="N", min=1)
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same findings.", metavar="N", min=0)
    ] = 0,
    rates: Annotated[
        Path | None,
        typer.Option(help="Draw how far learning rates come, over 8 decades, into this PNG file."),
    ] = None,
) -> None:
    """Look for what goes wrong most often: data, first weights, learning rate. Trains no model.

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
            told=lambda name: status.update(f"{name.replace('_', ' ')} ..."),
        )
    console = screen()
    rows, columns = data.X.shape
    console.print(f"{data.name}: {pluralize(rows, 'row')}, {pluralize(columns, 'column')}", model)
    console.print()
    console.print(report)
    note(f"took {duration(time.perf_counter() - began)}")
    return report


def _drawn(model: Model, source: Source, seed: int, path: Path) -> RangeTest:
    """Draw the range test into a file, and print what it says."""
    from matplotlib.figure import Figure

    from wellfit.charts.to_matplotlib import png
    from wellfit.core.writing import write
    from wellfit.diagnose import LearningRate, learning_rate_range

    with spinner("trying learning rates"):
        # As many steps as in the check: more of them suggest a smaller rate.
        test = learning_rate_range(
            model, source.data.X, source.data.y, steps=LearningRate().steps, random_state=seed
        )
        figure = Figure(figsize=(5.6, 4.2), layout="constrained")
        test.plot(figure.add_subplot())
        write(path, png(figure))
    screen().print(f"{test}\ndrawn in {path}", soft_wrap=True)
    return test
