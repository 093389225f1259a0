"""``wellfit search``: from data to the best of many candidates, in a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wellfit.cli.console import note, screen, spinner, starting
from wellfit.cli.train import begin_with, resume_from

_NETWORK, _SEARCH, _RUN = "The same for all candidates", "Search", "Run"


def _option(panel: str, meaning: str, *flags: str, **more: Any) -> Any:
    return typer.Option(*flags, help=meaning, rich_help_panel=panel, **more)


# Which of the estimator's parameters an option is; a rule before what is set of it.
_PARAMETERS = {
    "hidden": "hidden_layer_sizes",
    "activation": "activation",
    "batch_norm": "batch_norm",
    "optimizer": "optimizer",
    "lr_schedule": "lr_schedule",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "early_stopping": "early_stopping",
    "n_threads": "n_threads",
}
_OPTIONS = (
    *("candidates", "cv", "sampler", "halving", "factor", "restarts"),
    *("time_limit", "score", "jobs"),
)


class _OneByDefault(TyperGroup):
    """Takes what names none of its other commands for the arguments of the first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before its arguments."""
        first, *others = self.commands
        if not args or args[0] not in others:
            args = [first, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Leave that name out of the help."""
        name, command, rest = super().resolve_command(ctx, args)
        first = next(iter(self.commands))
        return ("" if name == first else name), command, rest

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)


search_app = typer.Typer(cls=_OneByDefault, help="Try many candidates, and keep the best.")


@search_app.command(
    "run", epilog="`wellfit search show RUN` prints the table of a run, and draws it."
)
def search(
    ctx: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(help="What to train on: a file, a folder, or a name.", metavar="DATA"),
    ] = None,
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
    candidates: Annotated[int, _option(_SEARCH, "How many to try.", metavar="N", min=1)] = 40,
    cv: Annotated[int, _option(_SEARCH, "Folds that each is judged by.", metavar="N", min=2)] = 3,
    space: Annotated[
        Path | None,
        _option(_SEARCH, "JSON or YAML of what to vary; else a space by default.", metavar="FILE"),
    ] = None,
    sampler: Annotated[
        str, _option(_SEARCH, "random, sobol, grid, tpe, …", metavar="NAME")
    ] = "random",
    halving: Annotated[
        str | None,
        _option(
            _SEARCH,
            "successive or hyperband: few epochs for many, more for the best.",
            metavar="NAME",
        ),
    ] = None,
    factor: Annotated[
        int, _option(_SEARCH, "Of how many candidates halving keeps one.", metavar="N", min=2)
    ] = 3,
    restarts: Annotated[
        int, _option(_SEARCH, "Seeds that each candidate is trained from.", metavar="N", min=1)
    ] = 1,
    score: Annotated[
        str | None,
        _option(
            _SEARCH,
            "A scorer of scikit-learn; else accuracy or R².",
            "--scoring",
            metavar="SCORER",
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        _option(_SEARCH, "Begin nothing new after so many seconds.", metavar="SECONDS", min=0),
    ] = None,
    jobs: Annotated[
        int | None, _option(_SEARCH, "Processes; -1 for one a core.", metavar="N")
    ] = None,
    hidden: Annotated[
        str | None, _option(_NETWORK, "Units of the hidden layers, as 512,256; '' for none.")
    ] = None,
    activation: Annotated[
        str | None,
        _option(_NETWORK, "A name: `wellfit methods activation`.", metavar="NAME"),
    ] = None,
    batch_norm: Annotated[
        bool | None,
        _option(_NETWORK, "Normalize each batch.", "--batch-norm/--no-batch-norm"),
    ] = None,
    optimizer: Annotated[
        str | None, _option(_NETWORK, "A name: `wellfit methods optimizer`.", metavar="NAME")
    ] = None,
    lr_schedule: Annotated[
        str | None, _option(_NETWORK, "A name: `wellfit methods schedule`.", metavar="NAME")
    ] = None,
    batch_size: Annotated[
        int | None, _option(_NETWORK, "Rows of a step.", metavar="N", min=1)
    ] = None,
    epochs: Annotated[
        int | None, _option(_NETWORK, "Passes over the training rows.", metavar="N", min=1)
    ] = None,
    early_stopping: Annotated[
        bool | None,
        _option(
            _NETWORK,
            "Stop when held-out rows no longer improve.",
            "--early-stopping/--no-early-stopping",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        _option(
            _NETWORK,
            "Any other parameter, as optimizer__momentum=0.9; repeatable.",
            "--set",
            metavar="NAME=VALUE",
        ),
    ] = None,
    n_threads: Annotated[
        int | None, _option(_RUN, "Threads to compute with.", metavar="N", min=1)
    ] = None,
    seed: Annotated[
        int, _option(_RUN, "The same seed gives the same search.", metavar="N", min=0)
    ] = 0,
    run: Annotated[
        Path | None, _option(_RUN, "The run's folder; else a new one in runs/.")
    ] = None,
    overwrite: Annotated[
        bool, _option(_RUN, "Replace the run that is in the folder.", "--overwrite")
    ] = False,
    resume: Annotated[
        Path | None,
        _option(_RUN, "Go on with a search that was cut off. Needs no more.", metavar="RUN"),
    ] = None,
    quiet: Annotated[bool, _option(_RUN, "Print the figures only.", "--quiet", "-q")] = False,
) -> None:
    """Try many candidates by cross-validation, and train the best into a run folder."""
    given = {**locals()}
    if resume is not None:
        resume_from(ctx, resume)
    else:
        begin_with(ctx, given)
    with starting():
        from wellfit.cli.search_run import resume_search, run_search
    if resume is not None:
        resume_search(resume, quiet=quiet)
    else:
        run_search(_plan(given), run=run, overwrite=overwrite, quiet=quiet)


@search_app.command()
def show(
    run: Annotated[Path, typer.Argument(help="The folder of a search.", metavar="RUN")],
    top: Annotated[int, typer.Option(help="How many candidates.", metavar="N", min=1)] = 20,
) -> None:
    """Print a search's candidates, the best first, and what mattered; draw that into the run.

    The table has each candidate's mean score, its deviation over the folds, and the time it took.
    """
    from wellfit.cli.run_folder import read_run

    read_run(run, "show")
    with spinner("reading"):
        from wellfit.cli.leaderboard import leaderboard_table
        from wellfit.cli.search_folder import has_ended, read_fits, read_results
        from wellfit.cli.search_pictures import draw_search

        table, fits = read_results(run), read_fits(run)
    screen().print(leaderboard_table(table, top))
    with spinner("drawing"):
        mattered = draw_search(run, fits) if fits else None
    if mattered is not None:
        screen().print()
        screen().print(mattered)
    if not has_ended(run):
        note(f"the search hasn't ended; go on by `wellfit search --resume {run}`")


def _plan(given: Mapping[str, Any]) -> Any:
    """Return the plan that the command's arguments are."""
    from wellfit.cli.plan import Options, Plan
    from wellfit.cli.search_plan import SearchOptions, SearchPlan
    from wellfit.cli.source import Request
    from wellfit.model_selection.spaces import read_space

    request = Request.from_options(given)
    parameters = {key: given[name] for name, key in _PARAMETERS.items()}
    # What the file says is kept, not where it is: a resumed search finds the same.
    space = None if given["space"] is None else read_space(given["space"])
    options = SearchOptions(space=space, **{name: given[name] for name in _OPTIONS})
    return SearchPlan(
        Plan(request, parameters, tuple(given["settings"] or ()), Options()), options
    )
