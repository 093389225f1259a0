"""Networks that learn to say what they were told, through a narrow or a noisy passage."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _num_samples, check_is_fitted
from torch import Tensor

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.hyper import Config, resolve
from wellfit.estimators import persistence
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.tables import Table
from wellfit.nn import (
    Activation,
    Dense,
    HiddenLayer,
    Initializer,
    Layer,
    Linear,
    Loss,
    MaskingNoise,
    SigmoidCrossEntropy,
    SquaredError,
)
from wellfit.optim import L2, Clipping, Optimizer, Schedule
from wellfit.training import Callback, EarlyStopping, Result
from wellfit.transfer.interop.parts import Part, at_work, parts_of
from wellfit.transfer.pretraining.base import Coding
from wellfit.transfer.pretraining.coding import checked_codes, computed, dense, in_units


class MLPAutoencoder(Coding, BaseMLP):
    """A network that learns codes of rows, from which the rows can be told again.

    The encoder's layers make the code, the decoder's mirror them. With fewer units than columns a
    code is a summary; with ``noise`` (a denoising autoencoder) rows are told from what is left of
    them, so that even a wide code has to hold what columns have to do with one another.

    Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    2006; Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders",
    2010.

    Args:
        hidden_layer_sizes: units of the encoder's layers, the code last.
        noise: share of inputs hidden at a step of training, in [0, 1); or a layer that disturbs
            them, such as ``GaussianNoise(0.3)``.
        activation: of the hidden layers, by name or as an object, or one for each layer of the
            encoder: ``["relu", "identity"]`` makes the code linear.
        initializer: how the weights start, by name or as an object.
        bias_initializer: how the biases start.
        batch_norm: normalize every hidden layer's batch; True or ``"before"`` its activation, or
            ``"after"``.
        dropout: share of hidden units silenced at a step, in [0, 1), or a layer such as
            ``AlphaDropout(0.1)``.
        l2: strength λ of the penalty λ/2 Σw² on weights, at least 0; or an
            :class:`~wellfit.optim.L2`.
        loss: by name or as an object; ``"auto"`` is ``"sigmoid_cross_entropy"`` for pixels, each
            being taken for a probability of light, and the squared error for all else.
        optimizer: the update rule, by name or as an object.
        lr_schedule: of the learning rate, by name or as an object.
        gradient_clipping: the longest norm of the gradients, above 0; or a way of clipping, by
            name or as an object.
        batch_size: rows of a step; ``"auto"`` is a power of 2, about a hundredth of the rows,
            from 16 to 256.
        epochs: passes over the training rows, at most.
        early_stopping: True or an :class:`~wellfit.training.EarlyStopping`: judge every epoch on
            held-out rows, stop when they are no longer told better, keep the best weights.
        validation_fraction: share of the rows held out and judged by, in (0, 1); None holds out a
            tenth if ``early_stopping``, else nothing.
        preprocess: ``"auto"`` scales, imputes and encodes; None takes numbers as they are.
        callbacks: told of every epoch.
        warm_start: go on from the weights of the last ``fit``.
        precision: ``"float32"``, ``"float64"``, ``"bfloat16"`` for rounded matrix products, or
            ``"auto"``.
        device: ``"auto"`` is the GPU where there is one; ``"cpu"``, ``"cuda"``, ``"cuda:1"``…
        n_threads: of the processor, from 1 to 1024; None for as many as PyTorch would take.
        random_state: a whole number makes fits repeatable.
        verbose: 0, or a number from 1 to show progress in a terminal.

    Attributes:
        history_: lists by name (``loss``, ``val_loss``, ``learning_rate``, ``seconds``), a value
            for each epoch; losses of held-out rows are without noise.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use.
        n_epochs_: epochs trained.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        coefs_, intercepts_: the linear layers' weights and biases, the decoder's last.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> coder = MLPAutoencoder((64, 16), random_state=0).fit(X)
    >>> coder.transform(X).shape, coder.reconstruct(X).shape
    ((1797, 16), (1797, 64))
    >>> bool(coder.reconstruction_error(X).mean() < 0.02)
    True
    """

    _configs: ClassVar[Mapping[str, type[Config]]] = {
        "activation": Activation,
        "initializer": Initializer,
        "bias_initializer": Initializer,
        "loss": Loss,
        "optimizer": Optimizer,
        "lr_schedule": Schedule,
        "gradient_clipping": Clipping,
        "early_stopping": EarlyStopping,
    }

    # What other estimators are told, and autoencoders aren't.
    input_dropout = input_noise = l1 = ema_decay = 0.0
    learning_rate = "auto"
    max_norm = schedules = scoring = image_shape = pretrained = None
    augment = ()
    shuffle, subsample, eval_every = True, 1.0, 1

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64,),
        *,
        noise: float | str | Layer = 0.0,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        batch_norm: bool | Literal["before", "after"] = False,
        dropout: float | Layer = 0.0,
        l2: float | L2 = 0.0,
        loss: str | Loss = "auto",
        optimizer: str | Optimizer = "adam",
        lr_schedule: str | Schedule = "one_cycle",
        gradient_clipping: float | str | Clipping | None = None,
        batch_size: int | Literal["auto"] = "auto",
        epochs: int = 40,
        early_stopping: bool | EarlyStopping = True,
        validation_fraction: float | None = None,
        preprocess: Literal["auto"] | None = "auto",
        callbacks: Sequence[Callback] = (),
        warm_start: bool = False,
        precision: str = "float32",
        device: str = "auto",
        n_threads: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes, self.noise = hidden_layer_sizes, noise
        self.activation, self.batch_norm = activation, batch_norm
        self.initializer, self.bias_initializer = initializer, bias_initializer
        self.dropout, self.l2 = dropout, l2
        self.loss, self.optimizer, self.lr_schedule = loss, optimizer, lr_schedule
        self.gradient_clipping, self.batch_size = gradient_clipping, batch_size
        self.epochs, self.early_stopping = epochs, early_stopping
        self.validation_fraction = validation_fraction
        self.preprocess, self.callbacks = preprocess, callbacks
        self.warm_start, self.verbose = warm_start, verbose
        self.precision, self.device, self.n_threads = precision, device, n_threads
        self.random_state = random_state

    # Fitting.

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn to tell rows from their codes, from fresh weights unless ``warm_start``.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: not used.
            sample_weight: (n_samples,), at least 0; a row of weight 0 counts as absent.
            X_val: rows to judge every epoch by, like X; else some of X's may be held out.
            resume_from: checkpoints of an earlier fit to go on from; see
                :class:`~wellfit.training.Checkpoint`.

        Returns:
            The autoencoder itself.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        return super().fit(
            X,
            _nothing(X),
            sample_weight=sample_weight,
            X_val=X_val,
            y_val=None if X_val is None else _nothing(X_val),
            resume_from=resume_from,
        )

    def partial_fit(
        self, X: Any, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory; no early stopping."""
        nothing = _nothing(X)
        return self._partial_fit(X, nothing, sample_weight, nothing)

    # Coding.

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the rows' codes, (n_samples, units of the code).

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_weights")
        return computed(self.parts(), self._read(X), self, brightest=self._inputs.brightest)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the rows that codes stand for, (n_samples, n_inputs).

        They are in the units that rows came in: pixels from 0 to the brightest. Of a table with
        text or gaps they are the columns that its preprocessing makes; of numbers in their own
        units, of categories as shares from 0 to 1.

        Args:
            X: (n_samples, units of the code) as :meth:`transform` returns them.

        Raises:
            DataError: codes of another width, or that aren't finite numbers.
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_weights")
        codes = checked_codes(X, self._n_features_out)
        rows = computed(self._halves()[1], codes, self, link=self._resolve_loss().predict)
        return in_units(rows, self._inputs)

    def reconstruct(self, X: Any) -> NDArray[np.floating]:
        """Return what the network makes of rows: ``inverse_transform(transform(X))``.

        Raises:
            NotFittedError: before ``fit``.
        """
        return in_units(self._predict_outputs(X), self._inputs)

    def reconstruction_error(self, X: Any) -> NDArray[np.floating]:
        """Return how far each row is from what the network makes of it, (n_samples,).

        The mean of the squared differences, of numbers as the network reads them: scaled, pixels
        from 0 to 1. Rows unlike those of training have large ones.

        Raises:
            NotFittedError: before ``fit``.
        """
        told = self._predict_outputs(X)
        errors: NDArray[np.floating] = np.square(told - self._target(self._read(X))).mean(axis=1)
        return errors

    def parts(self) -> list[Part]:
        """Return the encoder's layers with what they have learned, the first first.

        Raises:
            NotFittedError: before ``fit``.
        """
        return self._halves()[0]

    @classmethod
    def _rebuilt(cls, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return the autoencoder that a folder holds."""
        own = cls(**persistence.restored(cls, document.get("params")))
        coder = persistence.filled(own, document, tensors)
        coder._width = coder._weights.network.inputs
        return coder

    # What the base asks.

    @property
    def layers(self) -> list[HiddenLayer | Layer]:  # type: ignore[override]
        """The noise, the encoder's layers and the decoder's but for its last."""
        sizes = self._sizes()
        pairs = list(zip(sizes, each_activation(self.activation, len(sizes)), strict=True))
        mirrored = [*pairs, *pairs[-2::-1]]
        return [*noises(self.noise), *(Dense(size, function) for size, function in mirrored)]

    def _halves(self) -> tuple[list[Part], list[Part]]:
        """Return the encoder's layers and the decoder's, of those that are at work."""
        check_is_fitted(self, "_weights")
        parts = at_work(parts_of(self._weights))
        linear = [place for place, part in enumerate(parts) if isinstance(part.layer, Linear)]
        middle = linear[len(linear) // 2]
        return parts[:middle], parts[middle:]

    def _fit_targets(self, y: ArrayLike) -> NDArray[Any]:
        nothing = np.asarray(y)
        if len(nothing) < 2:
            raise DataError("n_samples = 1: expected at least two rows")
        return nothing

    def _read_targets(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        return np.asarray(y)

    def _encode_targets(self, y: ArrayLike) -> NDArray[Any]:
        return np.asarray(y)

    def _outputs(self) -> int:
        return self._width

    def _strata(self, y: NDArray[Any]) -> None:
        return None

    def _table(self, x: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> Table:
        numbers = self._numbers(x)
        self._width = numbers.shape[1]
        return Table(numbers, self._checked_target(numbers), weight)

    def _append_validation(
        self, table: Table, X_val: Any, y_val: ArrayLike | None
    ) -> tuple[Table, NDArray[np.int64]]:
        x, before = self._read(X_val), len(table.y)
        more = table.with_more(x, self._checked_target(x))
        return more, np.arange(before, len(more.y))

    def _checked_target(self, numbers: Any) -> NDArray[np.floating]:
        target, loss = self._target(numbers), self._resolve_loss()
        if not loss.each_output_alone:
            loss.check(target.astype(np.float64, copy=False))
        elif target.min() < 0 or target.max() > 1:
            raise DataError(
                f"rows hold numbers from {target.min():g} to {target.max():g}, and loss "
                f"{loss.name!r} is for numbers from 0 to 1; expected such, or "
                "loss='squared_error'"
            )
        return target

    def _target(self, numbers: Any) -> NDArray[np.floating]:
        return dense(numbers, self._inputs.brightest)

    def _resolve_loss(self) -> Loss:
        given = self._as_trained("loss")
        if isinstance(given, str) and given == "auto":
            return SigmoidCrossEntropy() if self._inputs.kind == "pixels" else SquaredError()
        loss = resolve(Loss, given)
        if loss.outputs(2) != 2 or not {"regression", "multilabel"} & set(loss.tasks):
            raise HyperparameterError(
                f"loss is {loss.name!r}, by which rows can't be told; expected 'auto', "
                "'squared_error', 'sigmoid_cross_entropy' or the like"
            )
        return loss

    def _conclude(self, result: Result, precision: str) -> None:
        super()._conclude(result, precision)
        for name in ("accuracy", "val_accuracy"):  # of pixels above 1/2, all of a row: of no use
            self.history_.pop(name, None)


def noises(given: float | str | Layer) -> list[Layer]:
    """Return the layer behind ``noise=``: a share of inputs hidden, or a layer itself.

    Raises:
        HyperparameterError: a layer that isn't for training alone.

    >>> noises(0.3), noises(0), noises("gaussian_noise")
    ([MaskingNoise(rate=0.3)], [], [GaussianNoise()])
    """
    if isinstance(given, (int, float)):
        return [MaskingNoise(given)] if given else []
    layer = resolve(Layer, given)
    if not layer.training_only:
        raise HyperparameterError(
            f"noise is {layer!r}, which also works when predicting; expected a share in [0, 1), "
            "GaussianNoise(0.3) or the like"
        )
    return [layer]


def each_activation(given: Any, count: int) -> list[Any]:
    """Return an activation for each of so many layers.

    Raises:
        HyperparameterError: a list of another length.

    >>> each_activation("relu", 2), each_activation(["relu", "identity"], 2)
    (['relu', 'relu'], ['relu', 'identity'])
    """
    if not isinstance(given, (list, tuple)):
        return [given] * count
    if len(given) != count:
        raise HyperparameterError(
            f"activation names {len(given)} functions; expected one, or one for each of the "
            f"{count} layers of hidden_layer_sizes"
        )
    return list(given)


def _nothing(X: Any) -> NDArray[np.float64]:
    """Return targets that nobody looks at, one a row."""
    return np.zeros(_num_samples(X))
