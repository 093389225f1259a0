"""``wellfit reproduce``: repeat published experiments and compare the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import duration, note, screen, spinner

if TYPE_CHECKING:
    from wellfit.cli.recipe_results import ResultsFolder
    from wellfit.recipes import Recipe, Reproduction
    from wellfit.recipes.base import Way

_TITLES = {"published": "as published", "better": "the better way"}


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
    from wellfit.core.declared import refuse_undeclared
    from wellfit.core.errors import InputError

    only, names = _told(names or [])
    for name in names:
        refuse_undeclared("recipe", name)
    with spinner("loading recipes"):
        from wellfit.cli.recipe_listing import show_list, show_recipes
        from wellfit.recipes import recipes

        found = recipes(names, source)
    if only:
        (show_list if only == "list" else show_recipes)(found)
        return
    if not (names or everything or source):
        raise InputError("nothing to reproduce; expected names of recipes, --source or --all")
    if better and both:
        raise InputError("--better and --both exclude each other")
    ways: tuple[Way, ...] = (
        ("published", "better") if both else ("better",) if better else ("published",)
    )
    count = range(seeds or (1 if quick else 3))
    missed = _reproduce(_jobs(found, ways), count, data_dir, out)
    if missed:
        screen().print(f"missed: {', '.join(missed)}")
        raise typer.Exit(1)


def _told(names: list[str]) -> tuple[str, list[str]]:
    """Return whether to list or show recipes in place of running them, and the recipes' names."""
    only = names[0] if names[:1] in (["list"], ["show"]) else ""
    return only, names[1:] if only else names


def _jobs(found: list[Recipe], ways: tuple[Way, ...]) -> list[tuple[Recipe, Way]]:
    """Return what to run, and say what can't be run."""
    for recipe in found:
        for way in ways:
            if way not in recipe.ways:
                reason = (way == "published" and recipe.differs) or recipe.better_way
                note(f"{recipe.name} has no run for {_TITLES[way]}: {reason}")
    return [(recipe, way) for recipe in found for way in ways if way in recipe.ways]


def _reproduce(
    jobs: list[tuple[Recipe, Way]], seeds: range, data_dir: Path | None, out: Path | None
) -> list[str]:
    """Run recipes, show the results of each, and return the names of those that missed."""
    from wellfit.cli.recipe_results import ResultsFolder

    folder = ResultsFolder(out)
    results: list[Reproduction] = []
    folder.document()  # an invalid file is an error now, and not after the first recipe
    try:
        with _progress(len(jobs) * len(seeds)) as advance:
            for recipe, way in jobs:
                done = folder.finished(recipe, way, seeds)
                if done is None:
                    done = _run(recipe, way, seeds, data_dir, folder, advance)
                else:
                    advance(f"{recipe.name}: finished before", len(seeds))
                results.append(done)
                _show(done, folder)
    except KeyboardInterrupt:
        if out is not None:
            note(f"interrupted; finished seeds are kept in {out}: the same command continues")
        raise
    finally:  # after Ctrl-C too: finished recipes count
        total = sum(done.seconds * len(done.seeds) for done in results)
        reached = sum(done.reached for done in results)
        screen().print(
            f"\n{len(results)} of {len(jobs)} recipes in {duration(total)}, "
            f"{reached} reach their reference values"
        )
    return list(dict.fromkeys(done.recipe.name for done in results if not done.reached))


def _run(
    recipe: Recipe,
    way: Way,
    seeds: Sequence[int],
    data_dir: Path | None,
    folder: ResultsFolder,
    advance: Any,
) -> Reproduction:
    """Run the seeds that aren't done yet, keep each as it ends, and write the results."""
    from wellfit.recipes import SeedRun, reproduce

    earlier = folder.unfinished(recipe, way)
    count = sum(run.seed in seeds for run in earlier)
    where = f"{recipe.name}, {_TITLES[way]}"
    advance(f"{where}, seed {min(count + 1, len(seeds))} of {len(seeds)}", count)

    def on_seed(run: SeedRun) -> None:
        nonlocal count
        folder.keep(recipe, way, run)
        count += 1
        advance(f"{where}, seed {min(count + 1, len(seeds))} of {len(seeds)}", 1)

    done = reproduce(
        recipe, way=way, data_dir=data_dir, seeds=seeds, earlier=earlier, on_seed=on_seed
    )
    folder.finish(done)
    return done


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Show a bar of finished runs in a terminal; yield a function of a text and of a number."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    with Progress(*columns, console=screen(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda text, runs: bar.update(task, description=text, advance=runs)


def _show(done: Reproduction, folder: ResultsFolder) -> None:
    """Print the results of a recipe, beside those of its other way if the folder has them."""
    from rich.text import Text

    from wellfit.recipes.comparison import MARKS, compare, time_text

    ways = {done.way: done}
    for way in done.recipe.ways:
        if way != done.way and (kept := folder.finished(done.recipe, way)):
            ways[way] = kept
    colours = {"✓": "green", "≈": "yellow", "✗": "red"}
    times = ", ".join(f"{_TITLES[way]} {time_text(one)}" for way, one in ways.items())
    screen().print(Text.assemble((done.recipe.name, "bold"), f"  {times}"), soft_wrap=True)
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
