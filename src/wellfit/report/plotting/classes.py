"""Charts of a classifier's predictions and the true classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.charts import Calibration, Chart, calibration_chart, confusion_chart, cut
from wellfit.core.errors import DataError, InputError
from wellfit.preprocessing import ClassLabels
from wellfit.report.scores import confusion

_MOST_CURVES = 10  # most classes with a curve


def confusion_of(classifier: Any, X: Any, y: ArrayLike, normalize: str | None) -> Chart:
    """Return the confusion matrix, as counts or fractions."""
    truth, predicted = one_class_each(classifier, y), np.asarray(classifier.predict(X))
    classes, counts = confusion(truth, predicted, np.union1d(classifier.classes_, truth).tolist())
    totals: dict[str | None, Any] = {
        "true": counts.sum(axis=1, keepdims=True),
        "pred": counts.sum(axis=0, keepdims=True),
        "all": counts.sum(),
    }
    values = counts / np.maximum(totals[normalize], 1) if normalize in totals else None
    return confusion_chart(counts, [str(name) for name in classes], values)


def calibration_of(classifier: Any, X: Any, y: ArrayLike) -> Chart:
    """Return the calibration curve: accuracy by predicted probability."""
    classes, chances = classifier.classes_, classifier.predict_proba(X)
    if labels_of(classifier).multilabel_:
        return calibration_chart(
            Calibration.of(chances.ravel(), np.asarray(y).ravel() == 1), "a label"
        )
    if len(classes) == 2:
        came = one_class_each(classifier, y) == classes[1]
        return calibration_chart(Calibration.of(chances[:, 1], came), cut(str(classes[1])))
    answers = classes[chances.argmax(axis=1)]
    came = one_class_each(classifier, y) == answers
    return calibration_chart(Calibration.of(chances.max(axis=1), came))


def labels_of(classifier: Any) -> ClassLabels:
    """Return the classes of a fitted classifier, or of an ensemble's first."""
    targets = getattr(classifier, "estimators_", [classifier])[0].network_.targets
    return targets.labels


def one_class_each(classifier: Any, y: ArrayLike) -> NDArray[Any]:
    """Return each row's class.

    Raises:
        InputError: rows have several labels, none, or labels of another type.
    """
    if labels_of(classifier).multilabel_:
        raise InputError(
            "rows have several labels each; expected one class for each row; roc, "
            "precision_recall and calibration take several labels"
        )
    truth = np.asarray(labels_of(classifier).hard(y))
    _check_kind(truth, classifier.classes_.tolist()[0])
    return truth


def _check_kind(labels: NDArray[Any], known: Any) -> None:
    """Check that unknown labels at least have the type of the classes."""
    import pandas as pd

    missing = int(pd.isna(labels).sum())
    if missing:
        raise DataError(f"y has {missing:,} missing labels; expected one class for each row")
    for label in labels.ravel().tolist():
        if isinstance(label, str) != isinstance(known, str):
            raise DataError(
                f"y has labels such as {label!r}, and the classifier those such as {known!r}; "
                "expected labels of the same type"
            )


def truths(
    classifier: Any, X: Any, y: ArrayLike
) -> Mapping[str, tuple[NDArray[np.bool_], NDArray[np.floating]]]:
    """Return which rows are of each class, and their probabilities of it; one for two classes.

    Classes that no row or every row is of have no curve; of many, those with the most rows have.

    Raises:
        InputError: there is none.
    """
    chances, labels = classifier.predict_proba(X), labels_of(classifier)
    columns = range(chances.shape[1])
    if labels.multilabel_:
        truth = np.asarray(y) == 1
    else:
        truth = one_class_each(classifier, y)[:, None] == classifier.classes_
        columns = range(1, 2) if len(classifier.classes_) == 2 else columns
    known = [place for place in columns if 0 < truth[:, place].sum() < len(truth)]
    if not known:
        raise InputError("all rows have the same class; expected at least two classes")
    names = [str(name) for name in (labels.classes_ if len(labels.classes_) else columns)]
    # In their own order.
    largest = sorted(sorted(known, key=lambda place: -truth[:, place].sum())[:_MOST_CURVES])
    return {cut(names[place]): (truth[:, place], chances[:, place]) for place in largest}
