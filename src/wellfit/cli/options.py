"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

# Panels that group the options in the help.
NETWORK, TRAINING, STOPPING, RUN = "Network", "Training", "Validation and stopping", "Run"


def option(panel: str, meaning: str, *flags: str, **more: Any) -> Any:
    """Return an option in a panel of the help; ``more`` goes to :func:`typer.Option`."""
    return typer.Option(*flags, help=meaning, rich_help_panel=panel, **more)


def number(panel: str, meaning: str, **more: Any) -> Any:
    """Return an option that takes a number."""
    return option(panel, meaning, **{"metavar": "N", **more})


def named(panel: str, family: str) -> Any:
    """Return an option that takes the name of an algorithm."""
    return option(panel, f"A name from `wellfit methods {family}`.", metavar="NAME")


# --- the data --------------------------------------------------------------------------------

Data = Annotated[
    str | None,
    typer.Argument(
        help="The training data: a file, a folder, or the name of a data set.", metavar="DATA"
    ),
]
Target = Annotated[str | None, typer.Option(help="The column to predict.")]
DataDir = Annotated[
    Path | None, typer.Option(help="A folder with named data sets; default: WELLFIT_DATA.")
]
Test = Annotated[
    Path | None, typer.Option(help="A file with the test set, with the same columns.")
]
TestFraction = Annotated[
    float, typer.Option(help="Fraction of the rows for the test set, if none is given.")
]
Drop = Annotated[list[str] | None, typer.Option(help="A column to drop; repeatable.")]
Classes = Annotated[
    str | None,
    typer.Option(help="Use the rows of these classes only: 0-4, or 0,3,7, or names."),
]
Task = Annotated[
    str, typer.Option(help="classification or regression; auto infers it from the target.")
]
MissingValues = Annotated[
    list[str] | None,
    typer.Option(help="An additional cell value that means missing; repeatable.", metavar="TEXT"),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first line of a csv file is data.")
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Read pickle files; only if you trust their source.")
]

# --- the estimator ---------------------------------------------------------------------------

Hidden = Annotated[
    str | None, option(NETWORK, "Units of the hidden layers, such as 512,256; '' for none.")
]
Activation = Annotated[str | None, named(NETWORK, "activation")]
Initializer = Annotated[str | None, named(NETWORK, "initializer")]
BatchNorm = Annotated[
    bool | None, option(NETWORK, "Use batch normalization.", "--batch-norm/--no-batch-norm")
]
Optimizer = Annotated[str | None, named(TRAINING, "optimizer")]
LearningRate = Annotated[float | None, number(TRAINING, "Learning rate of the optimizer.")]
LRSchedule = Annotated[str | None, named(TRAINING, "schedule")]
BatchSize = Annotated[int | None, number(TRAINING, "Rows in a batch.", min=1)]
Epochs = Annotated[int | None, number(TRAINING, "Maximal number of epochs.", min=1)]
L1 = Annotated[float | None, number(TRAINING, "Strength of the L1 penalty.")]
L2 = Annotated[float | None, number(TRAINING, "Strength of the L2 penalty.")]
ClassWeight = Annotated[
    str | None, option(TRAINING, "balanced: weights rows inversely to the size of their class.")
]
Settings = Annotated[
    list[str] | None,
    option(
        TRAINING,
        "Any other parameter, such as optimizer__momentum=0.9; repeatable.",
        "--set",
        metavar="NAME=VALUE",
    ),
]
EarlyStopping = Annotated[
    bool | None,
    option(
        STOPPING,
        "Stop when the validation loss no longer improves; keep the best weights.",
        "--early-stopping/--no-early-stopping",
    ),
]

# --- the run ---------------------------------------------------------------------------------

Threads = Annotated[int | None, number(RUN, "Number of threads.", min=1)]
Seed = Annotated[int, number(RUN, "Seed of the random numbers.", min=0)]
Run = Annotated[Path | None, option(RUN, "The run folder; default: a new one in runs/.")]
Overwrite = Annotated[bool, option(RUN, "Replace an earlier run in the folder.", "--overwrite")]
Quiet = Annotated[bool, option(RUN, "Print only the scores.", "--quiet", "-q")]
