"""Samplers: which candidate of a space to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count, islice
from typing import Any, ClassVar

import numpy as np
from scipy.stats import qmc

from wellfit.core.extras import import_extra
from wellfit.core.hyper import Config, hyper
from wellfit.model_selection.distributions import Distribution
from wellfit.model_selection.spaces import Space

Candidate = dict[str, Any]

_TIRED = 1000  # draws in a row that were there before: a small space has been seen


class SamplerRun:
    """Candidates as one search gets them: asked for some at a time, given their scores.

    ``size`` is how many there are, where that is the sampler's matter.
    """

    size: int | None = None

    def ask(self, n: int) -> list[Candidate]:
        """Return up to ``n`` candidates; none where there are no more."""
        raise NotImplementedError

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> None:
        """Hear what candidates scored; higher is better, NaN is a failure."""


class Sampler(Config, family="sampler"):
    """Chooses candidates from a space.

    The same space and seed, and the same scores where it listens to these, make the same
    candidates.

    >>> space = Space.of({"l2": {"low": 1e-6, "high": 0.1, "scale": "log"}})
    >>> Random().start(space, seed=0).ask(2) == Random().start(space, seed=0).ask(2)
    True
    """

    learns: ClassVar[bool] = False  # from scores

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Begin a search."""
        raise NotImplementedError


class _Listed(SamplerRun):
    """Candidates that nobody's scores change."""

    def __init__(self, candidates: Iterator[Candidate], size: int | None = None) -> None:
        self._candidates, self.size = candidates, size

    def ask(self, n: int) -> list[Candidate]:
        return list(islice(self._candidates, n))


class Grid(Sampler, name="grid"):
    """Takes every combination of the space's values, the last changing fastest.

    Ranges need ``"steps"``. How many candidates there are is the grid's matter, not ``n_iter``'s.

    >>> drawing = Grid().start(Space.of({"l2": [0.1, 0.2], "batch_size": [8]}), seed=0)
    >>> drawing.ask(10)
    [{'l2': 0.1, 'batch_size': 8}, {'l2': 0.2, 'batch_size': 8}]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """List the grid."""
        grid = list(space.combinations())
        return _Listed(iter(grid), len(grid))


class Random(Sampler, name="random"):
    """Draws each candidate independently of all others.

    Of choices, none is drawn twice.

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012.

    >>> space = Space.of({"l2": [0.1, 0.2]})
    >>> sorted(c["l2"] for c in Random().start(space, seed=0).ask(10))
    [0.1, 0.2]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Seed a generator."""
        rng = np.random.default_rng(seed)
        points = (rng.random(len(space.axes)) for _ in count())
        return _Listed(_unseen(space, points))


class Sobol(Sampler, name="sobol"):
    """Spreads candidates more evenly than chance does: a scrambled Sobol sequence.

    Source: Sobol', "On the distribution of points in a cube and the approximate evaluation of
    integrals", 1967; Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998.

    >>> space = Space.of({"dropout": {"low": 0, "high": 1}})
    >>> drawn = Sobol().start(space, seed=0).ask(4)
    >>> sorted(int(4 * candidate["dropout"]) for candidate in drawn)  # one in each quarter
    [0, 1, 2, 3]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Scramble the sequence."""
        sequence = qmc.Sobol(len(space.axes), rng=np.random.default_rng(seed))
        return _Listed(_unseen(space, (sequence.random(1)[0] for _ in count())))


def _unseen(space: Space, points: Iterator[np.ndarray]) -> Iterator[Candidate]:
    """Yield the candidates at points of the unit cube that weren't there before."""
    seen: set[str] = set()
    old = 0
    for point in points:
        candidate = space.at(dict(zip(space.axes, point.tolist(), strict=True)))
        if repr(candidate) not in seen:
            seen.add(repr(candidate))
            old = 0
            yield candidate
        old += 1
        if old > _TIRED:
            return


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
