"""Columns that show how sure predictions are: intervals, sets of classes, and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wellfit.cli.console import screen
from wellfit.core.errors import InputError
from wellfit.core.words import percent, pluralize
from wellfit.inference.levels import BETWEEN, endings, levels_of, quantiles_by_level

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Rows


class Spread:
    """The intervals and sets that are asked for, and how many targets they hold.

    Args:
        intervals: levels of intervals, in per cent.
        sets: levels of sets of classes, in per cent.

    Raises:
        InputError: a level that isn't between 1 and 100.

    >>> Spread([90.0], []).intervals
    {'90': 0.9}
    """

    def __init__(self, intervals: Sequence[float], sets: Sequence[float]) -> None:
        self.intervals = levels_of("--interval", intervals)
        self.sets = levels_of("--set", sets)
        self._held: dict[str, float] = {}
        self._names: dict[Any, str] = {}  # of the classes
        self._rows = 0

    def refuse(self, model: Any, name: str) -> None:
        """Refuse a model that has no such intervals or sets.

        Args:
            model: the fitted model.
            name: of its folder, for messages.

        Raises:
            InputError: saying which option goes with it, or how it is calibrated.
        """
        classifies = hasattr(model, "classes_")
        for option, asked, fits, other in (
            ("--interval", self.intervals, not classifies, "--set"),
            ("--set", self.sets, classifies, "--interval"),
        ):
            if not asked:
                continue
            kind = "classes" if classifies else "numbers"
            if not fits:
                raise InputError(
                    f"{option} is given, and {name} predicts {kind}; expected {other} "
                    f"{next(iter(asked))}"
                )
            from wellfit.estimators.conformal import known_scores  # imports PyTorch

            if known_scores(model) is None:
                raise InputError(
                    f"{option} is given, and {name} isn't calibrated; expected a model trained "
                    "with --conformal split, or calibrated by conformalize(X, y)"
                )

    def columns(self, model: Any, X: Rows) -> pd.DataFrame:
        """Return a column of each bound and of each set."""
        found: dict[str, Any] = {}
        for text, level in self.intervals.items():
            bounds = model.predict_interval(X, level).reshape(len(X), -1, 2)
            for target, ending in endings(bounds.shape[1]):
                for side, name in enumerate(("low", "high")):
                    found[f"{name}_{text}{ending}"] = bounds[:, target, side]
        for text, level in self.sets.items():
            self._names = {label: str(label) for label in model.classes_.tolist()}
            names = np.array(list(self._names.values()), dtype=object)
            found[f"set_{text}"] = [
                BETWEEN.join(names[each]) for each in model.predict_set(X, level)
            ]
        return pd.DataFrame(found)

    def add(self, table: pd.DataFrame, y: Any) -> None:
        """Count the targets that lie within the bounds, or are among the labels, of a table."""
        truth = pd.DataFrame(y)
        known = truth.notna().all(axis=1).to_numpy()
        self._rows += int(known.sum())
        for text in self.intervals:
            low, high = (
                table.filter(regex=rf"^{name}_{text}(_\d+)?$").to_numpy()
                for name in ("low", "high")
            )
            numbers = truth[known].to_numpy(dtype=float)
            held = (low[known] <= numbers) & (numbers <= high[known])
            self._count(f"{text} % intervals hold", float(held.mean(axis=1).sum()))
        for text in self.sets:
            sets = table.loc[known, f"set_{text}"].str.split(BETWEEN, regex=False)
            labels = [self._names.get(label) for label in truth.loc[known, truth.columns[0]]]
            inside = [label in each for label, each in zip(labels, sets, strict=True)]
            self._count(f"{text} % sets hold the class of", sum(inside))

    def _count(self, what: str, held: float) -> None:
        self._held[what] = self._held.get(what, 0.0) + held

    def print_notes(self) -> None:
        """Print which share of the targets was held, where the file has the target."""
        for what, held in self._held.items():
            if self._rows:
                text = f"{what} {percent(held / self._rows)} of {pluralize(self._rows, 'row')}"
                screen(stderr=True).print(text, soft_wrap=True)


def quantiles(model: Any, X: Rows) -> pd.DataFrame:
    """Return a column of each quantile, of models trained with a loss of quantiles."""
    found = quantiles_by_level(model, X)
    targets = next((each.shape[1] for each in found.values()), 0)
    return pd.DataFrame(
        {
            f"quantile_{level}{ending}": each[:, target]
            for target, ending in endings(targets)
            for level, each in found.items()
        }
    )
