"""Figures of a classifier's answers, as scikit-learn's displays draw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import DataError, InputError
from wellfit.preprocessing import ClassLabels
from wellfit.report.figures import _lighten, _short
from wellfit.report.words import percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 10  # classes with a curve of their own
_MOST_COUNTS = 30  # classes beyond which the cells of a confusion matrix have no numbers
_UPRIGHT = 3  # letters of names that fit below their columns
_BINS = 10


def draw_confusion(
    axes: Axes, classifier: Any, X: Any, y: ArrayLike, normalize: str | None
) -> None:
    """Draw which classes are taken for which."""
    from sklearn.metrics import ConfusionMatrixDisplay

    truth, predicted = one_class_each(classifier, y), classifier.predict(X)
    classes = np.union1d(classifier.classes_, truth)
    ConfusionMatrixDisplay.from_predictions(
        truth,
        np.asarray(predicted),
        labels=classes,
        display_labels=[_short(str(name)) for name in classes],
        normalize=normalize,
        values_format=None if normalize is None else ".0%",
        include_values=len(classes) <= _MOST_COUNTS,
        cmap="Blues",
        ax=axes,
        colorbar=False,
        xticks_rotation="vertical"
        if max(len(str(name)) for name in classes) > _UPRIGHT
        else "horizontal",
    )
    right = int(np.sum(truth == predicted))
    axes.set(xlabel="predicted class", ylabel="true class")
    share = percent(right / len(truth))
    axes.set_title(
        f"{right:,} of {len(truth):,} rows ({share}) are classified correctly", wrap=True
    )


def draw_roc(axes: Axes, classifier: Any, X: Any, y: ArrayLike) -> None:
    """Draw a curve for each class against the rest; one for two classes."""
    from sklearn.metrics import RocCurveDisplay

    areas = []
    for name, truth, chances, look in _curves(classifier, X, y):
        drawn = RocCurveDisplay.from_predictions(
            truth, chances, name=name, ax=axes, curve_kwargs=look
        )
        areas.append(drawn.roc_auc)
    axes.plot([0, 1], [0, 1], "k--", linewidth=1, label="chance")
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.set(xlabel="share of the others taken for it", ylabel="share of the class that is found")
    mean = " on average" if len(areas) > 1 else ""
    axes.set_title(f"Area under the ROC curve: {short(float(np.mean(areas)))}{mean}", wrap=True)
    _lighten(axes)


def draw_precision_recall(axes: Axes, classifier: Any, X: Any, y: ArrayLike) -> None:
    """Draw a curve for each class against the rest; one for two classes."""
    from sklearn.metrics import PrecisionRecallDisplay

    areas = []
    for name, truth, chances, look in _curves(classifier, X, y):
        drawn = PrecisionRecallDisplay.from_predictions(
            truth, chances, name=name, ax=axes, curve_kwargs=look
        )
        areas.append(drawn.average_precision)
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    axes.set(xlabel="recall: share of the class that is found")
    axes.set(ylabel="precision: share of the found that are right")
    mean = " over the classes" if len(areas) > 1 else ""
    axes.set_title(f"Average precision: {short(float(np.mean(areas)))}{mean}", wrap=True)
    _lighten(axes)


def draw_reliability(axes: Axes, classifier: Any, X: Any, y: ArrayLike) -> None:
    """Draw how often answers come true, by the probability that they were given."""
    from sklearn.calibration import CalibrationDisplay

    classes, chances = classifier.classes_, classifier.predict_proba(X)
    if labels_of(classifier).multilabel_:
        came, told, of = np.asarray(y).ravel() == 1, chances.ravel(), "a label"
    elif len(classes) == 2:
        came, told = one_class_each(classifier, y) == classes[1], chances[:, 1]
        of = _short(str(classes[1]))
    else:
        answers = classes[chances.argmax(axis=1)]
        came, told = one_class_each(classifier, y) == answers, chances.max(axis=1)
        of = "the predicted class"
    told = np.clip(told, 0, 1)
    CalibrationDisplay.from_predictions(came, told, n_bins=_BINS, ax=axes, name="the model")
    axes.set(xlabel=f"mean probability of {of}", ylabel="share of rows where it came true")
    axes.set_title(
        f"Probabilities are off by {percent(calibration_error(came, told))} on average", wrap=True
    )
    _lighten(axes)


def calibration_error(came: NDArray[np.bool_], told: NDArray[np.floating]) -> float:
    """Return the mean distance, over ten bins by size, of probabilities from what came true.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

    >>> calibration_error(np.array([True, False]), np.array([0.9, 0.9]))
    0.4
    """
    bins = np.minimum((told * _BINS).astype(int), _BINS - 1)
    off = np.bincount(bins, told, _BINS) - np.bincount(bins, came, _BINS)
    return float(np.abs(off).sum() / len(told))


def labels_of(classifier: Any) -> ClassLabels:
    """Return the classes of a fitted classifier, or of an ensemble's first."""
    targets = getattr(classifier, "estimators_", [classifier])[0].network_.targets
    labels: ClassLabels = targets.labels
    return labels


def one_class_each(classifier: Any, y: ArrayLike) -> NDArray[Any]:
    """Return each row's class.

    Raises:
        InputError: rows have several labels, none, or labels of another type.
    """
    if labels_of(classifier).multilabel_:
        raise InputError(
            "rows have several labels each; expected one class a row: roc, precision_recall and "
            "calibration take several labels"
        )
    truth = np.asarray(labels_of(classifier).hard(y))
    _check_kind(truth, classifier.classes_.tolist()[0])
    return truth


def _check_kind(labels: NDArray[Any], known: Any) -> None:
    """Take labels that weren't learned, but only those that could have been."""
    import pandas as pd

    missing = int(pd.isna(labels).sum())
    if missing:
        raise DataError(f"y has {missing:,} missing labels; expected one class a row")
    for label in labels.ravel().tolist():
        if isinstance(label, str) != isinstance(known, str):
            raise DataError(
                f"y has labels such as {label!r}, and the classifier those such as {known!r}; "
                "expected labels of the same type"
            )


def _curves(
    classifier: Any, X: Any, y: ArrayLike
) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.floating], dict[str, Any]]]:
    """Yield classes that some rows have and others don't: name, truth, probabilities, look.

    Raises:
        InputError: there is none.
    """
    import matplotlib

    chances, labels = classifier.predict_proba(X), labels_of(classifier)
    columns = range(chances.shape[1])
    if labels.multilabel_:
        truth = np.asarray(y) == 1
    else:
        truth = one_class_each(classifier, y)[:, None] == classifier.classes_
        columns = range(1, 2) if len(classifier.classes_) == 2 else columns
    known = [place for place in columns if 0 < truth[:, place].sum() < len(truth)]
    if not known:
        raise InputError("all rows are of one class; expected rows of two at least")
    names = [str(name) for name in (labels.classes_ if len(labels.classes_) else columns)]
    # The classes of the most rows, in their own order.
    largest = sorted(sorted(known, key=lambda place: -truth[:, place].sum())[:_MOST_CURVES])
    palette = matplotlib.colormaps["tab10"]
    for rank, place in enumerate(largest):
        look = {"color": palette(rank), "linewidth": 1.6}
        name = _short(names[place])
        # Legends leave out what begins with an underscore.
        yield (
            f" {name}" if name.startswith("_") else name,
            truth[:, place],
            chances[:, place],
            look,
        )
