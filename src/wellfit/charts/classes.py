"""Charts of predicted classes: confusion matrix, calibration, ROC, precision-recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.charts.model import Axis, Cells, Chart, Floats, Line, Mark, floats, sampled
from wellfit.core.metrics import Metric
from wellfit.core.words import percent

_MOST_COUNTS = 30  # classes beyond which the cells have no numbers
_MOST_PAIRS = 3  # confusions in the text
_MOST_POINTS = 400  # of a curve
_STRONGEST = 0.1  # a share of errors that has the strongest shade, unless there are larger ones
_BINS = 10
_Z = 1.959963984540054  # 97.5 % of the normal distribution lie below
_DIAGONAL = floats([0, 1])

Pairs = Sequence[tuple[str, str, int, float]]
Truths = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]


def confusion_chart(
    counts: NDArray[np.integer], names: Sequence[str], values: ArrayLike | None = None
) -> Chart:
    """Return the confusion matrix.

    Right and wrong have colours of their own: beside the many that are right, the few that are
    wrong would not show.

    Args:
        counts: (classes, classes) rows by true and predicted class.
        names: the classes.
        values: (classes, classes) shares to show instead of the counts.

    >>> confusion_chart(np.array([[8, 2], [0, 10]]), ["ham", "spam"]).alt_text
    '18 of 20 rows (90.0 %) are classified correctly. Most frequent errors: ham as spam (2).'
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right, total = int(np.trace(counts)), int(counts.sum())
    found = frequent_errors(counts, names, _MOST_PAIRS)
    text = ", ".join(f"{true} as {predicted} ({n:,})" for true, predicted, n, _ in found)
    texts = _texts(counts, None if values is None else floats(values))
    return Chart(
        "Confusion matrix",
        f"{right:,} of {total:,} rows ({percent(right / max(total, 1))}) are classified correctly",
        [
            Cells(
                _shades(shares), texts if len(names) <= _MOST_COUNTS else (), _hover(counts, names)
            )
        ],
        Axis("predicted class", names),
        Axis("true class", names, downwards=True),
        f"Most frequent errors: {text}." if text else "No row is classified wrongly.",
    )


def frequent_errors(counts: NDArray[np.integer], names: Sequence[str], most: int) -> Pairs:
    """Return the most frequent errors: true class, predicted one, rows, share of the class."""
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:most].tolist()
    pairs = (divmod(place, len(names)) for place in order)
    return [
        (names[i], names[j], int(errors[i, j]), float(errors[i, j] / counts[i].sum()))
        for i, j in pairs
        if errors[i, j]
    ]


def _shades(shares: Floats) -> Floats:
    errors = shares.copy()
    np.fill_diagonal(errors, 0)
    strength = -np.sqrt(errors / max(errors.max(), _STRONGEST))
    return np.where(errors > 0, strength, np.diag(shares.diagonal()))


def _texts(counts: NDArray[np.integer], shares: Floats | None) -> list[list[str]]:
    """Return what stands in the cells; zeros would hide the errors among them."""
    if len(counts) > _MOST_COUNTS:
        return []
    shown = counts if shares is None else shares
    return [
        [
            _cell(value, shares is not None) if count else ""
            for count, value in zip(*row, strict=True)
        ]
        for row in zip(counts.tolist(), shown.tolist(), strict=True)
    ]


def _cell(value: float, is_share: bool) -> str:
    return percent(value, 0) if is_share else f"{value:,}"


