"""Optuna's samplers, which learn from scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from wellfit.core.extras import import_extra
from wellfit.core.hyper import hyper
from wellfit.model_selection.distributions import Distribution
from wellfit.model_selection.samplers.base import Candidate, Sampler, SamplerRun
from wellfit.model_selection.spaces import Space


class Optuna(Sampler):
    """What the samplers of Optuna share.

    Raises:
        MissingExtraError: Optuna is not installed.
    """

    learns: ClassVar[bool] = True

    batch: int = hyper("candidates asked for at once, before any is scored", default=8, low=1)
    storage: str = hyper(
        "where trials are kept, for others to see and add to: sqlite:///file, another of "
        "SQLAlchemy's, or journal:///file; nowhere if empty",
        default="",
    )
    study: str = hyper("what the trials are called there", default="wellfit")

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Make or join a study."""
        return _Study(self, space, seed)

    def batch_of(self, count: int) -> int:
        """Return ``batch``."""
        return self.batch

    def make(self, optuna: Any, seed: int) -> Any:
        """Return the sampler of the module ``optuna``."""
        raise NotImplementedError


class TPE(Optuna, name="tpe"):
    """Draws where good candidates were dense and bad ones were not; Optuna's.

    After ``startup`` random ones: the candidate that maximizes the ratio of two densities, fitted
    to the best candidates and to the others.

    Source: Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization",
    2011.

    >>> TPE(batch=4)
    TPE(batch=4)
    """

    startup: int = hyper("random candidates before", default=10, low=1)

    def make(self, optuna: Any, seed: int) -> Any:
        """Return Optuna's sampler."""
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=self.startup)


class CMAES(Optuna, name="cmaes"):
    """Moves a normal distribution towards the best candidates, and learns its shape; Optuna's.

    For numbers: choices are drawn at random.

    Source: Hansen and Ostermeier, "Completely derandomized self-adaptation in evolution
    strategies", 2001.

    >>> CMAES()
    CMAES()
    """

    def make(self, optuna: Any, seed: int) -> Any:
        """Return Optuna's sampler."""
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


class GaussianProcess(Optuna, name="gp"):
    """Takes the candidate from which a Gaussian process expects most improvement; Optuna's.

    Source: Snoek, Larochelle and Adams, "Practical Bayesian optimization of machine learning
    algorithms", 2012.

    >>> GaussianProcess(startup=5)
    GaussianProcess(startup=5)
    """

    startup: int = hyper("random candidates before", default=10, low=1)

    def make(self, optuna: Any, seed: int) -> Any:
        """Return Optuna's sampler."""
        return optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=self.startup, warn_independent_sampling=False
        )


class _Study(SamplerRun):
    """A study of Optuna's."""

    def __init__(self, sampler: Optuna, space: Space, seed: int) -> None:
        self._optuna = optuna = _optuna()
        self._space = space
        self._trials: dict[int, tuple[Candidate, Any]] = {}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(
                storage=_storage(optuna, sampler.storage),
                sampler=sampler.make(optuna, seed),
                study_name=sampler.study if sampler.storage else None,
                direction="maximize",
                load_if_exists=True,
            )
        finally:
            optuna.logging.set_verbosity(verbosity)

    def ask(self, n: int) -> list[Candidate]:
        candidates = []
        for _ in range(n):
            trial = self._study.ask()
            candidate = self._space.candidate(partial(_suggested, trial))
            self._trials[id(candidate)] = candidate, trial
            candidates.append(candidate)
        return candidates

    def tell(self, candidates: Sequence[Mapping[str, Any]], scores: Sequence[float]) -> None:
        failed = self._optuna.trial.TrialState.FAIL
        for candidate, score in zip(candidates, scores, strict=True):
            _, trial = self._trials.pop(id(candidate))
            if np.isfinite(score):
                self._study.tell(trial, float(score))
            else:
                self._study.tell(trial, state=failed)


def _suggested(trial: Any, name: str, axis: Distribution) -> Any:
    return axis.suggested(trial, name)


def _optuna() -> Any:
    return import_extra("optuna", "search", "take the sampler 'random' or 'sobol'")


def _storage(optuna: Any, place: str) -> Any:
    """Return what keeps a study: a journal of Optuna's, or what it makes of the address."""
    kind, _, path = place.partition(":///")
    if kind != "journal":
        return place or None
    backend = optuna.storages.journal.JournalFileBackend(path)
    return optuna.storages.JournalStorage(backend)
