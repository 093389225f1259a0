"""The plan of a search: everything a command asked for, as the run folder stores it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from wellfit.cli.options import SearchOptions
from wellfit.cli.parameters import assignment
from wellfit.cli.plan import Plan
from wellfit.cli.settings import Model
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.core.schema import conform
from wellfit.datasets import Dataset
from wellfit.fitting.scorer_choice import refuse_scorer
from wellfit.fitting.scoring import scorer_list
from wellfit.model_selection.resources import ResourceName
from wellfit.model_selection.samplers import Sampler
from wellfit.model_selection.search import Halving
from wellfit.model_selection.space_checks import check
from wellfit.model_selection.space_defaults import default_space
from wellfit.model_selection.spaces import Space


@dataclass(frozen=True)
class SearchPlan:
    """The common part of all candidates, the options of the search, and its space.

    ``space`` is as in a file; None for the default space.
    """

    common: Plan
    options: SearchOptions
    space: Any = None

    def __post_init__(self) -> None:
        """Refuse unknown names before the data are read."""
        resolve(Sampler, self.options.sampler)
        for name, kind in (("halving", Halving), ("resource", ResourceName)):
            given = getattr(self.options, name)
            if given is not None and given not in get_args(kind):
                raise UnknownNameError(name, given, get_args(kind))
        for name in scorer_list(self.options.score):
            refuse_scorer(name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data.

        >>> from wellfit.cli.options import ProgressOptions
        >>> from wellfit.cli.request import Request
        >>> common = Plan(Request("iris"), {}, (), ProgressOptions())
        >>> plan = SearchPlan(common, SearchOptions(cv=5))
        >>> SearchPlan.from_dict(plan.to_dict()) == plan
        True
        """
        return {**self.common.to_dict(), "search": {**asdict(self.options), "space": self.space}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchPlan:
        """Return the plan that :meth:`to_dict` wrote.

        Raises:
            InputError: the document was altered.
        """
        try:
            given = dict(data["search"])
            space = given.pop("space", None)
            options = SearchOptions(**conform(given, SearchOptions, "search"))
            return cls(Plan.from_dict(data), options, space)
        except (KeyError, TypeError, ModelFileError) as error:
            raise InputError(f"its settings are invalid: {error}") from error

    def n_candidates(self, space: Space) -> int:
        """Return the number of candidates: a grid's own, otherwise the one asked for.

        Raises:
            HyperparameterError: the grid can't be listed.
        """
        run = resolve(Sampler, self.options.sampler).begin(space, self.common.request.seed)
        return self.options.candidates if run.size is None else run.size

    def searched_space(self, model: Model, data: Dataset | None = None) -> Space:
        """Return the search space of the file, or the default space without fixed parameters.

        Args:
            model: the common part of all candidates.
            data: whose training rows are searched on; None before they are read.

        Raises:
            InputError: the space is invalid, has unknown parameters, or varies fixed ones.
        """
        given = set(self._given())
        if self.space is None:
            rows = () if data is None else (data.X, data.y)
            default = default_space(model, *rows)
            space = default.without(given)
            if not space.axes:
                raise InputError(
                    f"nothing is left to search: {', '.join(default.axes)} are all fixed; omit "
                    "one of these options, or set --space"
                )
            return space
        space = Space.of(self.space)
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
