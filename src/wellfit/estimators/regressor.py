"""The regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import stackable
from wellfit.fitting import NumberTargets


@stackable
class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron that estimates numbers, one or several a row.

    Targets are scaled for training and back in predictions; losses in ``history_`` are of the
    scaled targets: a squared error of 1 is as bad as always saying the mean.

    Args:
        hidden_layer_sizes: units of each hidden layer; ``()`` is a linear model.
        layers: hidden layers one by one, in place of ``hidden_layer_sizes``: numbers of units,
            :class:`~wellfit.nn.Dense` with wishes of its own, other layers of ``wellfit.nn``.
        activation: of the hidden layers, by name or as an object, or one for each.
        initializer: how the weights start, by name or as an object.
        bias_initializer: how the biases start.
        batch_norm: normalize every hidden layer's batch; True or ``"before"`` its activation, or
            ``"after"``.
        dropout: share of hidden units silenced at a step, in [0, 1), or a layer such as
            ``AlphaDropout(0.1)``; ``"auto"`` is 0.1, or 0 where the optimizer is a minimizer.
        input_dropout: share of inputs silenced at a step, in [0, 1).
        input_noise: standard deviation of noise added to scaled inputs at a step, at least 0.
        l1: strength λ of the penalty λ Σ|w| on weights, at least 0; or an
            :class:`~wellfit.optim.L1`, such as ``L1(0.01, decoupled=True)``.
        l2: strength λ of the penalty λ/2 Σw² on weights, at least 0; or an
            :class:`~wellfit.optim.L2`.
        max_norm: longest norm of a hidden unit's incoming weights, above 0; None for no limit.
        loss: by name or as an object; ``"auto"`` is the squared error. ``"quantile"`` estimates
            quantiles, ``"poisson"`` counts; ``"huber"`` doesn't mind outliers.
        optimizer: the update rule, by name or as an object; ``set_params`` reaches into it by
            ``optimizer__learning_rate`` and the like. ``"lbfgs"`` and ``"conjugate_gradient"``
            look at all rows before each move.
        learning_rate: the optimizer's, above 0; ``"auto"`` keeps the optimizer's own.
        lr_schedule: of the learning rate, by name or as an object, e.g. ``"one_cycle"``.
        schedules: of other numbers, by name: ``{"momentum": Ramp(0.5, 1)}``; also of
            ``"dropout"``, ``"l1"`` and ``"l2"``.
        gradient_clipping: the longest norm of the gradients, above 0; or a way of clipping, by
            name or as an object.
        ema_decay: share of averaged weights kept at a step, in [0, 1); they predict. 0 for none.
        batch_size: rows of a step, all rows where there are fewer; ``"auto"`` is a power of 2,
            about a hundredth of the rows, from 16 to 256.
        shuffle: draw the rows of an epoch in another order each time.
        subsample: share of the training rows that is used, in (0, 1].
        epochs: passes over the training rows, at most.
        early_stopping: True or an :class:`~wellfit.training.EarlyStopping`: judge every epoch on
            held-out rows, stop when they no longer improve, keep the best weights.
        validation_fraction: share of the rows held out and judged by, in (0, 1); None holds out a
            tenth if ``early_stopping``, else nothing; nor if its ``monitor`` is ``"loss"``, of
            the training rows.
        scoring: scorers of scikit-learn that judge the held-out rows, one or a list, by name or
            as functions: ``"r2"`` becomes ``history_["val_r2"]``.
        eval_every: epochs from one judgement to the next; the last epoch is always judged.
        augment: random changes of training rows, one or a list, by name or as objects.
        image_shape: (height, width) or (height, width, channels), where ``augment`` has to know;
            bytes (uint8) of that size are pixels.
        preprocess: ``"auto"`` scales, imputes and encodes; None takes numbers as they are.
        callbacks: told of every epoch.
        pretrained: a :class:`~wellfit.transfer.Pretrained`: layers of another model to start from,
            and what of them learns; None to start afresh.
        warm_start: go on from the weights of the last ``fit``. What would need other weights is
            then refused; ``initializer``, ``bias_initializer`` and ``random_state``, by which
            training began, have no effect.
        precision: ``"float32"``, ``"float64"``, ``"bfloat16"`` for rounded matrix products, or
            ``"auto"``: bfloat16 where a short trial finds it faster and no worse.
        device: ``"auto"`` is the GPU where there is one; ``"cpu"``, ``"cuda"``, ``"cuda:1"``…
        n_threads: of the processor, from 1 to 1024; None for as many as PyTorch would take.
        random_state: a whole number makes fits repeatable.
        verbose: 0, or a number from 1 to show progress in a terminal.

    Attributes:
        history_: lists by name (``loss``, ``val_loss``, ``learning_rate``, ``seconds``), a value
            for each epoch.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use.
        n_epochs_: epochs trained.
        n_outputs_: numbers estimated a row.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        precision_: that of the training, where ``precision`` is ``"auto"``.
        pretrained_: with ``pretrained``, what came of it: ``layers`` taken, ``frozen``, ``cached``
            (whether frozen layers were computed once), ``head``, ``model``, and ``tried``, the
            scores behind ``freeze="auto"``.
        sparsity_: the share of weights that are exactly zero; see :meth:`prune`.
        coefs_, intercepts_: the linear layers' weights and biases.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressor(random_state=0).fit(X, y)
    >>> reg.predict(X[:2]).shape
    (2,)
    >>> reg.score(X, y) > 0.4
    True
    """

    target_encoder = NumberTargets

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

    def partial_fit(self, X: Any, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory.

        All rows are trained on, at the optimizer's own learning rate: ``epochs``, ``subsample``,
        ``lr_schedule``, ``schedules``, ``early_stopping``, ``validation_fraction``, ``scoring``,
        ``eval_every`` and ``warm_start`` have no effect. Other parameters are taken up or refused
        as with ``warm_start``.

        The first call's rows and targets set their scales, unless :meth:`fit_preprocessing` was
        called before. A warning tells, once a kind of problem, of rows that these don't fit.
        """
        return self._partial_fit(X, y, sample_weight, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
