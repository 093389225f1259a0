"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.augment import Augmentation
from wellfit.core.errors import DataError
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import is_overridden, stackable
from wellfit.fitting import ClassTargets
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.nn import Activation, HiddenLayer, Initializer, Layer, Loss
from wellfit.optim import L1, L2, Clipping, Optimizer, Schedule
from wellfit.preprocessing import ClassLabels
from wellfit.training import Callback, EarlyStopping


@stackable
class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart.

    Targets are labels of any type; a matrix of 0 and 1, for several labels a row; or
    probabilities of the classes (n_samples, n_classes), rows of sum 1.

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
        loss: by name or as an object; ``"auto"`` is softmax cross-entropy for classes, sigmoid
            cross-entropy for several labels a row.
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
        validation_fraction: share of the rows held out and judged by, in (0, 1), each class in
            its share; None holds out a tenth if ``early_stopping``, else nothing; nor if its
            ``monitor`` is ``"loss"`` or ``"accuracy"``, of the training rows.
        scoring: scorers of scikit-learn that judge the held-out rows, one or a list, by name or
            as functions: ``"roc_auc"`` becomes ``history_["val_roc_auc"]``.
        eval_every: epochs from one judgement to the next; the last epoch is always judged.
        augment: random changes of training rows, one or a list, by name or as objects.
        image_shape: (height, width) or (height, width, channels), where ``augment`` has to know;
            bytes (uint8) of that size are pixels.
        class_weight: weights of the classes, ``"balanced"`` for all classes to count alike.
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
        classes_: the labels, sorted.
        history_: lists by name (``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``,
            ``learning_rate``, ``seconds``), a value for each epoch.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use.
        n_epochs_: epochs trained.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        precision_: that of the training, where ``precision`` is ``"auto"``.
        pretrained_: with ``pretrained``, what came of it: ``layers`` taken, ``frozen``, ``cached``
            (whether frozen layers were computed once), ``head``, ``model``, and ``tried``, the
            scores behind ``freeze="auto"``.
        sparsity_: the share of weights that are exactly zero; see :meth:`prune`.
        coefs_, intercepts_: the linear layers' weights and biases.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(random_state=0).fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.score(X, y) > 0.95
    True
    """

    target_encoder = ClassTargets

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (256, 256),
        *,
        layers: Sequence[int | HiddenLayer | Layer] | None = None,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        batch_norm: bool | Literal["before", "after"] = False,
        dropout: float | Layer | Literal["auto"] = "auto",
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        l1: float | L1 = 0.0,
        l2: float | L2 = 0.0,
        max_norm: float | None = None,
        loss: str | Loss = "auto",
        optimizer: str | Optimizer = "adam",
        learning_rate: float | Literal["auto"] = "auto",
        lr_schedule: str | Schedule = "one_cycle",
        schedules: Mapping[str, str | Schedule] | None = None,
        gradient_clipping: float | str | Clipping | None = None,
        ema_decay: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        subsample: float = 1.0,
        epochs: int = 40,
        early_stopping: bool | EarlyStopping = True,
        validation_fraction: float | None = None,
        scoring: Any = None,
        eval_every: int = 1,
        augment: str | Augmentation | Sequence[str | Augmentation] = (),
        image_shape: Sequence[int] | None = None,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        preprocess: Literal["auto"] | None = "auto",
        callbacks: Sequence[Callback] = (),
        pretrained: PretrainedLayers | None = None,
        warm_start: bool = False,
        precision: str = "float32",
        device: str = "auto",
        n_threads: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            hidden_layer_sizes, layers=layers, activation=activation, initializer=initializer,
            bias_initializer=bias_initializer, batch_norm=batch_norm, dropout=dropout,
            input_dropout=input_dropout, input_noise=input_noise, l1=l1, l2=l2, max_norm=max_norm,
            loss=loss, optimizer=optimizer, learning_rate=learning_rate,
            lr_schedule=lr_schedule, schedules=schedules,
            gradient_clipping=gradient_clipping, ema_decay=ema_decay, batch_size=batch_size,
            shuffle=shuffle, subsample=subsample, epochs=epochs, early_stopping=early_stopping,
            validation_fraction=validation_fraction, scoring=scoring, eval_every=eval_every,
            augment=augment, image_shape=image_shape, preprocess=preprocess, callbacks=callbacks,
            pretrained=pretrained, warm_start=warm_start, precision=precision, device=device,
            n_threads=n_threads, random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

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
        accuracy: float = super().score(X, labels.hard(y), sample_weight)
        return accuracy

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory.

        All rows are trained on, at the optimizer's own learning rate: ``epochs``, ``subsample``,
        ``lr_schedule``, ``schedules``, ``early_stopping``, ``validation_fraction``, ``scoring``,
        ``eval_every`` and ``warm_start`` have no effect. Other parameters are taken up or refused
        as with ``warm_start``.

        The first call's rows set the medians, levels and so on of all later ones, unless
        :meth:`fit_preprocessing` was called before. A warning tells, once a kind of problem, of
        rows that these don't fit.

        Args:
            X: rows with the columns of the first call.
            y: their labels, or a matrix (n_samples, n_labels) of 0 and 1 or of probabilities.
            classes: at the first call, all labels that will ever come; else those of ``y``. Where
                ``y`` is a matrix, its columns count: ``range(n_labels)``, or all targets.
            sample_weight: (n_samples,), at least 0.

        Raises:
            DataError: other classes than at the first call.

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
