"""The steps of ``wellfit search`` after its arguments are parsed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from wellfit.cli import evaluation, training_summary
from wellfit.cli.console import key_value_table, note, screen
from wellfit.cli.files import plain
from wellfit.cli.leaderboard import (
    DisplayedJournal,
    Leaderboard,
    brief,
    failures,
    leaderboard_table,
)
from wellfit.cli.options import SearchOptions
from wellfit.cli.run_folder import refuse_target, resumed
from wellfit.cli.run_steps import (
    build_estimator,
    prepare,
    print_folder,
    print_resume_hint,
    run_config,
    training_record,
)
from wellfit.cli.sampling import in_memory, sample_notes, store_notes, stored_beside
from wellfit.cli.search_folder import SearchFolder, read_search
from wellfit.cli.search_pictures import draw_search
from wellfit.cli.search_plan import SearchPlan
from wellfit.cli.settings import Model
from wellfit.cli.source import SplitData
from wellfit.cli.train_run import complete
from wellfit.core.errors import DataError, InputError
from wellfit.core.words import duration, pluralize
from wellfit.diagnose import Report
from wellfit.estimators.settings import refuse_scorers
from wellfit.fitting.scoring import scorer_list
from wellfit.inference.table_schema import record_schema
from wellfit.model_selection import SearchCV, Space
from wellfit.model_selection.resources import ResourceName
from wellfit.model_selection.search import Halving
from wellfit.report.searches import candidates
from wellfit.report.searches.candidates import metric_of, other_metrics

_SHOWN_IN_TABLE = "One or more of the test scores are non-finite"


def run_search(plan: SearchPlan, *, run: Path | None, overwrite: bool, quiet: bool) -> None:
    """Search, train and evaluate the best candidate, and write the run folder.

    Args:
        plan: the data and the search.
        run: the folder; None for a new one.
        overwrite: whether an earlier run may be replaced.
        quiet: whether to print only the scores.
    """
    # Invalid arguments fail before the data are read.
    refuse_target(run, overwrite, "search")
    plan.searched_space(build_estimator(plan.common, "classification"))
    source, model = prepare(plan.common)
    refuse_scorers(model, plan.options.score, source.data.y)
    folder = SearchFolder(run, f"{source.data.name}-search", overwrite=overwrite)
    config = {**run_config(model, source, plan.common.request), **plan.to_dict()}
    _carry_out(plan, source, model, folder, config, quiet)


def resume_search(path: Path, *, quiet: bool) -> None:
    """Resume a search from its journal.

    Args:
        path: the run's folder.
        quiet: print the figures only.
    """
    with resumed(path, SearchFolder, read_search) as (folder, config):
        plan = SearchPlan.from_dict(config)
        if "result" in config:
            complete(plan.common, folder, config)
            screen().print(f"{path} is finished already", soft_wrap=True)
            return
        source, model = prepare(plan.common)
        _carry_out(plan, source, model, folder, config, quiet)


def _carry_out(
    plan: SearchPlan,
    source: SplitData,
    model: Model,
    folder: SearchFolder,
    config: Mapping[str, Any],
    quiet: bool,
) -> None:
    """Show the data, search, save, evaluate."""
    console = screen()
    space, options = plan.searched_space(model, source.data), plan.options
    n_candidates = plan.n_candidates(space)
    looked_at = in_memory(source)
    checks = training_summary.show_data(model, looked_at, console, quiet)
    if not quiet:
        _print_notes(sample_notes(source.data, looked_at.data, "the checks"))
        console.print(_options_table(options, n_candidates, space))
        console.print()
    try:
        began = time.perf_counter()
        metric = metric_of(options.score, type(model).__name__)
        # Halving decides the number of fits as it goes.
        fits = 0 if options.halving else n_candidates * options.cv * options.restarts
        leaderboard = Leaderboard(console, metric, fits, options.time_limit, quiet)
        journal = DisplayedJournal(lambda: folder.begun_journal(config), leaderboard)
        source = stored_beside(folder.path, source)
        search = _searched(plan, space, source, model, journal, leaderboard)
        best: Model = search.best_estimator_
        if best.status_ == "interrupted":
            raise KeyboardInterrupt
        record_schema(best, source.data.schema)
        best.save(folder.model)
        seconds = time.perf_counter() - began
        tested = in_memory(source, best.network_.split)
        _print_notes(sample_notes(source.data, tested.data, "scores and figures"))
        _conclude(search, tested, checks, folder, console, seconds, quiet)
        _print_notes(store_notes(source.data))
    except BaseException as error:
        print_resume_hint(error, folder, "search")
        raise
    finally:
        folder.release()


def _print_notes(texts: Iterable[str]) -> None:
    for text in texts:
        note(text)


def _options_table(options: SearchOptions, n_candidates: int, space: Space) -> Table:
    """Return a table with the options of the search."""
    table = key_value_table()
    by_rows = " by rows" if options.resource == "n_samples" else ""
    halving = f", {options.halving} halving{by_rows}" if options.halving else ""
    restarts = f" x {options.restarts} seeds" if options.restarts > 1 else ""
    tried = f"{pluralize(n_candidates, 'candidate')} x {options.cv} folds{restarts}"
    table.add_row("search    ", f"{tried}, {options.sampler}{halving}")
    names = dict.fromkeys(name.partition(".")[0] for name in space.axes)
    presets = [str(each["preset"]) for each in space.first if "preset" in each]
    if presets:
        table.add_row(
            "first", f"the {'presets' if len(presets) > 1 else 'preset'} {' and '.join(presets)}"
        )
    table.add_row("space", ", ".join(names))
    return table


def _searched(
    plan: SearchPlan,
    space: Space,
    source: SplitData,
    model: Model,
    journal: DisplayedJournal,
    leaderboard: Leaderboard,
) -> Any:
    """Search, showing the progress; warnings become notes.

    Raises:
        DataError: the data don't suit the search, or all fits failed.
    """
    options = plan.options
    search = SearchCV(
        model,
        space,
        sampler=options.sampler,
        n_iter=options.candidates,
        n_restarts=options.restarts,
        halving=cast("Halving | None", options.halving),
        resource=cast("ResourceName", options.resource),
        factor=options.factor,
        time_limit=options.time_limit,
        journal=journal,
        scoring=_scoring(options.score),
        n_jobs=options.jobs,
        cv=options.cv if source.columns is None else source.columns.folds(options.cv),
        random_state=plan.common.request.seed,
    )
    search.hold_out = None if source.columns is None else source.columns.hold_out
    with warnings.catch_warnings(record=True) as caught, leaderboard:
        warnings.simplefilter("always")
        try:
            weights = {} if source.weights is None else {"sample_weight": source.weights}
            search.fit(source.data.X, source.data.y, **weights)
        except InputError:
            raise
        except ValueError as error:
            if any(not entry.outcome["fit_error"] for entry in leaderboard.entries):
                raise
            raise DataError(failures(leaderboard.entries) or str(error)) from error
    messages = [brief(str(w.message)) for w in caught if issubclass(w.category, UserWarning)]
    found = dict.fromkeys([*messages, failures(leaderboard.entries)])
    _print_notes(text for text in found if text and not text.startswith(_SHOWN_IN_TABLE))
    if not np.isfinite(search.cv_results_[f"mean_test_{_ranking(search)}"][search.best_index_]):
        raise DataError("no candidate has a score on all folds, so there is no best candidate")
    return search


def _scoring(given: str | None) -> Any:
    """Return the scorers that an option names, one or a list."""
    names = scorer_list(given)
    return names if len(names) > 1 else next(iter(names), None)


def _ranking(search: Any) -> str:
    """Return the name, in the results of a search, of the metric that candidates are ranked by."""
    return str(search.scoring[0]) if isinstance(search.scoring, list) else "score"


def _conclude(
    search: Any,
    source: SplitData,
    checks: Report,
    folder: SearchFolder,
    console: Console,
    seconds: float,
    quiet: bool,
) -> None:
    """Print the leaderboard and the best candidate's evaluation, and write the result."""
    frame = candidates(search.cv_results_, metric=_ranking(search))
    best = search.best_estimator_
    folder.tabulate(frame)
    if not quiet:
        tried = pluralize(len(frame), "candidate")
        console.print(f"\n{tried} on {search.n_splits_} folds in {duration(seconds)}")
        alike = "" if source.weights is None else ", which count alike there"
        scored = f"Scores are means over the folds of the training rows{alike}.\n"
        console.print(scored, style="dim")
    metric = metric_of(",".join(scorer_list(search.scoring)), type(best).__name__)
    console.print(leaderboard_table(frame, metric))
    console.print()
    mattered = draw_search(folder.path, search.journal.entries.values(), metric)
    if mattered is not None and not quiet:
        console.print(mattered)
        console.print()
    judged = evaluation.evaluate(best, source, search.scoring)
    console.print("The best candidate, trained on all training rows:\n", style="dim")
    evaluation.print_scores(judged, console, quiet)
    if not quiet:
        evaluation.print_errors(judged, source, console)
    for name, picture in evaluation.pictures(judged, source):
        folder.picture(name, picture)
    search.journal.settle()
    # Last, because a search with a result can't be resumed: everything else is written now.
    record = {"search": plain(_found(search, frame, seconds)), **judged.plain()}
    # The search is finished, even if the best model's training stopped early.
    ended = {**training_record(best), "status": "finished"}
    folder.finish({**ended, **record, "data_checks": checks.to_list()})
    print_folder(folder, False, console)


def _found(search: Any, frame: pd.DataFrame, seconds: float) -> dict[str, Any]:
    """Return the result of the search."""
    place, first = search.best_index_, _ranking(search)
    return {
        "candidates": len(frame),
        "folds": search.n_splits_,
        "seconds": round(seconds, 3),
        "best_params": search.best_params_,
        "mean": search.cv_results_[f"mean_test_{first}"][place],
        "std": search.cv_results_[f"std_test_{first}"][place],
        "others": {
            name: [search.cv_results_[f"{what}_test_{name}"][place] for what in ("mean", "std")]
            for name in other_metrics(search.cv_results_, first)
        },
    }
