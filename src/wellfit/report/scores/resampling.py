"""Bootstrap intervals: of scores that are functions of sums over rows, and of any other.

Source: Efron, "Better bootstrap confidence intervals", 1987.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.report.scores.intervals import UNKNOWN, ConfidenceInterval, Floats

Combine = Callable[[Floats], Floats]

_DRAWS, _GROUPS = 2000, 2048
_FEWER_DRAWS = 300  # where each draw calls a function
_MOST_SECONDS = 4.0  # that such a function may take in all
_SEED = 0  # the same rows give the same interval


class Bootstrap:
    """Resamples of some rows, drawn once for all scores.

    Many rows are resampled in random groups of equal sizes: the sum over a group varies as the
    sum over its rows does, and the interval is the same but for what its draws leave open.

    Args:
        rows: how many.
        weight: (rows,) by which each counts in sums; None where all count alike.

    >>> values = np.random.default_rng(1).exponential(size=50)
    >>> mean = lambda sums: sums[..., 0] / sums[..., -1]
    >>> low, high, method = Bootstrap(50).interval(values[:, None], mean)
    >>> bool(low < values.mean() < high), method
    (True, 'bootstrap')
    """

    def __init__(self, rows: int, weight: Floats | None = None) -> None:
        self._weight = weight
        self.rows, self._count = rows, min(rows, _GROUPS)
        order = np.random.default_rng(_SEED).permutation(rows)
        self._group = np.empty(rows, dtype=np.int64)
        self._group[order] = np.arange(rows) * self._count // max(rows, 1)

    @cached_property
    def _weights(self) -> Floats:
        """How often each group is drawn in each resample (draws, groups)."""
        draws, count = _DRAWS, self._count
        drawn = np.random.default_rng(_SEED).integers(0, count, (draws, count))
        drawn += np.arange(draws)[:, None] * count
        counted = np.bincount(drawn.ravel(), minlength=draws * count)
        return counted.reshape(draws, count).astype(np.float64)

    def _sums(self, values: NDArray[Any]) -> Floats:
        """Return the sums of values (rows, columns) over each group, and of its rows."""
        weight = np.ones(self.rows) if self._weight is None else self._weight
        columns = [*(each * weight for each in values.T), weight]
        return np.stack([np.bincount(self._group, c, self._count) for c in columns], axis=1)

    def interval(self, values: NDArray[Any], combine: Combine) -> ConfidenceInterval:
        """Return the BCa interval of a score that is a function of sums over rows.

        Args:
            values: (rows, columns) what is summed.
            combine: returns the scores (...) of sums (..., columns + 1), whose last column is the
                number of rows, or the sum of their weights.
        """
        if self.rows < 2:
            return UNKNOWN
        sums = self._sums(values)
        whole = sums.sum(axis=0)
        with np.errstate(all="ignore"):
            drawn, estimate = combine(self._weights @ sums), float(combine(whole))
            left_out = combine(whole - sums)
        return corrected(drawn, estimate, left_out)

    def of_function(self, score: Callable[[NDArray[np.integer]], float]) -> ConfidenceInterval:
        """Return the bias-corrected interval of any score; none where it would take long.

        Args:
            score: of the rows at these positions, which may repeat.
        """
        if self.rows < 2:
            return UNKNOWN
        generator, size = np.random.default_rng(_SEED), min(self.rows, _GROUPS)
        # The first call may do what is done only once.
        estimate, began = score(np.arange(self.rows)), time.process_time()
        score(np.arange(size))
        if (time.process_time() - began) * _FEWER_DRAWS > _MOST_SECONDS:
            return UNKNOWN
        places = (generator.integers(0, self.rows, size) for _ in range(_FEWER_DRAWS))
        drawn = np.array([score(some) for some in places])
        if size < self.rows:  # fewer rows vary more: by the root of how many fewer they are
            drawn = estimate + (drawn - np.nanmean(drawn)) * (size / self.rows) ** 0.5
        return corrected(drawn, estimate)


def corrected(
    drawn: Floats, estimate: float, left_out: Floats | None = None
) -> ConfidenceInterval:
    """Return the quantiles of resampled scores that are corrected for their bias.

    Args:
        drawn: (draws,) the scores of resamples; NaN where one isn't defined.
        estimate: the score of the rows themselves.
        left_out: (groups,) the scores without each group, for the BCa interval's acceleration;
            None for none.
    """
    from scipy.special import ndtr, ndtri

    known = drawn[np.isfinite(drawn)]
    # Where a tenth of the resamples have no score, the others aren't typical.
    tiny = 1e-12 * abs(estimate)
    if len(known) < 0.9 * len(drawn) or np.ptp(known) <= tiny:
        return UNKNOWN
    below = (known < estimate).mean() + (known == estimate).mean() / 2
    bias = ndtri(np.clip(below, 0.5 / len(known), 1 - 0.5 / len(known)))
    skew = 0.0
    if left_out is not None and np.isfinite(left_out).all():
        apart = left_out.mean() - left_out
        scale = np.square(apart).sum() ** 1.5
        skew = float((apart**3).sum() / (6 * scale)) if scale else 0.0
    ends = bias + ndtri([0.025, 0.975])
    levels = ndtr(bias + ends / (1 - skew * ends))
    low, high = np.quantile(known, levels).tolist()
    # Nearly all resamples alike, as of rows that are all right, say nothing of other rows.
    return ConfidenceInterval(low, high, "bootstrap") if high - low > tiny else UNKNOWN
