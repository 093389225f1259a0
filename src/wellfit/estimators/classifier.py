"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import DataError
from wellfit.core.parameter import parameter
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.calibrating import calibrate
from wellfit.estimators.conformal import Elsewhere, conformalize, predict_set
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.overrides import is_overridden, stackable
from wellfit.estimators.submodels import mean_and_spread
from wellfit.fitting import ClassTargets
from wellfit.nn import Loss
from wellfit.preprocessing import ClassLabels


@stackable
@with_parameters()
class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron for classification.

    Targets are labels of any type; a matrix of 0 and 1, for several labels a row; or
    probabilities of the classes (n_samples, n_classes), rows of sum 1.

    Args:
        {parameters}

    Attributes:
        classes_: the labels, sorted.
        history_: lists by name (``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``,
            ``learning_rate``, ``seconds``; with ``l1`` or ``l2`` also ``objective`` and
            ``val_objective``, the losses with the penalties added), a value for each epoch.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use: the place in ``history_``. Of
            several networks (``bagging``) it is the median, and ``history_`` the mean of theirs.
        n_epochs_: epochs trained; judgements, where ``eval_every`` is in steps.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        precision_: that of the training, where ``precision`` is ``"auto"``.
        pretrained_: with ``pretrained``, what came of it: ``layers`` taken, ``frozen``, ``cached``
            (whether frozen layers were computed once), ``head``, ``model``, and ``tried``, the
            scores behind ``freeze="auto"``.
        temperature_: with ``calibration``, what the logits were divided by; above 1, the network
            was too sure. With ``bagging``, the mean of the networks' own.
        architectures_: with ``architectures``, the name, ``weight`` in the average, ``metric`` and
            its out-of-fold value ``oob`` of each, the estimator's own among them; those that count
            most first. ``history_`` and the like are of its own.
        oob_decision_function_: with ``bagging`` or validated by folds, (n_samples, n_classes):
            probabilities for the rows of ``fit``, each by a network that hasn't seen it; NaN for
            rows of weight 0.
        sparsity_: the share of weights that are exactly zero; see :meth:`prune`.
        coefs_, intercepts_: the linear layers' weights and biases; of several networks that
            are averaged, those of the first.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(random_state=0).fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.score(X, y) > 0.95
    True
    """

    target_encoder = ClassTargets
    refused_parameters: ClassVar[Mapping[str, str]] = {
        "output_activation": "its loss makes probabilities of the output layer's numbers itself, "
        "by softmax or a sigmoid for each; choose by loss, such as "
        "loss='sigmoid_cross_entropy', or a regressor"
    }

    loss: str | Loss = parameter(
        'loss function; by name or as an object; ``"auto"`` is softmax cross-entropy for '
        "classes, sigmoid cross-entropy for several labels a row.",
        default="auto",
        choices=("auto",),
        family=Loss,
    )
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = parameter(
        'weights of the classes; ``"balanced"`` for all classes to count alike.',
        default=None,
        choices=("balanced",),
    )

    calibration: Literal["temperature"] | None = parameter(
        'calibration of the probabilities; ``"temperature"`` divides the logits by the number '
        "that suits the validation rows best, which are held out for it. None for none.",
        default=None,
        choices=("temperature",),
        optional=True,
        group="Validation and stopping",
    )

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return probabilities (n_samples, n_classes), or of each label (n_samples, n_labels).

        Raises:
            NotFittedError: before ``fit``.
        """
        outputs = self.outputs(X)
        return self._targets.probabilities(outputs)

    @property
    def _targets(self) -> ClassTargets:
        targets = self.network_.targets
        assert isinstance(targets, ClassTargets)
        return targets

    def predict_log_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the logarithms of :meth:`predict_proba`."""
        tiny = np.finfo(np.float32).tiny
        return np.log(np.maximum(self.predict_proba(X), tiny))

    calibrate = calibrate
    predict_set = predict_set
    conformalize = conformalize
    predict_interval = Elsewhere(
        "MLPClassifier predicts classes, and intervals are of numbers; expected "
        "predict_set(X, level), or an MLPRegressor"
    )

    def predict_std(self, X: Any) -> NDArray[np.floating]:
        """Return how far the averaged networks disagree about the class that is predicted.

        Returns:
            (n_samples,): the standard deviation of that class's probability over submodels, folds
            and architectures,
            in [0, 0.5]; (n_samples, n_labels) for several labels a row.

        Raises:
            HyperparameterError: a single network, without ``n_submodels`` and ``bagging``.
            NotFittedError: before ``fit``.

        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPClassifier((16,), n_submodels=4, random_state=0).fit(X, y)
        >>> clf.predict_std(X).shape
        (150,)
        """
        check_is_fitted(self, "network_")
        mean, spread = mean_and_spread(self, X, self._targets.probabilities)
        if self._targets.multilabel:
            return spread
        return spread[np.arange(len(spread)), mean.argmax(axis=1)]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most likely class (n_samples,), or a row of 0 and 1 for several labels."""
        probabilities = self.predict_proba(X)
        return self._targets.label(probabilities)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of rows predicted rightly, all labels of a row.

        Where ``y`` holds probabilities, what is right is the likeliest class.
        """
        check_is_fitted(self, "network_")
        labels = self._targets.labels
        if (
            sample_weight is None
            and self._targets.one_label
            and not is_overridden(self, "predict")
        ):
            # scikit-learn would sort the labels of each side, which costs more than predicting.
            with suppress(DataError):  # labels that weren't there in training
                codes, predicted = labels.encode(y), self.predict_proba(X).argmax(axis=1)
                if len(codes) == len(predicted):
                    return float(np.mean(codes == predicted))
        return super().score(X, labels.hard(y), sample_weight)

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory.

        All rows are trained on, at the optimizer's own learning rate: ``epochs``, ``max_steps``,
        ``subsample``, ``lr_schedule``, ``schedules``, ``early_stopping``,
        ``validation_fraction``, ``scoring``, ``eval_every`` and ``warm_start`` have no effect.
        Other parameters are taken up or refused as with ``warm_start``. No rows are set apart for
        ``conformal``: call :meth:`conformalize` with rows that weren't trained on.

        The first call's rows set the medians, levels and so on of all later ones, unless
        :meth:`fit_preprocessing` was called before. A warning is given, once a kind of problem,
        for rows that these don't fit.

        Args:
            X: rows with the columns of the first call.
            y: their labels, or a matrix (n_samples, n_labels) of 0 and 1 or of probabilities.
            classes: at the first call, all labels that will ever come; else those of ``y``. Where
                ``y`` is a matrix, its columns count: ``range(n_labels)``, or all targets.
            sample_weight: (n_samples,), at least 0.

        Raises:
            DataError: other classes than at the first call.
            HyperparameterError: ``fit`` has trained several networks; use ``bagging=None`` there.

        >>> rng = np.random.default_rng(0)
        >>> X, Y = rng.normal(size=(200, 4)), rng.integers(0, 2, size=(200, 3))
        >>> clf = MLPClassifier((8,), random_state=0).partial_fit(X, Y, classes=range(3))
        >>> clf.partial_fit(X, Y).predict(X).shape
        (200, 3)
        """
        return self._partial_fit(X, y, sample_weight, self._every_target(y, classes))

    def _every_target(self, y: ArrayLike, classes: ArrayLike | None) -> ArrayLike:
        """Return what the classes of a first ``partial_fit`` are learned from.

        As for scikit-learn, the columns of a matrix are its labels, whatever ``classes`` says.
        """
        if classes is None:
            return y
        given = ClassLabels.listed(classes)
        if hasattr(self, "network_"):
            self._targets.labels.check_listed(given)
            return y
        shape = ClassLabels.listed(y).shape
        if len(shape) < 2 or shape[1] == 1 or given.ndim == 2:
            return classes
        self.target_encoder.fit(y, self.loss).labels.check_listed(given)
        return y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
