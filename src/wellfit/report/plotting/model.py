"""The figures of ``clf.plot`` and ``reg.plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from wellfit.charts import (
    Chart,
    agreement_chart,
    embedding_chart,
    learning_charts,
    member_chart,
    precision_recall_chart,
    residual_chart,
    roc_chart,
    shown_metrics,
)
from wellfit.charts.to_matplotlib import cells_size, draw
from wellfit.core.errors import InputError
from wellfit.explanation import permutation_importance
from wellfit.report.coverage import Coverage
from wellfit.report.network_diagram import grouped
from wellfit.report.plotting import classes, inside
from wellfit.report.plotting.canvas import one, several
from wellfit.report.plotting.embedding import embedded_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (5.6, 5.2)


class ModelPlots:
    """Figures of a fitted model, as ``clf.plot``; each returns the Axes that it has drawn on.

    ``ax`` is where to draw, by default on a new figure of pyplot's. Figures of predictions need
    rows ``X`` and their true labels or values ``y``, preferably a test set.

    Args:
        model: an ``MLPClassifier`` or ``MLPRegressor``, or an ensemble of these.

    Raises:
        NotFittedError: by each figure, before ``fit``.
        InputError: a figure is for the other kind of model or for a single network, or ``ax``
            can't be drawn on.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=20, random_state=0).fit(X, y)
    >>> clf.plot.confusion(X, y).get_xlabel()
    'predicted class'
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def learning_curve(self, *, ax: Any = None) -> NDArray[Any]:
        """Draw the loss by epoch, and the accuracy where there is one; return an Axes for each.

        Of an ensemble, all members' curves are drawn.

        Args:
            ax: where to draw: Axes to be divided, or an array of them.
        """
        model = self._fitted()
        members = getattr(model, "estimators_", [model])
        histories = [each.history_ for each in members if shown_metrics(each.history_)]
        if not histories:
            raise InputError(
                f"this {type(model).__name__} has no training history: it was loaded or imported"
            )
        if members == [model]:
            charts = learning_charts(
                model.history_,
                best_epoch=model.best_epoch_,
                averaged=model.network_.n_networks > 1,
            )
        else:
            charts = [member_chart(name, histories) for name in shown_metrics(histories[0])]
        panels = several(ax, (1, len(charts)), len(charts), (5.2, 4.0))
        for axes, chart in zip(panels, charts, strict=True):
            draw(chart, axes)
        return panels

    def confusion(
        self,
        X: Any,
        y: ArrayLike,
        *,
        normalize: Literal["true", "pred", "all"] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the confusion matrix.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their classes.
            normalize: shares of the true classes, the predicted ones, or all rows; else counts.
            ax: where to draw.
        """
        model = self._classifier("confusion", "residuals(X, y)")
        chart = classes.confusion_of(model, X, y, normalize)
        return _drawn(chart, ax, cells_size(chart.x.names))

    def roc(self, X: Any, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
        """Draw the one-vs-rest ROC curve of each class or label.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their classes, or (n_samples, n_labels) of 0 and 1.
            ax: where to draw.
        """
        model = self._classifier("roc", "residuals(X, y)")
        return _drawn(roc_chart(classes.truths(model, X, y))[0], ax)

    def precision_recall(self, X: Any, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
        """Draw the one-vs-rest precision-recall curve of each class or label.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their classes, or (n_samples, n_labels) of 0 and 1.
            ax: where to draw.
        """
        model = self._classifier("precision_recall", "residuals(X, y)")
        return _drawn(precision_recall_chart(classes.truths(model, X, y))[0], ax)

    def calibration(self, X: Any, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
        """Draw the calibration curve: accuracy by predicted probability.

        Of two classes it is the second one's probability, of more that of the predicted class.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their classes, or (n_samples, n_labels) of 0 and 1.
            ax: where to draw.
        """
        model = self._classifier("calibration", "residuals(X, y)")
        return _drawn(classes.calibration_of(model, X, y), ax)

    def coverage(self, X: Any, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
        """Draw the share of rows that intervals or sets hold, by the level asked for.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their classes or values, or (n_samples, n_outputs).
            ax: where to draw.
        """
        return _drawn(Coverage.of_model(self._fitted(), X, y).chart, ax)

    def residuals(
        self,
        X: Any,
        y: ArrayLike,
        *,
        kind: Literal["residual_vs_predicted", "actual_vs_predicted"] = "residual_vs_predicted",
        ax: Any = None,
    ) -> Any:
        """Draw the residuals.

        Args:
            X: (n_samples, n_features) rows.
            y: (n_samples,) their values, or (n_samples, n_outputs).
            kind: the differences, or the true values themselves, against the predicted ones.
            ax: where to draw: for several outputs, Axes to be divided or an array of them.

        Returns:
            Axes; an array of them for several outputs.
        """
        model = self._fitted()
        if is_classifier(model):
            raise _wrong(self._model, "residuals", "regressors", "confusion(X, y)")
        truth = np.asarray(y, dtype=np.float64)
        truth = truth.reshape(len(truth), -1)
        predicted = np.asarray(model.predict(X)).reshape(truth.shape)
        count = truth.shape[1]
        panels = several(ax, (1, count), count, (5.6, 4.6))
        of = residual_chart if kind == "residual_vs_predicted" else agreement_chart
        for place, axes in enumerate(panels):
            suffix = f"{place + 1}" if count > 1 else ""
            draw(of(truth[:, place], predicted[:, place], suffix), axes)
        return panels if count > 1 else panels[0]

    def importance(
        self,
        X: Any,
        y: ArrayLike,
        *,
        scoring: Any = None,
        n_repeats: int = 5,
        top: int = 20,
        random_state: int = 0,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw how much the score falls when a feature's values are shuffled among the rows.

        Bars have 95 % intervals of what other rows of the same kind would show. Correlated
        features can replace each other, so that both look unimportant.

        Args:
            X: (n_samples, n_features) rows.
            y: what is true of them.
            scoring: a scorer by name, or a function; by default log loss or R²: see
                :func:`wellfit.explanation.permutation_importance`.
            n_repeats: how often to shuffle each feature.
            top: how many features to show.
            random_state: seed of the shuffles.
            ax: where to draw.
        """
        found = permutation_importance(
            self._fitted(),
            X,
            y,
            scoring=scoring,
            n_repeats=n_repeats,
            max_rows=None,
            random_state=random_state,
        )
        chart = found.chart_of(top)
        return _drawn(chart, ax, (6.4, 0.32 * len(chart.y.names) + 1.4))

    def weights(self, *, most: int | None = None, ax: Axes | None = None) -> Axes:
        """Draw the first layer's weights: an image for each unit where rows are images.

        Rows are images where the model has an ``image_shape``, or where their columns have no
        names and are a square of 8 or more. Else a table of features and units is drawn.

        Args:
            most: how many units; by default 25 images, or 100 columns of a table.
            ax: where to draw.
        """
        model = _single(self._fitted(), "weights")
        weights = inside.first_weights(model)
        shape = inside.image_shape(model, len(weights))
        if shape is not None:
            axes = one(ax, (6.6, 6.0))
            inside.draw_images(axes, weights, shape, most or 25)
        else:
            axes = one(ax, (6.6, 4.8))
            inside.draw_heat_map(
                axes, weights, inside.input_names(model, len(weights)), most or 100
            )
        return axes

    def embedding(self, X: Any, column: str, *, ax: Axes | None = None) -> Axes:
        """Draw the numbers that a numeric column is embedded in, by the column's value.

        Args:
            X: (n_samples, n_features) rows, whose values are drawn.
            column: its name; ``"x0"``, ``"x1"``… where columns have none.
            ax: where to draw.
        """
        values, numbers = embedded_values(_single(self._fitted(), "embedding"), X, column)
        return _drawn(embedding_chart(values, numbers, column), ax, (6.6, 4.4))

    def network(self, *, ax: Axes | None = None) -> Axes:
        """Draw the layers from left to right, taller where there are more units.

        Args:
            ax: where to draw.
        """
        network = _single(self._fitted(), "network").network_.weights.network
        layers = grouped(network)
        axes = one(ax, (1.5 * len(layers) + 0.6, 3.8))
        inside.draw_network(axes, layers, network.size)
        return axes

    def _fitted(self) -> Any:
        check_is_fitted(self._model)
        return self._model

    def _classifier(self, figure: str, instead: str) -> Any:
        model = self._fitted()
        if not is_classifier(model):
            raise _wrong(self._model, figure, "classifiers", instead)
        return model


def _single(model: Any, figure: str) -> Any:
    """Return a fitted model, which is to be a single network."""
    if hasattr(model, "estimators_"):
        raise InputError(
            f"plot.{figure} is for a single network, and this {type(model).__name__} has "
            f"{len(model.estimators_)}; expected estimators_[0].plot.{figure}()"
        )
    return model


def _drawn(chart: Chart, ax: Axes | None, size: tuple[float, float] = _SIZE) -> Axes:
    """Draw a chart on the axes given, or on a new figure."""
    axes = one(ax, size)
    draw(chart, axes)
    return axes


def _wrong(model: Any, figure: str, wanted: str, instead: str) -> InputError:
    """Return the error of a figure that is for another kind of model."""
    given = type(model).__name__
    return InputError(
        f"plot.{figure} is for {wanted}, and this is a {given}; expected plot.{instead}"
    )
