"""Running recipes, and comparing the results with the reference values."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
from scipy.stats import t as student_t
from sklearn.exceptions import ConvergenceWarning

from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.core.markup import table
from wellfit.core.version import __version__
from wellfit.core.words import pluralize
from wellfit.recipes.base import Recipe, Reference, Way
from wellfit.recipes.context import RecipeContext

Verdict = Literal[
    "", "not comparable", "reached", "exceeded", "within tolerance", "explained", "missed"
]


@dataclass(frozen=True)
class Measured:
    """A reference value, and the result of each seed.

    Attributes:
        figure: the reference value.
        values: the result of each seed.
        best: whether the best seed counts and not the mean.
        way: the way that the recipe went.

    >>> measured = Measured(Reference("test accuracy", 0.97, "page 3"), (0.968, 0.974))
    >>> round(measured.result, 3), measured.verdict
    (0.971, 'reached')
    """

    figure: Reference
    values: tuple[float, ...]
    best: bool = False
    way: Way = "published"

    @property
    def result(self) -> float:
        """The mean over the seeds, or the best seed if the source reports its best run."""
        if not self.best or self.figure.better == "near":
            return float(np.mean(self.values))
        return max(self.values) if self.figure.better == "higher" else min(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds: of a sample, 0 for a single seed."""
        if len(set(self.values)) < 2:  # the mean of equal values may differ in the last digit
            return 0.0
        return float(np.std(self.values, ddof=1))

    @property
    def tolerance(self) -> float:
        """By how much the result may be worse than the value.

        A source prints one run. The difference between one run and the mean of n seeds is below
        t · s · √(1 + 1/n) in 95 of 100 cases, where s is the spread of the seeds and t the 97.5 %
        quantile of Student's distribution with n - 1 degrees of freedom. A single seed has no
        spread, and a required or claimed value isn't a run: there the figure's slack counts.
        """
        count = len(self.values)
        own = self.figure.origin in ("required", "claimed")
        if own or self.best or count < 2 or not self.spread > 0:
            return self.figure.slack
        quantile = float(student_t.ppf(0.975, count - 1))
        return quantile * self.spread * math.sqrt(1 + 1 / count)

    @property
    def verdict(self) -> Verdict:
        """How the result compares with the value; empty if there is no value.

        "exceeded": the source's experiment came out better than the source prints, by more than
        the tolerance, so that it must differ in something. "explained": it came out worse, or
        apart, by more than the seeds' spread tells, and the figure says why.
        """
        if self.figure.value is None:
            return ""
        if self.figure.not_comparable:
            return "not comparable"
        shortfall = self.figure.shortfall(self.result)
        if not shortfall <= self.tolerance:  # NaN too
            known = self.figure.outside and shortfall <= self.figure.slack
            return "explained" if known else "missed"
        if shortfall > 0:
            return "reached" if self.figure.better == "near" else "within tolerance"
        printed = self.figure.origin == "published" and self.way == "published"
        return "exceeded" if printed and -shortfall > self.tolerance else "reached"

    @property
    def reached(self) -> bool:
        """Whether the result reaches the value, if need be by the tolerance."""
        return self.verdict not in ("missed", "explained")

    @property
    def missed(self) -> bool:
        """Whether the result doesn't reach the value, and no known reason explains it."""
        return self.verdict == "missed"


