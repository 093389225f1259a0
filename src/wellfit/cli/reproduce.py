"""``wellfit reproduce``: repeat published experiments and compare the results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import wellfit
from wellfit.cli.console import note, screen, spinner
from wellfit.cli.recipe_runs import TITLES
from wellfit.core.words import duration

if TYPE_CHECKING:
    from wellfit.cli.recipe_results import ResultsFolder
    from wellfit.cli.recipe_runs import RecipeRuns
    from wellfit.recipes import Recipe, Reproduction
    from wellfit.recipes.base import Way


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names of recipes; `list` lists them, `show NAME` shows one in full."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All recipes.")] = False,
    source: Annotated[
        str | None, typer.Option(help="All recipes of one source: indaba, cs109b, …")
    ] = None,
    better: Annotated[
        bool,
        typer.Option("--better", help="The shorter way to the figures, with other settings."),
    ] = False,
    both: Annotated[
        bool, typer.Option("--both", help="The published experiment and the shorter way.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="One seed.")] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of seeds; default: 3, or 1 with --quick.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="A folder with named data sets; default: WELLFIT_DATA, or a download."),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            metavar="N", help="Number of processes; -1 for one per core. Each needs about 1 GB."
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A folder for results.json and images/. Finished seeds are kept there and "
            "aren't run again: the same command continues after an interruption."
        ),
    ] = None,
) -> None:
    """Repeat published experiments with the settings of their sources, and compare the results.

    `--better` reaches the same figures by the shortest training that is known here. The exit code
    is 1 if a result misses its reference value by more than the tolerance.
    """
    from wellfit.core.errors import InputError

    only, names = _told(names or [])
    _refuse_unknown(names)
    with spinner("loading recipes"):
        from wellfit.cli.recipe_listing import show_list, show_recipes
        from wellfit.cli.recipe_results import ResultsFolder
        from wellfit.cli.recipe_runs import RecipeRuns
        from wellfit.recipes import recipes

        found = recipes(names, source)
    if only:
        (show_list if only == "list" else show_recipes)(found)
        return
    if not (names or everything or source):
        raise InputError("nothing to reproduce; expected names of recipes, --source or --all")
    if better and both:
        raise InputError("--better and --both exclude each other")
    if jobs == 0:
        raise InputError("--jobs is 0; expected a number of processes, or -1 for one per core")
    ways: tuple[Way, ...] = (
        ("published", "better") if both else ("better",) if better else ("published",)
    )
    count = range(seeds or (1 if quick else 3))
    folder = ResultsFolder(out)
    if _reproduce(RecipeRuns(_jobs(found, ways), count, data_dir, folder, jobs)):
        raise typer.Exit(1)


def _told(names: list[str]) -> tuple[str, list[str]]:
    """Return whether to list or show recipes in place of running them, and the recipes' names."""
    only = names[0] if names[:1] in (["list"], ["show"]) else ""
    return only, names[1:] if only else names


def _refuse_unknown(names: list[str]) -> None:
    """Refuse a name that no recipe has, before libraries are imported."""
    from wellfit.core.declared import refuse_undeclared
    from wellfit.core.errors import InputError, UnknownNameError, did_you_mean

    for name in names:
        try:
            refuse_undeclared("recipe", name)
        except UnknownNameError as error:
            if _is_source(name):
                hint = f"; it is a source: `--source {name}` runs its recipes."
            else:  # there are too many to name all
                hint = did_you_mean(name, error.known)
            message = f"unknown recipe {name!r}{hint} `wellfit reproduce list` lists all"
            raise InputError(message) from error


def _is_source(name: str) -> bool:
    """Return whether a name is a source's."""
    # A source has a module of its name, but for wellfit; importing the recipes takes seconds.
    module = Path(wellfit.__file__).parent / "recipes" / name.replace("-", "_")
    if name != "wellfit" and not (module.is_dir() or module.with_suffix(".py").is_file()):
        return False
    from wellfit.recipes import recipes

    return name in {recipe.source.key for recipe in recipes()}


