"""The plan of a search: everything a command asked for, as the run folder stores it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from wellfit.cli.parameters import assignment
from wellfit.cli.plan import Plan
from wellfit.cli.settings import Model
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.core.schema import conform
from wellfit.fitting.scoring import scorer_names
from wellfit.model_selection.samplers import Sampler
from wellfit.model_selection.space_defaults import check, default_space
from wellfit.model_selection.spaces import Space


@dataclass(frozen=True)
class SearchSettings:
    """Options of a search.

    Args:
        candidates: number of candidates.
        cv: number of cross-validation folds.
        sampler: name of the sampler.
        halving: name of the halving method, if any.
        factor: halving keeps one of this many candidates.
        restarts: number of seeds for each candidate.
        time_limit: seconds after which no fit starts.
        score: a scorer's name; None for the estimator's own score.
        jobs: processes.
        space: the search space as in a file; None for the default space.
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
        """Refuse unknown names before the data are read."""
        resolve(Sampler, self.sampler)
        if self.score is not None and self.score not in scorer_names():
            raise UnknownNameError("scorer", self.score, scorer_names())

    @property
    def fits(self) -> int:
        """The number of fits; 0 if it is unknown in advance."""
        fixed = self.halving is None and self.sampler != "grid"
        return self.candidates * self.cv * self.restarts if fixed else 0


@dataclass(frozen=True)
class SearchPlan:
    """The common part of all candidates, and the options of the search."""

    common: Plan
    options: SearchSettings

    def to_dict(self) -> dict[str, Any]:
        """Return plain data.

        >>> from wellfit.cli.plan import Options
        >>> from wellfit.cli.source import Request
        >>> plan = SearchPlan(Plan(Request("iris"), {}, (), Options()), SearchSettings(cv=5))
        >>> SearchPlan.from_dict(plan.to_dict()) == plan
        True
        """
        return {**self.common.to_dict(), "search": asdict(self.options)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchPlan:
        """Return the plan that :meth:`to_dict` wrote.

        Raises:
            InputError: the document was altered.
        """
        try:
            return cls(
                Plan.from_dict(data),
                SearchSettings(**conform(data["search"], SearchSettings, "search")),
            )
        except (KeyError, TypeError, ModelFileError) as error:
            raise InputError(f"its settings are invalid: {error}") from error

    def space(self, model: Model) -> Space:
        """Return the search space of the file, or the default space without fixed parameters.

        Raises:
            InputError: the space is invalid, has unknown parameters, or varies fixed ones.
        """
        given = set(self._given())
        if self.options.space is None:
            default = default_space(model)
            axes = {name: axis for name, axis in default.axes.items() if name not in given}
            if not axes:
                raise InputError(
                    f"nothing is left to search: {', '.join(default.axes)} are all fixed; omit "
                    "one of these options, or set --space"
                )
            return Space(axes)
        space = Space.of(self.options.space)
        check(space, model)
        both = sorted(given & {*space.axes, *space.layered})
        if both:
            raise InputError(
                f"{both[0]} is fixed for all candidates, but the space varies it; expected only "
                "one of these"
            )
        return space

    def _given(self) -> Iterator[str]:
        yield from self.common.parameters
        yield from (assignment(text)[0] for text in self.common.extra)
