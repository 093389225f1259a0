"""Conformal calibration: scores of calibration rows, and the intervals and sets they lead to.

Rows that training hasn't seen, and that come from where new rows come from, get a score: how far
the target is from what was predicted. A new row's score is then at most the k-th smallest of n
such scores with probability k / (n + 1), whatever the network and the distribution of the rows.

Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; Lei, G'Sell,
Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference for regression", 2018.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DataError, HyperparameterError

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_HALVINGS = 64  # after which nothing is left to halve in a float64
SetMethod = Literal["lac", "aps"]
SET_METHODS = ("lac", "aps")


def check_level(level: Any) -> float:
    """Return a level as a number.

    Raises:
        HyperparameterError: none in (0, 1).
    """
    is_number = isinstance(level, numbers.Real) and not isinstance(level, (bool, np.bool_))
    share = float(level) if is_number else math.nan
    if not 0 < share < 1:
        hint = f"; did you mean {share / 100:g}?" if 1 < share < 100 else ""
        raise HyperparameterError(
            f"level is {level!r}; expected a share of the rows in (0, 1), such as 0.9{hint}"
        )
    return share


def threshold(scores: Floats, level: float) -> Floats:
    """Return the number that a new row's score doesn't exceed with probability ``level``.

    Args:
        scores: (n_rows, …) of calibration rows.
        level: in (0, 1).

    Raises:
        DataError: so few rows that no score is high enough.

    >>> threshold(np.arange(1.0, 20.0), 0.9)  # the 18th of 19
    np.float64(18.0)
    """
    found: Floats = np.partition(scores, (rank := _rank(len(scores), level)) - 1, axis=0)[rank - 1]
    return found


def _rank(count: int, level: float) -> int:
    """Return which of so many scores, from the lowest, a new one exceeds rarely enough."""
    # Without the rounding, 0.7 · 10 would ask for one more score than 7.
    place = math.ceil(round((count + 1) * level, 9))
    if place > count:
        least = math.ceil(round(level / (1 - level), 9))
        raise DataError(
            f"level is {level:g}, and the calibration rows are {count}; expected at least "
            f"{least}, or a lower level"
        )
    return place


def bounds(scores: Floats, folds: Places | None, shifts: Floats, level: float) -> Floats:
    """Return upper bounds (n,) of new targets: the jackknife+ of folds, and of a single network.

    Each calibration row's score is added to the new row's estimate by the network that scored it;
    the bound is to these sums what :func:`threshold` is to scores.

    Args:
        scores: (n_rows,) of calibration rows.
        folds: (n_rows,) the network that scored each; None of one network.
        shifts: (n_networks, n) estimates of new rows.
        level: in (0, 1).

    Source: Barber, Candès, Ramdas and Tibshirani, "Predictive inference with the jackknife+",
    2021.

    >>> scores, folds = np.arange(1.0, 20.0), np.arange(19) % 2
    >>> bounds(scores, folds, np.array([[5.0], [5.0]]), 0.9), bounds(scores, None, [[5.0]], 0.9)
    (array([23.]), array([23.]))
    """
    shifts = np.asarray(shifts, dtype=np.float64)
    if folds is None:
        return shifts[0] + threshold(scores, level)
    rank, each = (
        _rank(len(scores), level),
        [np.sort(scores[folds == place]) for place in range(len(shifts))],
    )
    low, high = shifts.min(axis=0) + scores.min(), shifts.max(axis=0) + scores.max()
    # Halving finds the lowest number that as many as the rank don't exceed, for all rows at once.
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = sum(
            np.searchsorted(own, middle - shift, "right")
            for own, shift in zip(each, shifts, strict=True)
        )
        enough = below >= rank
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


@dataclass(frozen=True, eq=False)
class IntervalScores:
    """Conformal scores of a regressor: how far its estimates of calibration rows were off.

    Attributes:
        residuals: (n_rows, n_targets, n_estimates) estimates less the target, in its units.
        levels: (n_estimates,) the quantiles that are estimated, rising; () of a single estimate.
        folds: (n_rows,) the network that each row was estimated by, of several that each leave out
            a fold; None where all were by what predicts.

    Where quantiles are estimated, intervals lie between two of them, moved alike in all rows:
    they are wide where the network is unsure. Around a single estimate all are equally wide.

    Source: Romano, Patterson and Candès, "Conformalized quantile regression", 2019.

    >>> scores = IntervalScores(np.linspace(-1, 1, 19).reshape(19, 1, 1))
    >>> scores.interval(np.zeros((1, 1, 1, 1)), level=0.9).round(2)
    array([[[-1.,  1.]]])
    """

    residuals: Floats
    levels: tuple[float, ...] = ()
    folds: Places | None = None

    @property
    def array(self) -> Floats:
        """The scores as files hold them."""
        return self.residuals

    def interval(self, estimates: Floats, level: float) -> Floats:
        """Return intervals (n, n_targets, 2) that hold each target with probability ``level``.

        Args:
            estimates: (n_networks, n, n_targets, n_estimates), in the targets' units; of one
                network where there are no folds.
            level: in (0, 1).

        Raises:
            DataError: too few calibration rows for the level.
        """
        low, high = self._between(self.residuals, level)
        scores, shifts = np.maximum(low, -high), self._between(estimates, level)
        targets = range(scores.shape[1])

        def reached(shift: Floats) -> Floats:
            columns = [bounds(scores[:, t], self.folds, shift[..., t], level) for t in targets]
            return np.stack(columns, axis=-1)

        low, high = -reached(-shifts[0]), reached(shifts[1])
        # A negative margin may turn narrow intervals inside out; these have no length.
        middle = (low + high) / 2
        return np.stack([np.minimum(low, middle), np.maximum(high, middle)], axis=-1)

    def _between(self, estimates: Floats, level: float) -> tuple[Floats, Floats]:
        """Return the estimates that leave out the same share below and above."""
        if not self.levels:
            return estimates[..., 0], estimates[..., 0]
        tail = (1 - level) / 2
        return self._at(estimates, tail), self._at(estimates, 1 - tail)

    def _at(self, estimates: Floats, quantile: float) -> Floats:
        """Return a quantile, interpolated between those that are estimated; at most the outer."""
        place = float(np.interp(quantile, self.levels, np.arange(len(self.levels))))
        below = min(int(place), max(len(self.levels) - 2, 0))
        above, share = min(below + 1, len(self.levels) - 1), place - below
        between: Floats = (1 - share) * estimates[..., below] + share * estimates[..., above]
        return between


@dataclass(frozen=True, eq=False)
class SetScores:
    """Conformal scores of a classifier: how improbable the true classes of calibration rows were.

    Attributes:
        probabilities: (n_rows,) of each row's own class.
        above: (n_rows,) of all classes that are likelier than that one.
        folds: (n_rows,) the network that each row was predicted by, of several that each leave out
            a fold; None where all were by what predicts.

    >>> scores = SetScores.of(np.tile([0.75, 0.25], (20, 1)), np.repeat([0, 1], [15, 5]))
    >>> scores.sets(np.array([[[0.75, 0.25], [0.875, 0.125]]]), level=0.9)
    array([[ True,  True],
           [ True, False]])
    """

    probabilities: Floats
    above: Floats
    folds: Places | None = None

    @property
    def array(self) -> Floats:
        """The scores as files hold them."""
        return np.stack([self.probabilities, self.above], axis=1)

    @classmethod
    def of(
        cls, probabilities: NDArray[Any], codes: NDArray[np.integer], folds: Places | None = None
    ) -> SetScores:
        """Return the scores of rows.

        Args:
            probabilities: (n_rows, n_classes) by the network.
            codes: (n_rows,) of the rows' own classes.
            folds: (n_rows,) the network of each, or None.
        """
        everyone, exact = np.arange(len(codes)), probabilities.astype(np.float64)
        return cls(exact[everyone, codes], _above(exact)[everyone, codes], folds)

    def sets(
        self, probabilities: NDArray[Any], level: float, method: SetMethod = "lac"
    ) -> NDArray[np.bool_]:
        """Return which classes are in each row's set (n, n_classes); the likeliest always is.

        Args:
            probabilities: (n_networks, n, n_classes); of one network where there are no folds.
            level: the share of rows whose set is to hold their class, in (0, 1).
            method: ``"lac"`` for all classes that are likely enough, which makes the smallest sets
                on average; ``"aps"`` for the likeliest ones, until their sum is high enough, so
                that sets are about as often right where rows are hard as where they are easy.

        Raises:
            DataError: too few calibration rows for the level.
        """
        exact = probabilities.astype(np.float64)
        if method == "lac":
            own, new = 1 - self.probabilities, 1 - exact
        else:
            own, new = self.above, np.stack([_above(each) for each in exact])
        folds = np.zeros(len(own), dtype=np.int64) if self.folds is None else self.folds
        rank = _rank(len(own), level)
        # A class is left out where enough calibration rows had a lower score by the same network.
        lower = sum(
            np.searchsorted(np.sort(own[folds == place]), each, "left")
            for place, each in enumerate(new)
        )
        sets: NDArray[np.bool_] = lower < rank
        sets[np.arange(len(sets)), exact.mean(axis=0).argmax(axis=1)] = True
        return sets


def _above(probabilities: Floats) -> Floats:
    """Return for each class the probability of all that are likelier."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=1)
    sums = np.cumsum(ordered, axis=1) - ordered
    for place in range(1, ordered.shape[1]):  # a class isn't likelier than one that is as likely
        alike = ordered[:, place] == ordered[:, place - 1]
        sums[alike, place] = sums[alike, place - 1]
    above = np.empty_like(sums)
    np.put_along_axis(above, order, sums, axis=1)
    return above
