"""Recipes: published figures, and the training that should reach them."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from wellfit.core.hyper import Config
from wellfit.core.metrics import Metric
from wellfit.recipes.context import RecipeContext


@dataclass(frozen=True)
class Source:
    """A document that publishes figures.

    Attributes:
        key: its name on the command line.
        title: its title.
        tool: library that it used.
    """

    key: str
    title: str
    tool: str


@dataclass(frozen=True)
class Figure:
    """A published figure, and the tolerance for reproducing it.

    Attributes:
        what: name of the measurement, as ``run`` returns it.
        published: the figure; accuracies are shares, from 0 to 1. None if there is none.
        place: place in the source.
        better: "higher" and "lower" results may exceed the figure by any amount; "near" ones must
            agree.
        slack: by how much a result may be worse, or differ.

    >>> figure = Figure("test accuracy", 0.977, "practical 2", slack=0.002)
    >>> figure.reached(0.9755), figure.reached(0.974)
    (True, False)
    """

    what: str
    published: float | None
    place: str
    better: Literal["higher", "lower", "near"] = "higher"
    slack: float = 0.0

    @property
    def metric(self) -> Metric:
        """The metric: the last word before the conditions; a ratio has no unit.

        >>> Figure("test accuracy, dropout", 0.9, "").metric.title
        'accuracy'
        """
        if " over " in self.what and not self.difference:
            return Metric.of("ratio")
        return Metric.of(re.split(r",| gained| of ", self.what)[0].rpartition(" ")[2])

    @property
    def difference(self) -> bool:
        """Whether it is a difference of two scores, not a score itself."""
        return any(word in self.what.split() for word in ("gained", "less"))

    def told(self, value: float) -> str:
        """Return a value as text.

        >>> Figure("test accuracy", 0.977, "").told(0.9815), Figure("loss", 2.3, "").told(2.30261)
        ('98.15 %', '2.303')
        >>> Figure("accuracy gained by dropout", 0.01, "").told(0.0123)
        '+1.23 percentage points'
        """
        print_value = self.metric.format_difference if self.difference else self.metric.format
        return print_value(value, more=1)

    def reached(self, value: float) -> bool:
        """Return whether a result reaches the published figure."""
        if self.published is None:
            return True
        difference = value - self.published
        if self.better == "near":
            return abs(difference) <= self.slack
        return (difference if self.better == "higher" else -difference) >= -self.slack


class Recipe(Config, family="recipe"):
    """A published experiment; each subclass is one experiment, found by its name.

    Attributes:
        source: publication.
        data: name of the data set; empty if none is needed.
        figures: published figures.
        best: whether the source reports its best run; then the best seed counts, not the mean.
        remark: note on the comparison.
    """

    source: ClassVar[Source]
    data: ClassVar[str] = ""
    figures: ClassVar[tuple[Figure, ...]] = ()
    best: ClassVar[bool] = False
    remark: ClassVar[str] = ""

    @abstractmethod
    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Run the experiment with one seed, and return each measurement by name.

        Measurements without a published figure are returned too.
        """
