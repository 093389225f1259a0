"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., None])
Group = TypeVar("Group", bound="ProgressOptions | SearchOptions")

# Panels that group the options in the help.
TRAINING, STOPPING, SEARCH, RUN = "Training", "Validation and stopping", "Search", "Run"


def option(panel: str, meaning: str, *flags: str, **more: Any) -> Any:
    """Return an option in a panel of the help; ``more`` goes to :func:`typer.Option`."""
    return typer.Option(*flags, help=meaning, rich_help_panel=panel, **more)


def number(panel: str, meaning: str, **more: Any) -> Any:
    """Return an option that takes a number."""
    return option(panel, meaning, **{"metavar": "N", **more})


def takes(*groups: type | Mapping[str, Any]) -> Callable[[Command], Command]:
    """Give a command, as a decorator, groups of options; it is called with them by name.

    Args:
        groups: classes whose annotated attributes are options, or types by name, where the option
            that isn't given is None.

    >>> class Pace:
    ...     epochs: int = 3
    >>> @takes(Pace, {"rate": float})
    ... def train(data: str, **given: object) -> None: ...
    >>> print(inspect.signature(train))
    (data: str, *, epochs: int = 3, rate: float = None) -> None
    """
    kind = inspect.Parameter

    def completed(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [one for one in signature.parameters.values() if one.kind != kind.VAR_KEYWORD]
        for group in groups:
            forms = inspect.get_annotations(group, eval_str=True) if callable(group) else group
            for name, form in forms.items():
                default = getattr(group, name, None)
                own.append(kind(name, kind.KEYWORD_ONLY, default=default, annotation=form))
        command.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        return command

    return completed


def chosen(group: type[Group], given: Mapping[str, Any]) -> Group:
    """Return a group of options, a dataclass, as a command was called; others have defaults."""
    names = [field.name for field in fields(group)]
    return group(**{name: given[name] for name in names if name in given})


# --- the data --------------------------------------------------------------------------------

Data = Annotated[
    str | None,
    typer.Argument(help="The data: a file, a folder, or the name of a data set.", metavar="DATA"),
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
Drop = Annotated[
    list[str] | None,
    typer.Option(help="Columns to drop: one, or several with commas; repeatable."),
]
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
Types = Annotated[
    list[str] | None,
    typer.Option(
        help="Types of columns, in place of those that their cells suggest: zip=category,age="
        "number; number, boolean, date, duration, category or text; repeatable.",
        metavar="COLUMN=TYPE,…",
    ),
]
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        help="A column that names the rows: no feature, and written beside each prediction; "
        "repeatable.",
        metavar="COLUMN",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="Memory that a table may take; larger ones are read in blocks. Default: half of what "
        "is free.",
        metavar="SIZE",
    ),
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Read pickle files; only if you trust their source.")
]


class DataOptions:
    """The options that say which data to read, and how."""

    data: Data = None
    target: Target = None
    data_dir: DataDir = None
    test: Test = None
    test_fraction: TestFraction = 0.2
    drop: Drop = None
    classes: Classes = None
    task: Task = "auto"
    weights: Annotated[
        str | None,
        typer.Option(
            help="A column with the weight of each row, at least 0, in training and test scores."
            " It is no feature.",
            metavar="COLUMN",
        ),
    ] = None
    ids: Ids = None
    na: MissingValues = None
    types: Types = None
    no_header: NoHeader = False
    memory: Memory = None
    allow_pickle: AllowPickle = False


class SplitOptions:
    """The options that choose the rows of the test set by a column."""

    split_by: Annotated[
        str | None,
        typer.Option(
            help="Test on the latest rows by a column of dates, or on whole groups by one of "
            "text.",
            metavar="COLUMN",
        ),
    ] = None
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


class ModelOptions:
    """The options that complete those of the estimator's parameters."""

    seed: Annotated[int, number(RUN, "Seed of the random numbers.", min=0)] = 0
    settings: Annotated[
        list[str] | None,
        option(
            TRAINING,
            "Set a parameter, or a part of one, such as optimizer__momentum=0.9; repeatable.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None


class RunOptions:
    """The options of commands that write a run folder."""

    run: Annotated[Path | None, option(RUN, "The run folder; default: a new one in runs/.")] = None
    overwrite: Annotated[
        bool, option(RUN, "Replace an earlier run in the folder.", "--overwrite")
    ] = False
    resume: Annotated[
        Path | None,
        option(RUN, "Resume an interrupted run; needs no other argument.", metavar="RUN"),
    ] = None
    quiet: Annotated[bool, option(RUN, "Print only the scores.", "--quiet", "-q")] = False


@dataclass(frozen=True)
class ProgressOptions:
    """The options of a training that aren't the estimator's: progress, logs and limits."""

    time_limit: Annotated[
        float | None,
        number(STOPPING, "Stop training after this time.", metavar="SECONDS"),
    ] = None
    report_every: Annotated[
        int | None, number(RUN, "Number of epochs between printed lines.", min=1)
    ] = None
    tensorboard: Annotated[
        bool,
        option(RUN, "Write TensorBoard logs to RUN/tensorboard.", "--tensorboard"),
    ] = False
    checkpoint_every: Annotated[
        float, option(RUN, "Time between checkpoints.", metavar="SECONDS", min=0)
    ] = 15.0
    keep_checkpoints: Annotated[
        bool,
        option(RUN, "Keep the checkpoints after the run has finished.", "--keep-checkpoints"),
    ] = False


@dataclass(frozen=True)
class SearchOptions:
    """The options of a search, but for its space."""

    candidates: Annotated[int, option(SEARCH, "Number of candidates.", metavar="N", min=1)] = 40
    cv: Annotated[int, option(SEARCH, "Number of cross-validation folds.", metavar="N", min=2)] = 3
    sampler: Annotated[
        str, option(SEARCH, "random, sobol, grid, grow, tpe, …", metavar="NAME")
    ] = "random"
    halving: Annotated[
        str | None,
        option(
            SEARCH,
            "successive or hyperband: few epochs for many candidates, more for the best.",
            metavar="NAME",
        ),
    ] = None
    resource: Annotated[
        str,
        option(
            SEARCH,
            "What halving gives little of at first: epochs, or n_samples for training rows.",
            metavar="NAME",
        ),
    ] = "epochs"
    factor: Annotated[
        int,
        option(SEARCH, "Halving keeps one of this many candidates.", metavar="N", min=2),
    ] = 3
    restarts: Annotated[
        int,
        option(SEARCH, "Number of seeds for each candidate.", metavar="N", min=1),
    ] = 1
    score: Annotated[
        str | None,
        option(
            SEARCH,
            "A scorer of scikit-learn, or several: roc_auc,f1; the first ranks the candidates. "
            "Default: accuracy or R².",
            "--scoring",
            metavar="SCORER,…",
        ),
    ] = None
    time_limit: Annotated[
        float | None,
        option(SEARCH, "Start no more fits after this time.", metavar="SECONDS", min=0),
    ] = None
    jobs: Annotated[
        int | None,
        option(SEARCH, "Number of processes; -1 for one per core.", metavar="N"),
    ] = None