def _hover(counts: NDArray[np.integer], names: Sequence[str]) -> list[list[str]]:
    totals = counts.sum(axis=1).tolist()
    return [
        [
            f"true {true}\npredicted {predicted}\n{n:,} rows, {percent(n / max(all_, 1))}"
            for predicted, n in zip(names, row, strict=True)
        ]
        for true, row, all_ in zip(names, counts.tolist(), totals, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Rows by the probability that they were given, in ten bins; empty ones are left out.

    Attributes:
        bins: which.
        counts: rows in each.
        confidence: the mean probability.
        frequency: how often it came true.
        error: the expected calibration error, a share.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    confidence: Floats
    frequency: Floats
    error: float

    @classmethod
    def of(cls, probabilities: ArrayLike, outcomes: ArrayLike) -> Calibration:
        """Bin probabilities (N,) and what came true (N,).

        Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

        >>> Calibration.of([0.9, 0.9], [True, False]).error
        0.4
        """
        given, came = np.clip(floats(probabilities), 0, 1), floats(outcomes)
        place = np.minimum((given * _BINS).astype(int), _BINS - 1)
        counts = np.bincount(place, minlength=_BINS)
        there = np.flatnonzero(counts)
        sums, hits = (np.bincount(place, part, _BINS)[there] for part in (given, came))
        error = float(np.abs(sums - hits).sum() / len(given))
        return cls(there, counts[there], sums / counts[there], hits / counts[there], error)


def calibration_chart(found: Calibration, of: str = "the predicted class") -> Chart:
    """Return how often predictions come true, by the probability ``of`` something."""
    low, high = wilson(found.frequency, found.counts)
    errors = (found.frequency - low, high - found.frequency)
    marks: list[Mark] = [
        _reference("perfectly calibrated"),
        Line(found.confidence, found.frequency, "the model", points=True, errors=errors),
    ]
    return Chart(
        "Calibration",
        f"Expected calibration error: {percent(found.error)}",
        marks,
        Axis(f"mean probability of {of}", low=0, high=1.02),
        Axis("share of rows where it is right", low=0, high=1.02),
        "On the line, probabilities are right as often as they say. Bars are 95 % confidence "
        "intervals.",
    )


def wilson(shares: Floats, counts: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Return the bounds of shares' 95 % confidence intervals.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> low, high = wilson(np.array([0.5]), np.array([100]))
    >>> low.round(3), high.round(3)
    (array([0.404]), array([0.596]))
    """
    z = _Z**2 / counts
    middle = (shares + z / 2) / (1 + z)
    half = np.sqrt(z * (shares * (1 - shares) + z / 4)) / (1 + z)
    # Shares of 0 and 1 are bounds themselves, but for rounding.
    return np.minimum(middle - half, shares), np.maximum(middle + half, shares)


def roc_chart(truths: Truths) -> tuple[Chart, dict[str, float]]:
    """Return ROC curves, and the area under each.

    Args:
        truths: by class: which rows are of it, and their probabilities of it, each (N,).
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    areas = {name: float(roc_auc_score(*pair)) for name, pair in truths.items()}
    curves = {name: roc_curve(*pair)[:2] for name, pair in truths.items()}
    chart = Chart(
        "ROC curve",
        _mean_area("roc_auc", areas),
        [_reference("chance"), *_area_lines("AUC", curves, areas)],
        Axis("false positive rate", low=-0.02, high=1.02),
        Axis("true positive rate", low=-0.02, high=1.02),
        _by_class(areas),
    )
    return chart, areas


def precision_recall_chart(truths: Truths) -> tuple[Chart, dict[str, float]]:
    """Return precision-recall curves, and the average precision of each; see :func:`roc_chart`."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    areas = {name: float(average_precision_score(*pair)) for name, pair in truths.items()}
    curves = {
        name: tuple(part[::-1] for part in precision_recall_curve(*pair)[1::-1])
        for name, pair in truths.items()
    }
    chart = Chart(
        "Precision-recall curve",
        _mean_area("average_precision", areas),
        _area_lines("AP", curves, areas),
        Axis("recall", low=-0.02, high=1.02),
        Axis("precision", low=-0.02, high=1.02),
        _by_class(areas),
    )
    return chart, areas


def _area_lines(short: str, curves: Mapping[str, Any], areas: Mapping[str, float]) -> list[Line]:
    lines = []
    for place, (name, (x, y)) in enumerate(curves.items()):
        points = sampled(len(x), _MOST_POINTS)
        label = f"{name} ({short} {areas[name]:.3f})"
        lines.append(Line(floats(x)[points], floats(y)[points], label, place, width=1.8))
    return lines


def _mean_area(metric: str, areas: Mapping[str, float]) -> str:
    known = Metric.of(metric)
    title = known.title[:1].upper() + known.title[1:]
    mean = ", mean of the classes" if len(areas) > 1 else ""
    return f"{title}: {known.format(float(np.mean(list(areas.values()))))}{mean}"


def _by_class(areas: Mapping[str, float]) -> str:
    text = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
    return f"By class: {text}." if len(areas) > 1 else ""


def _reference(label: str) -> Line:
    return Line(_DIAGONAL, _DIAGONAL, label, "quiet", "dot", 1.5, reference=True)
