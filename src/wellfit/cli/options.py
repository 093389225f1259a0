"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., None])

# Panels that group the options in the help.
TRAINING, STOPPING, RUN = "Training", "Validation and stopping", "Run"


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
    na: MissingValues = None
    no_header: NoHeader = False
    allow_pickle: AllowPickle = False


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