@dataclass(frozen=True)
class SeedRun:
    """What one run with one seed returned.

    Attributes:
        seed: seed of all random numbers.
        seconds, cpu_seconds: time on the clock, and of all threads and processes together.
        values: each measurement by name.
        curves: training histories by name.
    """

    seed: int
    seconds: float
    cpu_seconds: float
    values: Mapping[str, float]
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """Return the run as data for JSON, in which NaN becomes None."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> SeedRun:
        """Return what :meth:`to_document` described."""
        values = {what: _number(value) for what, value in document["values"].items()}
        curves = {
            name: {key: [_number(value) for value in row] for key, row in history.items()}
            for name, history in document["curves"].items()
        }
        return cls(**{**document, "values": values, "curves": curves})


@dataclass(frozen=True)
class Reproduction:
    """The results of a recipe, by one of its ways.

    Attributes:
        recipe: the recipe.
        way: "published" for the source's experiment, "better" for the shorter way.
        seeds: the seeds.
        figures: reference values with the results.
        seconds, cpu_seconds: median time of a seed, on the clock and of all threads together.
        curves: training histories of the first seed that has them, by name.
    """

    recipe: Recipe
    way: Way
    seeds: tuple[int, ...]
    figures: tuple[Measured, ...]
    seconds: float
    cpu_seconds: float
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: Recipe, way: Way, runs: Sequence[SeedRun]) -> Reproduction:
        """Return the results of runs with several seeds.

        Raises:
            KeyError: a run returned no value for a figure of this way.
        """
        known = [one for one in recipe.figures if one.way in ("both", way)]
        names = {figure.what for figure in known}
        more = [Reference(what, None, "") for what in runs[0].values if what not in names]
        figures = tuple(
            Measured(one, tuple(float(run.values[one.what]) for run in runs), recipe.best, way)
            for one in (*known, *more)
        )
        times = [(run.seconds, run.cpu_seconds) for run in runs]
        seconds, cpu_seconds = map(float, np.median(times, axis=0))
        seeds = tuple(run.seed for run in runs)
        curves = next((run.curves for run in runs if run.curves), {})
        return cls(recipe, way, seeds, figures, seconds, cpu_seconds, curves)

    @classmethod
    def from_document(cls, recipe: Recipe, way: Way, document: Mapping[str, Any]) -> Reproduction:
        """Return what :meth:`to_document` described, without curves."""
        names, values = zip(
            *((one["what"], one["values"]) for one in document["figures"]), strict=True
        )
        time = document["seconds"], _number(document["cpu_seconds"])
        runs = [
            SeedRun(seed, *time, dict(zip(names, (_number(v) for v in row), strict=True)))
            for seed, row in zip(document["seeds"], zip(*values, strict=True), strict=True)
        ]
        return cls.of(recipe, way, runs)

    def _repr_html_(self) -> str:
        """Return each figure with its reference, its result and the verdict, for a notebook."""
        rows = [
            [
                one.figure.what,
                "–" if one.figure.value is None else one.figure.format(one.figure.value),
                one.figure.format(one.result),
                one.verdict,
            ]
            for one in self.figures
        ]
        title = f"{self.recipe.name}, {self.way}: {pluralize(len(self.seeds), 'seed')}"
        return table(rows, ("figure", "reference", "result", "verdict"), caption=title, texts=(3,))

    @property
    def reached(self) -> bool:
        """Whether all values are reached."""
        return all(measured.reached for measured in self.figures)

    @property
    def missed(self) -> bool:
        """Whether a value is missed, and no known reason explains it."""
        return any(measured.missed for measured in self.figures)

    def to_document(self) -> dict[str, Any]:
        """Return the results as data for JSON."""
        return {
            "version": __version__,
            "reached": self.reached,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "seeds": list(self.seeds),
            "figures": [
                {
                    "what": one.figure.what,
                    "origin": one.figure.origin if one.figure.value is not None else "",
                    "reference": one.figure.value,
                    "place": one.figure.place,
                    "result": one.result,
                    "spread": one.spread,
                    "tolerance": one.tolerance,
                    "verdict": one.verdict,
                    "values": list(one.values),
                }
                for one in self.figures
            ],
        }


def _number(value: float | None) -> float:
    """Return a value read from JSON, which has no NaN."""
    return math.nan if value is None else value


def recipes(names: Iterable[str] = (), source: str | None = None) -> list[Recipe]:
    """Return recipes by name, or all of them, or all of a source.

    Raises:
        UnknownNameError: unknown recipe or source; names the nearest one.

    >>> [recipe.name for recipe in recipes(["indaba-512"])]
    ['indaba-512']
    """
    everything = [registry.lookup("recipe", name)() for name in registry.names("recipe")]
    wanted = [registry.lookup("recipe", name)() for name in names] or everything
    if source is None:
        return wanted
    known = {recipe.source.key for recipe in everything}
    if source not in known:
        raise UnknownNameError("source", source, known)
    return [recipe for recipe in wanted if recipe.source.key == source]


def reproduce(
    recipe: Recipe,
    *,
    way: Way = "published",
    data_dir: Path | None = None,
    seeds: Sequence[int] = (0, 1, 2),
) -> Reproduction:
    """Run a recipe once for each seed.

    Args:
        recipe: the recipe.
        way: "published" repeats the source's experiment, "better" goes the shorter way.
        data_dir: a folder with named data sets; None for WELLFIT_DATA or a download.
        seeds: seeds.

    Raises:
        NotImplementedError: the recipe doesn't have this way.
        DataError: the data are unavailable.
        KeyboardInterrupt: Ctrl-C, also during a training.
    """
    runs = [run_seed(recipe, way, RecipeContext(data_dir, seed)) for seed in seeds]
    return Reproduction.of(recipe, way, runs)


def run_seed(recipe: Recipe, way: Way, context: RecipeContext) -> SeedRun:
    """Run a recipe once, with the seed of ``context``.

    Args:
        recipe: the recipe.
        way: "published" repeats the source's experiment, "better" goes the shorter way.
        context: data and seed.

    Raises:
        NotImplementedError: the recipe doesn't have this way.
        DataError: the data are unavailable.
        KeyboardInterrupt: Ctrl-C, which ends the recipe, not only the current training.
    """
    interrupted = "training was interrupted"
    run = recipe.run if way == "published" else recipe.run_better
    began, cpu_began = perf_counter(), _cpu_seconds()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", interrupted, ConvergenceWarning)
        try:
            values = run(context)
        except ConvergenceWarning as warning:
            if not str(warning).startswith(interrupted):
                raise
            raise KeyboardInterrupt from warning
    seconds, cpu_seconds = perf_counter() - began, _cpu_seconds() - cpu_began
    numbers = {what: float(value) for what, value in values.items()}
    return SeedRun(context.seed, seconds, cpu_seconds, numbers, context.curves)


def _cpu_seconds() -> float:
    """Return the time of all threads of this process and of its ended children, in seconds."""
    return sum(os.times()[:4])
