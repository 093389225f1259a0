"""Metrics as values: which way is better, and how a figure is titled and printed.

A metric is found by its name: the engine's (``"val_loss"``), scikit-learn's scorers' (``"r2"``,
``"neg_log_loss"``) or the one that tables show (``"R²"``, ``"test accuracy"``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from wellfit.core import registry
from wellfit.core.words import percent, short

Style = Literal["percent", "score", "number", "seconds"]

# Which rows a name's prefix means; without a prefix they are the training rows.
ROWS = {"val": "validation", "validation": "validation", "test": "test", "training": "training"}
_PREFIX = re.compile(rf"({'|'.join(ROWS)})[_ ](.+)")
# How scikit-learn averages over classes, at the end of a scorer's name.
_AVERAGE = re.compile(r"(.+?)_(macro|micro|weighted|samples|(?:ovr|ovo)(?:_weighted)?)")
_COST = re.compile(r"(.*_)?(loss|error|deviance)")
_SCORE_DIGITS, _PERCENT_DIGITS, _NUMBER_DIGITS = 3, 1, 3


@dataclass(frozen=True)
class Metric:
    """A figure by which networks are judged.

    Attributes:
        name: what it was asked for by, without the rows that it is of.
        title: what to call it, in plain words.
        higher_is_better: whether larger values are better; of costs they are not.
        style: ``"percent"`` for shares of rows, ``"score"`` for what is 1 at best, ``"seconds"``,
            and ``"number"`` for what has a scale of its own.

    >>> accuracy, cost = Metric.of("val_accuracy"), Metric.of("log loss")
    >>> accuracy.format(0.97493), accuracy.format_difference(-0.012), accuracy.label
    ('97.5 %', '-1.2 percentage points', 'accuracy (%)')
    >>> cost.format(0.23456), cost.higher_is_better, Metric.of("neg_log_loss").higher_is_better
    ('0.235', False, True)
    """

    name: str
    title: str
    higher_is_better: bool = True
    style: Style = "number"

    @classmethod
    def of(cls, name: str) -> Metric:
        """Return the metric of this name; one that nobody knows is a number.

        What follows a comma says more of the rows or the outputs, and not of the metric.

        >>> Metric.of("R², output 2").title, Metric.of("f1_macro").title, Metric.of("mine").title
        ('R²', 'F1 score (macro)', 'mine')
        """
        bare = split_rows(name.partition(",")[0])[0]
        # "R²", "r2", "log loss" and "log-loss" are spellings of one name.
        key = re.sub(r"[\s-]+", "_", bare.lower().replace("²", "2"))
        metric = _found(key)
        return replace(metric, name=bare, title=metric.title or bare.replace("_", " "))

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is: times a value, it ranks from bad to good.

        scikit-learn's scorers have the same, as ``_sign``.
        """
        return 1 if self.higher_is_better else -1

    @property
    def is_share(self) -> bool:
        """Whether it is a share of rows, printed in per cent."""
        return self.style == "percent"

    @property
    def label(self) -> str:
        """The title with its unit, for an axis."""
        units = {"percent": " (%)", "seconds": " (s)"}
        return self.title + units.get(self.style, "")

    @property
    def scale(self) -> int:
        """The factor on values for an axis with this label: shares are in per cent."""
        return 100 if self.is_share else 1

    def format(self, value: float | None, more: int = 0) -> str:
        """Return a value as it is printed, a dash for None.

        Args:
            value: in its own unit; shares from 0 to 1.
            more: digits beyond the usual ones, for tables that compare close values.

        >>> Metric.of("r2").format(0.85), Metric.of("accuracy").format(0.98155, more=1)
        ('0.850', '98.16 %')
        """
        if value is None:
            return "–"
        return _PRINT[self.style](value, more) if math.isfinite(value) else f"{value:g}"

    def format_interval(self, low: float | None, high: float | None) -> str:
        """Return the bounds of a value as text; empty unless both are known.

        >>> Metric.of("accuracy").format_interval(0.4, 0.6)
        '40.0 % to 60.0 %'
        >>> Metric.of("accuracy").format_interval(None, None)
        ''
        """
        ends = [end for end in (low, high) if end is not None and math.isfinite(end)]
        return " to ".join(map(self.format, ends)) if len(ends) == 2 else ""

    def format_difference(self, difference: float, more: int = 0) -> str:
        """Return how far two values are apart, with its sign.

        >>> Metric.of("loss").format_difference(0.0125)
        '+0.0125'
        """
        if not self.is_share:
            return ("+" if difference >= 0 else "") + self.format(difference, more)
        return f"{100 * difference:+.{_PERCENT_DIGITS + more}f} percentage points"


