"""The scores of a network and of baselines on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from wellfit.core.metrics import Metric

CLEAR = 2.0  # standard errors beyond which a difference isn't chance
# The same for a baseline that is better: 95 % on one side, since to call a network well fit that a
# simple model beats is worse than to look again at one that is as good.
BEATEN = 1.645
_INFINITE = float("inf")
LEAST = 0.02  # difference of scores that doesn't matter

Values = NDArray[np.float64]


class Mean(NamedTuple):
    """A mean over rows, its standard error, and the number of rows (0 where unknown)."""

    value: float
    error: float
    rows: int

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Mean:
        """Return the mean of rows' values (N,)."""
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.inf
        return cls(float(values.mean()), error, len(values))

    @classmethod
    def share(cls, share: float, rows: int) -> Mean:
        """Return a share of rows, with the standard error of two more hits and two more misses.

        So the error isn't 0 at 100 %.

        Source: Agresti and Coull, "Approximate is better than 'exact' for interval estimation of
        binomial proportions", 1998.

        >>> Mean.share(1.0, 96).error.round(3)
        np.float64(0.014)
        """
        middle = (share * rows + 2) / (rows + 4)
        error = np.sqrt(middle * (1 - middle) / (rows + 4)) if rows else 0.0
        return cls(share, error, rows)


class RowMetric(NamedTuple):
    """A score that is 1 minus a mean of the rows' errors: accuracy, or the share explained.

    Attributes:
        name: ``"accuracy"``, ``"balanced accuracy"``, ``"R²"``, ``"D²"``.
        level: of D², the quantile that is estimated; R² estimates the mean.
    """

    name: str
    level: float | None = None

    @property
    def is_share(self) -> bool:
        """Whether it is a share of rows, printed in per cent."""
        return Metric.of(self.name).is_share

    def errors(self, y: NDArray[Any], predicted: NDArray[Any]) -> Values:
        """Return the rows' errors (N,), whose mean is 1 minus the score.

        Args:
            y: codes of classes (N,), yes or no for each label (N, L), or numbers (N,) or (N, T).
            predicted: the same for predictions.

        >>> RowMetric("R²").errors(np.array([0.0, 2.0]), np.array([1.0, 2.0]))
        array([1., 0.])
        >>> RowMetric("balanced accuracy").errors(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
        array([0., 0., 0., 2.])
        """
        if self.is_share:
            wrong = _by_row((y != predicted).astype(np.float64))
            if self.name == "accuracy":
                return wrong
            _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
            return wrong * (len(y) / len(counts) / counts)[place]
        y = y.astype(np.float64)
        spread = np.maximum(self._loss(y, self.constant(y)).mean(axis=0), 1e-12)
        return _by_row(self._loss(y, predicted.astype(np.float64)) / spread)

    def constant(self, y: NDArray[Any]) -> Any:
        """Return the best prediction that uses no column: a class, a mean, a quantile."""
        if not self.is_share:
            return y.mean(axis=0) if self.level is None else np.quantile(y, self.level, axis=0)
        if y.ndim > 1:
            return (y.mean(axis=0) > 0.5).astype(y.dtype)
        return np.bincount(y).argmax()

    def _loss(self, y: Values, predicted: Any) -> Values:
        over = y - predicted
        if self.level is None:
            return over**2
        return np.maximum(self.level * over, (self.level - 1) * over)

    def score(self, errors: Values) -> Mean:
        """Return the score that rows' errors amount to."""
        if self.name == "accuracy" and np.isin(errors, (0, 1)).all():
            return Mean.share(float(1 - errors.mean()), len(errors))
        found = Mean.of(errors)
        return found._replace(value=1 - found.value)

    def format(self, value: float) -> str:
        """Return a value as it is printed: accuracies in per cent.

        >>> RowMetric("accuracy").format(0.9613), RowMetric("R²").format(-0.1504)
        ('96.1 %', '-0.150')
        """
        return Metric.of(self.name).format(value)


class Baseline(NamedTuple):
    """The score of a simple model on the unseen rows by which the network is judged.

    Attributes:
        name: as ``"majority class"`` or ``"linear model"``.
        score: on these rows.
        better: by how much its score is higher than the network's.
        error: the standard error of that difference, from the rows' differences.
    """

    name: str
    score: float
    better: float
    error: float

    @property
    def is_clearly_better(self) -> bool:
        """Whether it is better beyond chance, and by more than 0.02."""
        return self.better > max(BEATEN * self.error, LEAST)


