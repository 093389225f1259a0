"""The arguments and options that several commands share: each is declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

# The panels of the help, in which options stand together.
NETWORK, TRAINING, STOPPING, RUN = "Network", "Training", "Stopping and judging", "Run"


def option(panel: str, meaning: str, *flags: str, **more: Any) -> Any:
    """Return an option that the help shows in a panel; ``more`` is for :func:`typer.Option`."""
    return typer.Option(*flags, help=meaning, rich_help_panel=panel, **more)


def number(panel: str, meaning: str, **more: Any) -> Any:
    """Return an option that takes a number."""
    return option(panel, meaning, **{"metavar": "N", **more})


def named(panel: str, family: str) -> Any:
    """Return an option that takes the name of an algorithm."""
    return option(panel, f"A name: `wellfit methods {family}`.", metavar="NAME")


# --- the data --------------------------------------------------------------------------------

Data = Annotated[
    str | None,
    typer.Argument(help="What to train on: a file, a folder, or a name.", metavar="DATA"),
]
Target = Annotated[str | None, typer.Option(help="The column to predict.")]
DataDir = Annotated[Path | None, typer.Option(help="A folder of data by name; else WELLFIT_DATA.")]
Test = Annotated[Path | None, typer.Option(help="A file of test rows, with the same columns.")]
TestFraction = Annotated[
    float, typer.Option(help="The share of rows to test by, where none are given.")
]
Drop = Annotated[list[str] | None, typer.Option(help="A column to leave out; repeatable.")]
Task = Annotated[str, typer.Option(help="classification or regression; auto goes by the target.")]
MissingValues = Annotated[
    list[str] | None,
    typer.Option(help="A further cell that is a missing value; repeatable.", metavar="TEXT"),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line of a csv file is data.")
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Read a pickle whose origin you trust.")
]

# --- the estimator ---------------------------------------------------------------------------

Hidden = Annotated[
    str | None, option(NETWORK, "Units of the hidden layers, as 512,256; '' for none.")
]
Activation = Annotated[str | None, named(NETWORK, "activation")]
Initializer = Annotated[str | None, named(NETWORK, "initializer")]
BatchNorm = Annotated[
    bool | None, option(NETWORK, "Normalize each batch.", "--batch-norm/--no-batch-norm")
]
Optimizer = Annotated[str | None, named(TRAINING, "optimizer")]
LearningRate = Annotated[float | None, number(TRAINING, "The optimizer's step size.")]
LRSchedule = Annotated[str | None, named(TRAINING, "schedule")]
BatchSize = Annotated[int | None, number(TRAINING, "Rows of a step.", min=1)]
Epochs = Annotated[int | None, number(TRAINING, "Passes over the training rows, at most.", min=1)]
L1 = Annotated[float | None, number(TRAINING, "Strength of the L1 penalty.")]
L2 = Annotated[float | None, number(TRAINING, "Strength of the L2 penalty.")]
ClassWeight = Annotated[str | None, option(TRAINING, "balanced: all classes count alike.")]
Settings = Annotated[
    list[str] | None,
    option(
        TRAINING,
        "Any other parameter, as optimizer__momentum=0.9; repeatable.",
        "--set",
        metavar="NAME=VALUE",
    ),
]
EarlyStopping = Annotated[
    bool | None,
    option(
        STOPPING,
        "Stop when held-out rows no longer improve; keep the best weights.",
        "--early-stopping/--no-early-stopping",
    ),
]

# --- the run ---------------------------------------------------------------------------------

Threads = Annotated[int | None, number(RUN, "Threads to compute with.", min=1)]
Seed = Annotated[int, number(RUN, "The same seed gives the same results.", min=0)]
Run = Annotated[Path | None, option(RUN, "The run's folder; else a new one in runs/.")]
Overwrite = Annotated[bool, option(RUN, "Replace the run that is in the folder.", "--overwrite")]
Quiet = Annotated[bool, option(RUN, "Print the figures only.", "--quiet", "-q")]
