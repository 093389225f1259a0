"""All that ``wellfit search`` asks for, in a form that a run folder keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sklearn.metrics import get_scorer_names

from wellfit.cli.plan import Plan
from wellfit.cli.settings import Model, assignment
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.core.schema import conform
from wellfit.model_selection.known import check, default_space
from wellfit.model_selection.samplers import Sampler
from wellfit.model_selection.spaces import Space


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Args:
        candidates: how many to try.
        cv: folds that each is judged by.
        sampler: how they are drawn.
        halving: how their number is cut while they train, if at all.
        factor: of how many of them halving keeps one.
        restarts: seeds that each is trained from.
        time_limit: seconds after which nothing new begins.
        score: a scorer's name; None for the estimator's own score.
        jobs: processes.
        space: what is varied, as a file says it; None for a space by default.
    """

    candidates: int = 40
    cv: int = 3
    sampler: str = "random"
    halving: Literal["successive", "hyperband"] | None = None
    factor: int = 3
    restarts: int = 1
    time_limit: float | None = None
    score: str | None = None
    jobs: int | None = None
    space: Any = None

    def __post_init__(self) -> None:
        """Refuse names that nobody knows, before anything is read."""
        resolve(Sampler, self.sampler)
        if self.score is not None and self.score not in get_scorer_names():
            raise UnknownNameError("scorer", self.score, get_scorer_names())

    @property
    def fits(self) -> int:
        """How many fits it takes; 0 where that shows only on the way."""
        fixed = self.halving is None and self.sampler != "grid"
        return self.candidates * self.cv * self.restarts if fixed else 0


@dataclass(frozen=True)
class SearchPlan:
    """What candidates have in common, and how to search among them."""

    common: Plan
    options: SearchOptions

    def to_dict(self) -> dict[str, Any]:
        """Return plain data.

        >>> from wellfit.cli.plan import Options
        >>> from wellfit.cli.source import Request
        >>> plan = SearchPlan(Plan(Request("iris"), {}, (), Options()), SearchOptions(cv=5))
        >>> SearchPlan.from_dict(plan.to_dict()) == plan
        True
        """
        return {**self.common.to_dict(), "search": asdict(self.options)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchPlan:
        """Return the plan that :meth:`to_dict` wrote.

        Raises:
            InputError: it was altered.
        """
        try:
            return cls(
                Plan.from_dict(data),
                SearchOptions(**conform(data["search"], SearchOptions, "search")),
            )
        except (KeyError, TypeError, ModelFileError) as error:
            raise InputError(f"its settings were altered, and can't be read: {error}") from error

    def space(self, model: Model) -> Space:
        """Return what is varied: as the file says, or by default all that isn't given.

        Raises:
            InputError: a space that is none, that the estimator doesn't have, or that varies what
                is given for all candidates.
        """
        given = set(self._given())
        if self.options.space is None:
            default = default_space(model)
            axes = {name: axis for name, axis in default.axes.items() if name not in given}
            if not axes:
                raise InputError(
                    f"nothing is left to search: {', '.join(default.axes)} are all given; leave "
                    "one out, or say by --space what to vary"
                )
            return Space(axes)
        space = Space.of(self.options.space)
        check(space, model)
        both = sorted(given & {*space.axes, *space.layered})
        if both:
            raise InputError(
                f"{both[0]} is given for all candidates, and the space varies it; expected one of "
                "both"
            )
        return space

    def _given(self) -> Iterator[str]:
        yield from (key for key, value in self.common.parameters.items() if value is not None)
        yield from (assignment(text)[0] for text in self.common.extra)
