"""Runs of recipes seed by seed, one after another or in several processes."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.core.errors import WellfitError

if TYPE_CHECKING:
    from wellfit.cli.recipe_results import ResultsFolder
    from wellfit.recipes import Recipe, Reproduction, SeedRun
    from wellfit.recipes.base import Way

TITLES = {"published": "as published", "better": "the better way"}
Progress = Callable[[str, int], None]  # what is running, and how many more seeds are finished


@dataclass(frozen=True)
class RecipeRuns:
    """Recipes to be run with some seeds.

    Attributes:
        jobs: recipes, each with the way that it goes.
        seeds: seeds of each.
        data_dir: a folder with named data sets; None for WELLFIT_DATA or a download.
        folder: keeps finished seeds and results.
        processes: number of processes as joblib counts them: -1 for one per core.
    """

    jobs: Sequence[tuple[Recipe, Way]]
    seeds: Sequence[int]
    data_dir: Path | None
    folder: ResultsFolder
    processes: int = 1

    def results(self, progress: Progress) -> Generator[Reproduction]:
        """Yield the results of each recipe: those that the folder has, then others as they end.

        Raises:
            WellfitError: a process ended by itself.
            KeyboardInterrupt: Ctrl-C, also during a training; finished seeds are kept.
        """
        finished: dict[int, dict[int, SeedRun]] = {}
        for number, (recipe, way) in enumerate(self.jobs):
            done = self.folder.finished(recipe, way, self.seeds)
            if done is None:
                kept = self.folder.unfinished(recipe, way)
                finished[number] = {run.seed: run for run in kept if run.seed in self.seeds}
            else:
                progress(f"{recipe.name}: finished before", len(self.seeds))
                yield done
        yield from self._others(finished, progress)

    def _others(
        self, finished: dict[int, dict[int, SeedRun]], progress: Progress
    ) -> Iterator[Reproduction]:
        """Run what is left, keep each seed as it ends, and write and yield complete results."""
        left = [
            (number, seed)
            for number, runs in finished.items()
            for seed in self.seeds
            if seed not in runs
        ]
        progress(self._running(left), sum(map(len, finished.values())))
        for number in [number for number, runs in finished.items() if self._complete(runs)]:
            yield self._finish(number, finished.pop(number))
        for number, run in self._runs(list(left)):
            self.folder.keep(*self.jobs[number], run)
            finished[number][run.seed] = run
            left.remove((number, run.seed))
            progress(self._running(left), 1)
            if self._complete(finished[number]):
                yield self._finish(number, finished.pop(number))

    def _complete(self, runs: dict[int, SeedRun]) -> bool:
        return len(runs) == len(self.seeds)

    def _finish(self, number: int, runs: dict[int, SeedRun]) -> Reproduction:
        from wellfit.recipes import Reproduction

        done = Reproduction.of(*self.jobs[number], [runs[seed] for seed in self.seeds])
        self.folder.finish(done)
        return done

    def _running(self, left: Sequence[tuple[int, int]]) -> str:
        """Return what runs at the moment: the first of those that are left."""
        from joblib import effective_n_jobs

        told = []
        for number, seed in left[: effective_n_jobs(self.processes)]:
            recipe, _ = self.jobs[number]
            place = f" (seed {self.seeds.index(seed) + 1})" if len(self.seeds) > 1 else ""
            told.append(f"{recipe.name}{place}")
        return ", ".join(told)

    def _runs(self, left: Sequence[tuple[int, int]]) -> Iterator[tuple[int, SeedRun]]:
        """Run seeds, and yield each with the number of its recipe as it ends."""
        from joblib import Parallel, delayed, effective_n_jobs
        from joblib.externals.loky import BrokenProcessPool

        alone = effective_n_jobs(self.processes) == 1
        calls = [
            delayed(_run)(number, *self.jobs[number], self.data_dir, seed, alone)
            for number, seed in left
        ]
        # One seed at a time, so that each can be kept as it ends.
        parallel = Parallel(self.processes, batch_size=1, return_as="generator_unordered")
        try:
            with warnings.catch_warnings():
                # After Ctrl-C joblib tells of what it stops, which is what Ctrl-C is for.
                warnings.filterwarnings("ignore", ".*still being processed by the workers")
                yield from parallel(calls)
        except BrokenProcessPool as error:
            raise WellfitError(
                "a process ended by itself, perhaps for want of memory; what it ran isn't kept. "
                "Fewer processes (--jobs) need less"
            ) from error


def _run(
    number: int, recipe: Recipe, way: Way, data_dir: Path | None, seed: int, alone: bool
) -> tuple[int, SeedRun]:
    from wellfit.recipes import RecipeContext, run_seed
    from wellfit.training.precision import threads

    if not alone:
        _end_with(os.getppid())
    # Processes share the cores: one thread each, unless there is one process only.
    with threads(None if alone else 1):
        return number, run_seed(recipe, way, RecipeContext(data_dir, seed))


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent: nobody would keep its results.

    A parent that is killed can't tell its processes: each would finish its recipe first.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
