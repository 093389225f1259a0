"""Libraries of networks for ensembles: trained together here, or kept by a search."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import indexable

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.errors import DataError, DivergedError, InputError
from wellfit.core.rng import derive
from wellfit.estimators import settings
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.encoding import encoding_key
from wellfit.estimators.overrides import can_be_stacked
from wellfit.fitting import TrainingJob, run
from wellfit.fitting.validation import validate_features, with_columns_of_all_rows
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.training import split


@dataclass(frozen=True)
class Data:
    """Rows to train on, as users pass them to ``fit``."""

    X: Any
    y: Any
    weight: Any = None
    X_val: Any = None
    y_val: Any = None

    def rows(self, ids: NDArray[np.integer]) -> Data:
        """Return some of the rows to train on."""
        weight = None if self.weight is None else safe_indexing(self.weight, ids)
        X, y = safe_indexing(self.X, ids), safe_indexing(self.y, ids)
        return replace(self, X=X, y=y, weight=weight)

    def that_count(self) -> Data:
        """Return the rows to train on without those of weight 0, unless all are."""
        counting: NDArray[np.integer] = np.flatnonzero([] if self.weight is None else self.weight)
        return self.rows(counting) if len(counting) else self


def fit_together(
    estimators: Sequence[BaseMLP], data: Data, *, bootstrap: bool = False
) -> list[BaseMLP]:
    """Fit estimators as few stacks, each as if it had been alone.

    Args:
        estimators: not fitted, each with a ``random_state`` that is a whole number.
        data: the same for all.
        bootstrap: whether each trains on rows drawn with replacement, as many as there are.

    Returns:
        Those that didn't diverge, in their order.

    Raises:
        DivergedError: all of them did.
    """
    fitted: list[BaseMLP | DivergedError | None] = [None] * len(estimators)
    together = [place for place, one in enumerate(estimators) if can_be_stacked(one)]
    for place in sorted(set(range(len(estimators))) - set(together)):
        fitted[place] = _fit_alone(estimators[place], data, bootstrap)
    jobs = list(_jobs([estimators[place] for place in together], data))
    networks = run([_resampled(job) if bootstrap else job for job in jobs])
    for place, network in zip(together, networks, strict=True):
        if isinstance(network, DivergedError):
            fitted[place] = network
        else:
            fitted[place] = estimators[place].keep(network)
    failures = [each for each in fitted if isinstance(each, DivergedError)]
    if len(failures) == len(fitted):
        raise failures[0]
    if failures:
        warnings.warn(
            f"{len(failures)} of {len(fitted)} networks are left out: {failures[0]}",
            ConvergenceWarning,
            stacklevel=4,
        )
    return [each for each in fitted if isinstance(each, BaseMLP)]


def _fit_alone(estimator: BaseMLP, data: Data, bootstrap: bool) -> BaseMLP | DivergedError:
    """Fit an estimator by its own method, given no more than there is."""
    if bootstrap:
        seed = derive(int(estimator.random_state), "bootstrap") % (1 << 32)
        rows = len(np.asarray(data.y))
        data = data.rows(np.random.default_rng(seed).choice(rows, rows))
    more = {"sample_weight": data.weight, "X_val": data.X_val, "y_val": data.y_val}
    given = {name: value for name, value in more.items() if value is not None}
    try:
        return estimator.fit(data.X, data.y, **given)
    except DivergedError as error:
        return error


def _jobs(estimators: Sequence[BaseMLP], data: Data) -> Iterator[TrainingJob]:
    """Yield each estimator's job; rows that several encode alike are encoded once."""
    seen: dict[Hashable, TrainingJob] = {}
    for estimator in estimators:
        builder = estimator.job_builder(estimator)
        key = _encoding_key(estimator, data.X_val is not None)
        if key in seen:
            yield builder.job_like(seen[key], reseed=True)  # in an order of its own
        else:
            seen[key] = builder.job(data.X, data.y, data.weight, data.X_val, data.y_val)
            yield seen[key]


def _encoding_key(estimator: BaseMLP, judged_by_others: bool) -> Hashable:
    """Return what decides how rows are encoded: the seed only where it draws which rows."""
    draws = estimator.subsample < 1 or not (judged_by_others or not settings.holds_out(estimator))
    if not draws:
        estimator = clone(estimator).set_params(random_state=None)
    return encoding_key(estimator)


