"""``wellfit search``: search hyper-parameters by cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wellfit.cli import options
from wellfit.cli.console import note, screen, spinner, starting
from wellfit.cli.parameters import parameter_options
from wellfit.cli.train import begin, begin_again
from wellfit.core.declared import refuse_undeclared


class _OneByDefault(TyperGroup):
    """Passes arguments to the first command unless they name another one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the first command's name before its arguments."""
        first, *others = self.commands
        if not args or args[0] not in others:
            args = [first, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Omit that name from the help."""
        name, command, rest = super().resolve_command(ctx, args)
        first = next(iter(self.commands))
        return ("" if name == first else name), command, rest

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)


search_app = typer.Typer(cls=_OneByDefault, help="Search hyper-parameters by cross-validation.")


@search_app.command(
    "run",
    epilog="`wellfit search show RUN` prints the candidates of a search and draws its figures. "
    "No candidate averages several networks, as `wellfit train DATA --preset best` does.",
)
@options.takes(
    options.DataOptions,
    options.SplitOptions,
    options.SearchOptions,
    parameter_options("scoring"),  # the search has its own
    options.ModelOptions,
    options.RunOptions,
)
def search(
    ctx: typer.Context,
    space: Annotated[
        Path | None,
        options.option(
            options.SEARCH,
            "A YAML or JSON file with the search space; default: the presets default and fast, "
            "then what suits the data.",
            metavar="FILE",
        ),
    ] = None,
    **given: Any,
) -> None:
    """Search hyper-parameters by cross-validation, and train the best candidate.

    What is given of the network and of its training is the same for all candidates.
    """
    if given["resume"] is not None:
        begin_again(ctx, given["resume"])
        with starting():
            from wellfit.cli.search_run import resume_search
        resume_search(given["resume"], quiet=given["quiet"])
        return
    refuse_undeclared("sampler", given["sampler"])
    # Candidates are judged by folds of all rows that aren't in the test set.
    plan = begin(ctx, given, validates=False)
    with starting():
        from wellfit.cli.search_plan import SearchPlan
        from wellfit.cli.search_run import run_search
        from wellfit.model_selection.spaces import read_space
    # The plan stores the file's contents, not its path, so that a resumed search uses them.
    found = None if space is None else read_space(space)
    search_plan = SearchPlan(plan, options.chosen(options.SearchOptions, given), found)
    run_search(search_plan, run=given["run"], overwrite=given["overwrite"], quiet=given["quiet"])


@search_app.command()
def show(
    run: Annotated[Path, typer.Argument(help="The run folder of a search.", metavar="RUN")],
    top: Annotated[
        int, typer.Option(help="Number of candidates to show.", metavar="N", min=1)
    ] = 20,
) -> None:
    """Print a search's candidates and the parameters' importance, and draw its figures.

    The table shows each candidate's mean score, its standard deviation over the folds, and its
    time.
    """
    from wellfit.cli.run_folder import read_run

    config = read_run(run, "show")  # a wrong folder is named before PyTorch is imported
    with spinner("reading"):
        from wellfit.cli.leaderboard import leaderboard_table
        from wellfit.cli.search_folder import has_ended, read_fits, read_results
        from wellfit.cli.search_pictures import draw_search
        from wellfit.report.searches.candidates import metric_of

        table, fits = read_results(run), read_fits(run)
    metric = metric_of(config["search"]["score"], config["estimator"])
    screen().print(leaderboard_table(table, metric, top))
    with spinner("drawing"):
        # Nothing changes any more in a search that has ended, whose figures take a second.
        redraw = not has_ended(run)
        mattered = draw_search(run, fits, metric, redraw=redraw) if fits else None
    if mattered is not None:
        screen().print()
        screen().print(mattered)
    if not has_ended(run):
        note(f"the search is unfinished; `wellfit search --resume {run}` resumes it")