def _jobs(found: list[Recipe], ways: tuple[Way, ...]) -> list[tuple[Recipe, Way]]:
    """Return what to run, and say what can't be run."""
    for recipe in found:
        for way in ways:
            if way not in recipe.ways:
                reason = (way == "published" and recipe.differs) or recipe.better_way
                note(f"{recipe.name} has no run for {TITLES[way]}: {reason}")
    return [(recipe, way) for recipe in found for way in ways if way in recipe.ways]


def _reproduce(runs: RecipeRuns) -> bool:
    """Run recipes, show the results of each, and return whether a reference value is missed."""
    results: list[Reproduction] = []
    runs.folder.document()  # an invalid file is an error now, and not after the first recipe
    try:
        with (
            _progress(len(runs.jobs) * len(runs.seeds)) as progress,
            closing(runs.results(progress)) as found,
        ):
            for done in found:
                results.append(done)
                _show(done, runs.folder, f"{len(results)} of {len(runs.jobs)}")
    except KeyboardInterrupt:
        if (out := runs.folder.path) is not None:
            note(f"interrupted; finished seeds are kept in {out}: the same command continues")
        raise
    finally:  # after Ctrl-C too: finished recipes count
        _sum_up(results, len(runs.jobs))
    return any(done.missed for done in results)


def _sum_up(results: list[Reproduction], wanted: int) -> None:
    """Print how many recipes were run, in which time, and which ones reach their values."""
    times = [
        len(done.seeds) * (done.cpu_seconds if isfinite(done.cpu_seconds) else done.seconds)
        for done in results
    ]
    reached = sum(done.reached for done in results)
    screen().print(
        f"\n{len(results)} of {wanted} recipes in {duration(sum(times))} of CPU time, "
        f"{reached} reach their reference values"
    )
    apart = {
        "outside the tolerance for a known reason": [
            done for done in results if not (done.reached or done.missed)
        ],
        "missed": [done for done in results if done.missed],
    }
    for what, which in apart.items():
        if which:
            names = ", ".join(dict.fromkeys(done.recipe.name for done in which))
            screen().print(f"{what}: {names}", soft_wrap=True)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Show a bar of finished runs in a terminal; yield a function of a text and of a number."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.table import Column

    # The text last, and cut off where it is too long: the bar has to stay.
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    columns = (BarColumn(20), MofNCompleteColumn(), Elapsed(), text)
    with Progress(*columns, console=screen(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text, runs: bar.update(task, description=text, advance=runs)


def _show(done: Reproduction, folder: ResultsFolder, place: str) -> None:
    """Print the results of a recipe, beside those of its other way if the folder has them."""
    from rich.text import Text

    from wellfit.recipes.comparison import MARKS, compare, time_text

    ways = {done.way: done}
    for way in done.recipe.ways:
        if way != done.way and (kept := folder.finished(done.recipe, way)):
            ways[way] = kept
    colours = {"✓": "green", "≈": "yellow", "≠": "yellow", "✗": "red"}
    times = ", ".join(f"{TITLES[way]} {time_text(one)}" for way, one in ways.items())
    head = Text.assemble((done.recipe.name, "bold"), f"  {times}", (f"  ({place})", "dim"))
    screen().print(head, soft_wrap=True)
    for row in compare(ways):
        mine = row.published if done.way == "published" else row.better
        mark = MARKS[mine.verdict] if mine else " "
        line = Text.assemble("  ", (mark, colours.get(mark, "")), f" {_line(row)}")
        screen().print(line, soft_wrap=True)
    recipe = done.recipe
    notes = {"differs": recipe.differs, "better way": recipe.better_way, "note": recipe.remark}
    for label, text in notes.items():
        if text:
            screen().print(Text.assemble((f"    {label}: ", "dim"), text), soft_wrap=True)


def _line(row: Any) -> str:
    """Return a reference value and the results as a line."""
    from wellfit.recipes.comparison import result_text, verdict_text

    parts = [row.figure.reference] if row.figure.reference else []
    for label, one in (("reproduced", row.published), ("better way", row.better)):
        if one is not None:
            verdict = verdict_text(one)
            parts.append(f"{label} {result_text(one)}" + (f" ({verdict})" if verdict else ""))
    place = f"  [{row.figure.place}]" if row.figure.place else ""
    return f"{row.figure.what}: {', '.join(parts)}{place}"