@dataclass(frozen=True)
class Scores:
    """The scores on training rows and unseen rows, and those of baselines.

    Attributes:
        metric: its name.
        training: the score on training rows.
        unseen: the score on rows that the network hasn't seen.
        training_rows: how many.
        unseen_rows: how many; 0 where that isn't known.
        error: the standard error of the score on unseen rows.
        training_error: the same on training rows.
        kind: what the unseen rows are: ``"validation"`` for rows that chose the epoch, ``"test"``,
            or ``"unseen"`` where that isn't known.
        baselines: those of simple models on the same unseen rows; the one that uses no
            column is first.
        sampled: how many of the training rows their score is of; 0 where it is of all.
    """

    metric: str
    training: float | None = None
    unseen: float | None = None
    training_rows: int = 0
    unseen_rows: int = 0
    error: float = 0.0
    training_error: float = 0.0
    kind: str = "unseen"
    baselines: tuple[Baseline, ...] = ()
    sampled: int = 0

    @property
    def gap(self) -> Mean | None:
        """How much lower the score on unseen rows is, or None where one isn't known."""
        if self.training is None or self.unseen is None:
            return None
        error = float(np.hypot(self.error, self.training_error))
        return Mean(self.training - self.unseen, error, self.unseen_rows)

    @property
    def constant(self) -> Baseline | None:
        """The baseline that uses no column."""
        return self.baselines[0] if self.baselines else None

    @property
    def best(self) -> Baseline | None:
        """The best of the models that are clearly better than the network, if any is."""
        better = [one for one in self.baselines[1:] if one.is_clearly_better]
        return max(better, key=lambda one: one.score, default=None)

    def format(self, value: float) -> str:
        """Return a value of the metric as it is printed."""
        return RowMetric(self.metric).format(value)

    @property
    def is_hopeless(self) -> bool:
        """Whether no model is better, beyond chance, than the baseline that uses no column."""
        first, others = self.constant, self.baselines[1:]
        floor = first.score + max(LEAST, CLEAR * first.error) if first else 0.0
        return bool(others) and all(one.score < floor for one in others)

    @property
    def bound(self) -> float:
        """The upper bound of the baselines' leads over the network, by two standard errors."""
        return max(
            (one.better + CLEAR * one.error for one in self.baselines[1:]), default=_INFINITE
        )

    @property
    def pair(self) -> str:
        """The scores on training and unseen rows, as a clause."""
        rows = f"{self.unseen_rows:,} " if self.unseen_rows else ""
        learned = f"{self.sampled:,} of the training rows" if self.sampled else "training rows"
        places = [(self.training, learned), (self.unseen, f"{rows}{self.kind} rows")]
        texts = [
            f"{self.format(value)} on {place}" for value, place in places if value is not None
        ]
        return f"{self.metric} {', '.join(texts)}"

    @property
    def compared(self) -> str:
        """The scores of the baselines, as a clause; empty where there are none."""
        if not self.baselines:
            return ""
        first, *others = self.baselines
        texts = [f"{one.name} {self.format(one.score)}" for one in others]
        return "; ".join([f"{first.name} baseline: {self.format(first.score)}", *texts])

    @property
    def interval(self) -> str:
        """The confidence interval of the score on unseen rows; empty where that isn't known."""
        if self.unseen is None or not self.unseen_rows or not np.isfinite(self.error):
            return ""
        half = 1.96 * self.error
        beyond = RowMetric(self.metric).is_share and not half <= self.unseen <= 1 - half
        text = (
            " to ".join(map(self.format, self._bounds(half)))
            if beyond
            else f"±{self.format(half)}"
        )
        return (
            f"{self.metric} on {self.unseen_rows:,} {self.kind} rows, 95 % confidence interval "
            f"{text}"
        )

    def _bounds(self, half: float) -> tuple[float, float]:
        """Return the bounds of a share that is so near to 0 or 1 that they aren't symmetric.

        Of an accuracy they are Wilson's.
        """
        assert self.unseen is not None
        if self.metric != "accuracy":
            return max(self.unseen - half, 0.0), min(self.unseen + half, 1.0)
        hits = round(self.unseen * self.unseen_rows)
        found = binomtest(hits, self.unseen_rows).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def besides(self, text: str) -> str:
        """Return the clauses on scores and interval that a text lacks, as sentences."""
        known = text.lower()
        parts = [part for part in (self.pair, self.interval, self.compared) if part]
        return " ".join(f"{p[0].upper()}{p[1:]}." for p in parts if p.lower() not in known)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        plain = asdict(self)
        plain["baselines"] = [
            {name: _finite(value) for name, value in one._asdict().items()}
            for one in self.baselines
        ]
        return {name: _finite(value) for name, value in plain.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the scores that :meth:`to_dict` made plain data of."""
        baselines = tuple(Baseline(**_with_errors(one)) for one in data.get("baselines", ()))
        return cls(**{**_with_errors(data), "baselines": baselines})


def _with_errors(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain data whose missing errors are infinite again."""
    lost = {name for name in ("error", "training_error") if name in data and data[name] is None}
    return {**data, **dict.fromkeys(lost, _INFINITE)}


def _finite(value: Any) -> Any:
    """Return None for what JSON can't hold: infinite errors, of a single row."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _by_row(values: Values) -> Values:
    return values if values.ndim == 1 else values.mean(axis=1)
