"""Running recipes, and comparing the results with the published figures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.recipes.base import Figure, Recipe
from wellfit.recipes.context import RecipeContext


@dataclass(frozen=True)
class Measured:
    """A published figure, and the result of each seed.

    >>> measured = Measured(Figure("test accuracy", 0.97, "page 3"), (0.968, 0.974))
    >>> round(measured.ours, 3), measured.reached
    (0.971, True)
    """

    figure: Figure
    values: tuple[float, ...]
    best: bool = False

    @property
    def ours(self) -> float:
        """The mean over the seeds, or the best seed if the source reports its best run."""
        if not self.best or self.figure.better == "near":
            return float(np.mean(self.values))
        return max(self.values) if self.figure.better == "higher" else min(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds."""
        return float(np.std(self.values))

    @property
    def reached(self) -> bool:
        """Whether the result reaches the published figure."""
        return self.figure.reached(self.ours)


@dataclass(frozen=True)
class Reproduction:
    """The results of a recipe.

    Attributes:
        recipe: the recipe.
        figures: published figures with the results.
        seconds: median time of a seed.
        quick: whether the shorter version ran.
        curves: training histories of the first seed, by name.
    """

    recipe: Recipe
    figures: tuple[Measured, ...]
    seconds: float
    quick: bool
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether all figures are reached."""
        return all(measured.reached for measured in self.figures)

    def to_document(self) -> dict[str, Any]:
        """Return the results as data for JSON."""
        return {
            "recipe": self.recipe.name,
            "source": self.recipe.source.key,
            "reached": self.reached,
            "seconds": round(self.seconds, 3),
            "quick": self.quick,
            "seeds": len(self.figures[0].values),
            "figures": [
                {
                    "what": measured.figure.what,
                    "published": measured.figure.published,
                    "place": measured.figure.place,
                    "ours": measured.ours,
                    "spread": measured.spread,
                    "values": list(measured.values),
                    "reached": measured.reached,
                }
                for measured in self.figures
            ],
        }


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
    data_dir: Path | None = None,
    seeds: Sequence[int] | None = None,
    quick: bool = False,
) -> Reproduction:
    """Run a recipe once for each seed.

    Args:
        recipe: the recipe.
        data_dir: a folder with named data sets; None for WELLFIT_DATA or a download.
        seeds: seeds; by default 0, 1 and 2, or only 0 with ``quick``.
        quick: whether to run the shorter version, if the recipe has one.

    Raises:
        DataError: the data are unavailable.
        KeyboardInterrupt: Ctrl-C, also during a training.
    """
    told: list[Mapping[str, float]] = []
    took: list[float] = []
    if seeds is None:
        seeds = range(1 if quick else 3)
    contexts = [RecipeContext(data_dir, seed, quick) for seed in seeds]
    for context in contexts:
        began = perf_counter()
        told.append(_run(recipe, context))
        took.append(perf_counter() - began)
    known = {figure.what: figure for figure in recipe.figures}
    more = {what: Figure(what, None, "") for what in told[0] if what not in known}
    figures = tuple(
        Measured(figure, tuple(float(one[what]) for one in told), recipe.best)
        for what, figure in {**known, **more}.items()
    )
    return Reproduction(recipe, figures, float(np.median(took)), quick, contexts[0].curves)


def _run(recipe: Recipe, context: RecipeContext) -> Mapping[str, float]:
    """Run a recipe once; Ctrl-C ends the recipe, not only the current training."""
    interrupted = "training was interrupted"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", interrupted, ConvergenceWarning)
        try:
            return recipe.run(context)
        except ConvergenceWarning as warning:
            if not str(warning).startswith(interrupted):
                raise
            raise KeyboardInterrupt from warning