def _resampled(job: TrainingJob) -> TrainingJob:
    """Return a job on rows drawn from its own with replacement; judged by the same ones."""
    ids = job.stream.train
    draw = np.random.default_rng(derive(job.stream.seed, "bootstrap") % (1 << 32))
    return replace(job, stream=replace(job.stream, train=draw.choice(ids, len(ids))))


def divided(template: BaseMLP, data: Data, share: float, seed: int) -> tuple[Data, Data]:
    """Return the rows to train on, and those to select by: ``X_val`` where it is given.

    Args:
        template: an estimator that reads the rows as members do.
        data: all rows.
        share: of them held out, in (0, 1).
        seed: of the draw.

    Raises:
        DataError: ``X_val`` without ``y_val``, or too few rows for both.
    """
    if data.X_val is not None:
        if data.y_val is None:
            raise DataError("X_val is given without y_val; expected both")
        return data, Data(data.X_val, data.y_val)
    template = clone(template)
    X = with_columns_of_all_rows(data.X, template.preprocess)
    data = Data(*indexable(X, data.y, data.weight)).that_count()
    validate_features(template, data.X)
    encoder = template.target_encoder.fit(data.y, settings.loss(template))
    targets = encoder.read(data.y, warn=False)
    kept, held = set_apart(len(targets), share, seed, encoder.strata(targets))
    return data.rows(kept), data.rows(held)


def set_apart(
    rows: int, fraction: float, seed: int, strata: ArrayLike | None
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Split row numbers into those to train on and those to select by.

    Every class stays among the rows to train on.

    Raises:
        DataError: too few rows for both.
    """
    kept, held = split(rows, fraction, seed, strata=strata)
    if strata is not None:
        known = np.isin(np.asarray(strata)[held], np.asarray(strata)[kept])
        kept, held = np.concatenate([kept, held[~known]]), held[known]
    if not len(held):
        raise DataError(
            f"{rows} rows of so many classes leave none to select by; expected several rows of "
            "each class, or X_val and y_val"
        )
    return kept, held


@dataclass
class Models:
    """What a search keeps of its trainings where ``keep_models`` is set: all rows, all networks.

    A training that goes on from where it was replaces what it was.
    """

    X: Any
    y: Any
    trained: dict[Hashable, tuple[FoldFit, BaseMLP]] = field(default_factory=dict)

    @staticmethod
    def of(search: Any) -> Models:
        """Return what a fitted search has kept.

        Raises:
            InputError: nothing.
        """
        models: Models | None = getattr(search, "models_", None)
        if models is None:
            raise InputError(
                "the search kept no networks; set search.keep_models = True before search.fit"
            )
        return models

    def keep(self, fit: FoldFit, estimator: BaseMLP) -> None:
        """Remember a finished fit; what only more training would need is let go."""
        estimator.network_ = estimator.network_.without_memory()
        self.trained[id(fit.candidate), fit.train.tobytes()] = (fit, estimator)

    def candidates(self, folds: int) -> tuple[list[NDArray[np.integer]], list[list[BaseMLP]]]:
        """Return each fold's rows held out, and every candidate's networks, one a fold.

        Halving judges survivors on more rows than others; only those judged on the most can be
        compared.

        Raises:
            InputError: no candidate has a network for every fold.
        """
        of_candidate: dict[int, list[tuple[FoldFit, BaseMLP]]] = {}
        for fit, estimator in self.trained.values():
            of_candidate.setdefault(id(fit.candidate), []).append((fit, estimator))
        alike: dict[Hashable, list[list[tuple[FoldFit, BaseMLP]]]] = {}
        for pairs in of_candidate.values():
            newest = sorted(pairs[-folds:], key=lambda pair: pair[0].test.tobytes())
            if len(newest) == folds:
                rows = tuple(fit.test.tobytes() for fit, _ in newest)
                alike.setdefault(rows, []).append(newest)
        if not alike:
            raise InputError(
                "the search kept no candidate with a network for every fold; what failed has "
                "none, nor has what a journal knew already"
            )
        most = max(alike.values(), key=lambda some: sum(len(fit.test) for fit, _ in some[0]))
        held = [fit.test for fit, _ in most[0]]
        return held, [[estimator for _, estimator in pairs] for pairs in most]
