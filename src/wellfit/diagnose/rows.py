"""Checks of rows and targets."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from wellfit.core.hyper import hyper
from wellfit.core.words import percent
from wellfit.datasets.duplicates import duplicate_rows, duplicates_across
from wellfit.diagnose.base import Check, Finding, Outcome, graded
from wellfit.diagnose.context import CheckContext


class DuplicateRows(Check, name="duplicate_rows"):
    """Duplicate rows fall on both sides of a split, and inflate the score.

    Of test rows, those that are among the training rows are counted; without test rows, those
    that equal an earlier row: a random split puts many of them on the other side.
    """

    action: ClassVar[str] = "looked for duplicate rows, above all across the split"
    whole: ClassVar[bool] = True

    warn: float = hyper("share of the rows that is worth a look", default=0.01, low=0, high=1)
    fail: float = hyper("share of test rows that spoils the test", default=0.05, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of duplicate rows; fail where they make the test score meaningless."""
        if hasattr(context.X, "toarray"):
            return None
        if context.X_test is None:
            share = duplicate_rows(context.X) / len(context.X)
            outcome, text = graded(share, self.warn), "of the rows equal an earlier one"
        else:
            share = duplicates_across(context.X, context.X_test) / len(context.X_test)
            outcome = graded(share, self.warn, self.fail)
            text = "of the test rows also occur in the training set"
        return self.finding(
            outcome,
            f"{percent(share) if share else 'none'} {text}",
            "keep one of each before splitting, or split by their origin",
            share=share,
        )


class Imbalance(Check, name="imbalance"):
    """Where one class is rare, always predicting the others is nearly right, and learned first."""

    action: ClassVar[str] = "counted the classes"

    most: float = hyper("largest class over the smallest", default=10.0, low=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of classes that are rare."""
        if not context.classifies:
            return None
        counts = pd.Series(context.targets.tolist()).value_counts()
        ratio = float(counts.iloc[0] / counts.iloc[-1])
        weighed = getattr(context.estimator, "class_weight", None) is not None
        return self.finding(
            Outcome.PASS if weighed else graded(ratio, self.most),
            f"{counts.iloc[0]:,} rows of {counts.index[0]}, {counts.iloc[-1]:,} of "
            f"{counts.index[-1]}" + (", weighted by class_weight" if weighed else ""),
            f"{_QUANTITY if _are_numbers(counts.index) else ''}judge by balanced_accuracy or "
            'average_precision, and try class_weight="balanced"',
            ratio=ratio,
        )


def _are_numbers(labels: pd.Index[Any]) -> bool:
    """Say whether classes may be quantities, such as counts or grades."""
    return len(labels) > 2 and pd.api.types.is_numeric_dtype(labels)


_QUANTITY = (
    "if these classes are a quantity, such as a count or a grade, predict it by MLPRegressor "
    "(`--task regression`); else "
)


class Labels(Check, name="labels"):
    """Suspicious targets: labels that differ only in spelling, rows that contradict each other.

    Also classes of one or two rows, classes of the test rows alone, and extreme numbers.
    """

    action: ClassVar[str] = "looked for suspicious targets"
    whole: ClassVar[bool] = True

    contradicting: float = hyper(
        "share of rows whose features equal another's, but not its label",
        default=0.01,
        low=0,
        high=1,
    )
    far: float = hyper("quartile ranges from the median that are too far", default=25.0, low=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of each kind that is there."""
        if context.targets.ndim > 1:
            return None
        seen = self._of_classes(context) if context.classifies else self._of_numbers(context)
        return self.finding(
            Outcome.WARN if seen else Outcome.PASS,
            "; ".join(seen) if seen else "nothing suspicious",
            "look at these rows, and correct or drop them",
            kinds=len(seen),
        )

    def _of_classes(self, context: CheckContext) -> list[str]:
        counts = pd.Series(context.targets).value_counts()
        seen = []
        texts = pd.Series([str(label) for label in counts.index])
        alike = texts[texts.str.strip().str.lower().duplicated(keep=False)]
        if len(alike):
            seen.append("labels differ only in spelling: " + ", ".join(map(repr, alike[:4])))
        rare = [str(label) for label, count in counts.items() if count < 3]
        if rare:
            seen.append(
                f"{len(rare)} of {len(counts)} classes have 1 or 2 rows, such as {rare[0]}"
            )
        if context.y_test is not None:
            unknown = sorted(set(np.asarray(context.y_test).tolist()) - set(counts.index), key=str)
            if unknown:
                noun = "class" if len(unknown) == 1 else "classes"
                more = f" and {len(unknown) - 4:,} more" if len(unknown) > 4 else ""
                shown = ", ".join(map(repr, unknown[:4]))
                seen.append(f"only the test part has {noun} {shown}{more}")
        share = self._contradictions(context)
        if share > self.contradicting:
            seen.append(
                f"{percent(share)} of the rows have the features of another row, but a different "
                "label"
            )
        return seen

    def _contradictions(self, context: CheckContext) -> float:
        """Return the share of rows that equal another in all but the label."""
        if hasattr(context.X, "toarray"):
            return 0.0
        alone = duplicate_rows(context.X)
        if not alone:
            return 0.0
        labels = pd.factorize(context.targets)[0]
        together = duplicate_rows(context.columns.assign(**{"the label": labels}))
        return (alone - together) / len(labels)

    def _of_numbers(self, context: CheckContext) -> list[str]:
        y = context.targets.astype(float)
        low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])
        if high == low:
            return []
        far = np.flatnonzero(np.abs(y - middle) > self.far * (high - low))
        if not len(far):
            return []
        return [f"{len(far)} of {len(y):,} targets are extreme, such as {y[far[0]]:g}"]
