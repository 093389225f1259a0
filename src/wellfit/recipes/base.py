"""Recipes: experiments of a source, its settings and figures, and a shorter way to the figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from wellfit.core.hyper import Config
from wellfit.core.metrics import Metric
from wellfit.recipes.context import RecipeContext

Way = Literal["published", "better"]
Origin = Literal[
    "published", "claimed", "required", "measured with Keras", "measured with scikit-learn"
]


@dataclass(frozen=True)
class Publication:
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
class Reference:
    """A reference value, where it comes from, and the tolerance for reproducing it.

    Attributes:
        what: name of the measurement, as the recipe's runs return it.
        value: the reference value; accuracies are shares, from 0 to 1. None if there is none.
        place: place in the source, or why the project requires the value.
        better: "higher" and "lower" results may exceed the value by any amount; "near" ones must
            agree.
        slack: by how much one run may be worse, or differ. With several seeds, their spread
            replaces it (:attr:`~wellfit.recipes.Measured.tolerance`).
        origin: who states the value: "published" is a number that the source prints; "claimed" is
            a comparison that it makes in words; "required" is this project's own target; or it
            was measured by this project with another library.
        way: the way that measures it; "both" by default.
        not_comparable: why a result can't be held against the value; it is shown all the same.
        outside: why a result may lie further from the value than the seeds lie apart, if it is
            known; it still has to be within ``slack``. Such a result isn't counted as reached.

    >>> figure = Reference("test accuracy", 0.977, "practical 2", slack=0.002)
    >>> figure.shortfall(0.9755) <= figure.slack, figure.shortfall(0.974) <= figure.slack
    (True, False)
    """

    what: str
    value: float | None
    place: str
    better: Literal["higher", "lower", "near"] = "higher"
    slack: float = 0.0
    origin: Origin = "published"
    way: Way | Literal["both"] = "both"
    not_comparable: str = ""
    outside: str = ""

    @property
    def metric(self) -> Metric:
        """The metric: the last word before the conditions; a ratio has no unit.

        >>> Reference("test accuracy, dropout", 0.9, "").metric.title
        'accuracy'
        """
        if " over " in self.what and not self.difference:
            return Metric.of("ratio")
        return Metric.of(re.split(r",| gained| of ", self.what)[0].rpartition(" ")[2])

    @property
    def difference(self) -> bool:
        """Whether it is a difference of two scores, not a score itself."""
        return any(word in self.what.split() for word in ("gained", "less"))

    def format(self, value: float) -> str:
        """Return a value as text.

        >>> Reference("test accuracy", 0.977, "").format(0.9815)
        '98.15 %'
        >>> Reference("accuracy gained by dropout", 0.01, "").format(0.0123)
        '+1.23 percentage points'
        """
        print_value = self.metric.format_difference if self.difference else self.metric.format
        return print_value(value, more=1)

    @property
    def reference(self) -> str:
        """The reference value as text, with its origin; empty if there is none.

        >>> Reference("test accuracy", 0.977, "practical 2").reference
        'published 97.70 %'
        >>> Reference("accuracy", 0.76, "", origin="required").reference
        'required: at least 76.00 %'
        """
        if self.value is None:
            return ""
        bounds = {"required": ("at least", "at most"), "claimed": ("above", "below")}
        if self.better == "near" or self.origin not in bounds:
            return f"{self.origin} {self.format(self.value)}"
        bound = bounds[self.origin][self.better == "lower"]
        return f"{self.origin}: {bound} {self.format(self.value)}"

    def shortfall(self, value: float) -> float:
        """Return by how much a result is worse than the value; negative if it is better."""
        if self.value is None:
            return 0.0
        difference = value - self.value
        if self.better == "near":
            return abs(difference)
        return -difference if self.better == "higher" else difference


class Recipe(Config, family="recipe"):
    """An experiment of a source; each subclass is one experiment, found by its name.

    A recipe goes two ways. :meth:`run` repeats the source's experiment with the source's settings.
    :meth:`run_better` reaches the same figures by the shortest training that is known here.

    Attributes:
        source: publication.
        data: name of the data set; empty if none is needed.
        figures: reference values.
        settings: settings of the source that :meth:`run` uses, by name; a value that is a mapping
            holds the settings of one of several trainings.
        differs: what can't be the same as in the source, and why.
        better_way: what :meth:`run_better` does; why there is none, if there is none.
        best: whether the source reports its best run; then the best seed counts, not the mean.
        remark: note on the comparison.
    """

    source: ClassVar[Publication]
    data: ClassVar[str] = ""
    figures: ClassVar[tuple[Reference, ...]] = ()
    settings: ClassVar[Mapping[str, Any]] = {}
    differs: ClassVar[str] = ""
    better_way: ClassVar[str] = ""
    best: ClassVar[bool] = False
    remark: ClassVar[str] = ""

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Run the source's experiment with one seed, and return each measurement by name.

        Measurements without a reference value are returned too.
        """
        raise NotImplementedError(f"{self.name} doesn't repeat the source's own experiment")

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Run the shorter way with one seed, and return each measurement by name."""
        raise NotImplementedError(f"{self.name} has no better way: {self.better_way}")

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that this recipe has."""
        methods = {"published": "run", "better": "run_better"}
        mine = type(self)
        return tuple(
            way
            for way in get_args(Way)
            if getattr(mine, methods[way]) is not getattr(Recipe, methods[way])
        )

    def settings_text(self) -> dict[str, str]:
        """Return the source's settings as text, one training or setting a line.

        >>> class Demo(Recipe):
        ...     name = "demo"
        ...     settings = {"network": "784-10", "linear": {"l2": 0.1, "batch_size": 50}}
        >>> Demo().settings_text()
        {'network': '784-10', 'linear': 'l2=0.1, batch_size=50'}
        """
        return {key: _setting(value) for key, value in self.settings.items()}


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_setting(item)}" for key, item in value.items())
    if isinstance(value, Config):  # unlike its repr, with the settings that are the defaults
        hypers = {key: getattr(value, key) for key in type(value).hypers()}
        return f"{value.name}({_setting(hypers)})"
    return value if isinstance(value, str) else repr(value)