def split_rows(name: str) -> tuple[str, str]:
    """Return a metric's name, and the rows that it is of.

    >>> split_rows("val_roc_auc"), split_rows("test accuracy"), split_rows("loss")
    (('roc_auc', 'validation'), ('accuracy', 'test'), ('loss', 'training'))
    """
    found = _PREFIX.fullmatch(name)
    return (found[2], ROWS[found[1]]) if found else (name, "training")


def title_of(name: str, of: str = "") -> str:
    """Return what to call a metric of some rows; those that were trained on go without saying.

    Args:
        name: of the metric; what follows a comma says more of it.
        of: the class that it is a metric of, if it is one class's.

    >>> title_of("val_roc_auc"), title_of("learning_rate"), title_of("f1", "yes")
    ('validation ROC AUC', 'learning rate', 'F1 score (yes)')
    >>> title_of("r2, output 2")
    'R², output 2'
    """
    rows, (_, comma, more) = split_rows(name)[1], name.partition(",")
    title = ("" if rows == "training" else f"{rows} ") + Metric.of(name).title + comma + more
    return f"{title} ({of})" if of else title


def _score(value: float, more: int) -> str:
    digits = _SCORE_DIGITS + more
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: never "-0.000"


_PRINT: dict[str, Callable[[float, int], str]] = {
    "percent": lambda value, more: percent(value, _PERCENT_DIGITS + more),
    "score": _score,
    "number": lambda value, more: short(value, _NUMBER_DIGITS + more),
    "seconds": lambda value, more: f"{short(value, _NUMBER_DIGITS + more)} s",
}


def _found(key: str) -> Metric:
    """Return the metric of a name in lower case, its words joined by underscores."""
    if key in _KNOWN:
        return _KNOWN[key]
    if registry.is_registered("scorer", key):
        scorer: Any = registry.lookup("scorer", key)
        return Metric(key, scorer.title, style=scorer.style)
    # scikit-learn negates costs so that higher is better for every scorer.
    if key.startswith("neg_"):
        cost = _found(key.removeprefix("neg_"))
        return replace(
            cost,
            title=f"negative {cost.title or cost.name}",
            higher_is_better=not cost.higher_is_better,
        )
    averaged = _AVERAGE.fullmatch(key)
    if averaged and averaged[1] in _KNOWN:
        one = _KNOWN[averaged[1]]
        return replace(one, title=f"{one.title} ({averaged[2].replace('_', ', ')})")
    return Metric(key, "", not _COST.fullmatch(key))


def _table(style: Style, higher: bool, **titles: str) -> dict[str, Metric]:
    return {name: Metric(name, title, higher, style) for name, title in titles.items()}


_KNOWN: dict[str, Metric] = {
    **_table(
        "percent",
        True,
        accuracy="accuracy",
        label_accuracy="label accuracy",
        balanced_accuracy="balanced accuracy",
        top_k_accuracy="top-k accuracy",
    ),
    **_table(
        "score",
        True,
        r2="R²",
        d2="D²",
        d2_absolute_error_score="D² of the absolute error",
        d2_brier_score="D² of the Brier score",
        d2_log_loss_score="D² of the log loss",
        explained_variance="explained variance",
        roc_auc="ROC AUC",
        average_precision="average precision",
        precision="precision",
        recall="recall",
        f1="F1 score",
        jaccard="Jaccard index",
        matthews_corrcoef="Matthews correlation coefficient",
    ),
    **_table(
        "number",
        False,
        loss="loss",
        objective="loss and penalties",
        log_loss="log loss",
        brier_score="Brier score",
        rmse="RMSE",
        root_mean_squared_error="RMSE",
        mae="MAE",
        mean_absolute_error="MAE",
        mse="mean squared error",
        mean_absolute_percentage_error="mean absolute percentage error",
        negative_likelihood_ratio="negative likelihood ratio",
    ),
    **_table("seconds", False, seconds="time"),
}
