"""The regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.core.parameter import parameter
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.conformal import (
    Elsewhere,
    conformalize,
    predict_interval,
)
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.overrides import stackable
from wellfit.estimators.submodels import mean_and_spread
from wellfit.fitting import NumberTargets
from wellfit.nn import Activation, Loss


@stackable
@with_parameters()
class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron for regression: one number a row, or several.

    Targets are scaled for training and back in predictions; losses in ``history_`` are of the
    scaled targets: a squared error of 1 is as bad as always saying the mean.

    Args:
        {parameters}

    Attributes:
        history_: lists by name (``loss``, ``val_loss``, ``learning_rate``, ``seconds``; with
            ``l1`` or ``l2`` also ``objective`` and ``val_objective``, the losses with the
            penalties added), a value for each epoch.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use: the place in ``history_``. Of
            several networks (``bagging``) it is the median, and ``history_`` the mean of theirs.
        n_epochs_: epochs trained; judgements, where ``eval_every`` is in steps.
        n_outputs_: numbers estimated a row.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        precision_: that of the training, where ``precision`` is ``"auto"``.
        pretrained_: with ``pretrained``, what came of it: ``layers`` taken, ``frozen``, ``cached``
            (whether frozen layers were computed once), ``head``, ``model``, and ``tried``, the
            scores behind ``freeze="auto"``.
        architectures_: with ``architectures``, the name, ``weight`` in the average, ``metric`` and
            its out-of-fold value ``oob`` of each, the estimator's own among them; those that count
            most first. ``history_`` and the like are of its own.
        oob_prediction_: with ``bagging`` or validated by folds, (n_samples,) or (n_samples,
            n_outputs): estimates for the rows of ``fit``, each by a network that hasn't seen it;
            NaN for rows of weight 0.
        sparsity_: the share of weights that are exactly zero; see :meth:`prune`.
        coefs_, intercepts_: the linear layers' weights and biases; of several networks that
            are averaged, those of the first.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressor(random_state=0).fit(X, y)
    >>> reg.predict(X[:2]).shape
    (2,)
    >>> reg.score(X, y) > 0.4
    True
    """

    target_encoder = NumberTargets

    loss: str | Loss = parameter(
        'loss function; by name or as an object; ``"auto"`` is the squared error. ``"quantile"`` '
        'estimates quantiles, ``"poisson"`` counts; ``"huber"`` is robust to outliers.',
        default="auto",
        choices=("auto",),
        family=Loss,
    )

    output_activation: str | Activation | None = parameter(
        'activation function of the output layer; ``"tanh"`` for targets from -1 to 1, '
        '``"sigmoid"`` from 0 to 1, ``"relu"`` from 0; None for numbers of any size.',
        default=None,
        family=Activation,
        group="Network",
    )

    clip_predictions: bool = parameter(
        "keep predictions within the range of the training rows' targets; quantiles aren't.",
        default=False,
        flag=True,
    )

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Return estimates (n_samples,), or (n_samples, n_outputs) where y had several columns.

        What is estimated is the loss's matter: the mean, the median, the middle quantile…

        Raises:
            NotFittedError: before ``fit``.
        """
        outputs = self.outputs(X)
        return self._targets.decode(outputs)

    @property
    def _targets(self) -> NumberTargets:
        targets = self.network_.targets
        assert isinstance(targets, NumberTargets)
        return targets

    def predict_quantiles(self, X: Any) -> NDArray[np.floating]:
        """Return each target's quantiles, rising; of models trained with ``loss="quantile"``.

        Returns:
            (n_samples, n_quantiles), or (n_samples, n_outputs, n_quantiles) where y had several
            columns. ``predict`` returns the one nearest to the median.

        Raises:
            HyperparameterError: another loss, which estimates no quantiles.
            NotFittedError: before ``fit``.

        >>> from sklearn.datasets import load_diabetes
        >>> from wellfit.nn import Quantile
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = MLPRegressor(loss=Quantile((0.1, 0.5, 0.9)), random_state=0).fit(X, y)
        >>> low, middle, high = reg.predict_quantiles(X).T
        >>> bool((low <= middle).all() and (middle <= high).all())
        True
        """
        check_is_fitted(self, "network_")
        self._targets.check_quantiles()
        return self._targets.quantiles(self.outputs(X))

    predict_interval = predict_interval
    conformalize = conformalize
    predict_set = Elsewhere(
        "MLPRegressor predicts numbers, and sets are of classes; expected "
        "predict_interval(X, level), or an MLPClassifier"
    )

    def predict_std(self, X: Any) -> NDArray[np.floating]:
        """Return the standard deviation of submodels, folds and architectures, in y's units.

        It is shaped like ``predict``, and shows how far networks disagree that predict by their
        mean; it says nothing of the noise in y itself.

        Raises:
            HyperparameterError: a single network, without ``n_submodels`` and ``bagging``.
            NotFittedError: before ``fit``.

        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = MLPRegressor((16,), n_submodels=4, random_state=0).fit(X, y)
        >>> bool((reg.predict_std(X) > 0).all())
        True
        """
        check_is_fitted(self, "network_")
        return mean_and_spread(self, X, self._targets.decode)[1]

    def partial_fit(self, X: Any, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory.

        All rows are trained on, at the optimizer's own learning rate: ``epochs``, ``max_steps``,
        ``subsample``, ``lr_schedule``, ``schedules``, ``early_stopping``,
        ``validation_fraction``, ``scoring``, ``eval_every`` and ``warm_start`` have no effect.
        Other parameters are taken up or refused as with ``warm_start``. No rows are set apart for
        ``conformal``: call :meth:`conformalize` with rows that weren't trained on.

        The first call's rows and targets set their scales, unless :meth:`fit_preprocessing` was
        called before. A warning is given, once a kind of problem, for rows that these don't fit.

        Raises:
            HyperparameterError: ``fit`` has trained several networks; use ``bagging=None`` there.
        """
        return self._partial_fit(X, y, sample_weight, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
