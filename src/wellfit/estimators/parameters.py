"""The parameters that classifier and regressor share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from wellfit.augment import Augmentation
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config
from wellfit.estimators.nesting import NestedConfigs
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.nn import Activation, HiddenLayer, Initializer, Layer, Loss
from wellfit.optim import L1, L2, Clipping, Optimizer, Schedule
from wellfit.training import Callback, EarlyStopping


class Parameters(NestedConfigs):
    """Holds the parameters as given, as scikit-learn's conventions want; ``fit`` checks them."""

    nested_configs: ClassVar[Mapping[str, type[Config]]] = {
        "activation": Activation,
        "initializer": Initializer,
        "bias_initializer": Initializer,
        "loss": Loss,
        "optimizer": Optimizer,
        "lr_schedule": Schedule,
        "gradient_clipping": Clipping,
        "early_stopping": EarlyStopping,
        "pretrained": PretrainedLayers,
    }

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
        self.hidden_layer_sizes, self.layers = hidden_layer_sizes, layers
        self.activation, self.batch_norm = activation, batch_norm
        self.initializer, self.bias_initializer = initializer, bias_initializer
        self.dropout, self.input_dropout = dropout, input_dropout
        self.input_noise, self.max_norm = input_noise, max_norm
        self.l1, self.l2 = l1, l2
        self.loss, self.optimizer, self.learning_rate = loss, optimizer, learning_rate
        self.lr_schedule, self.schedules = lr_schedule, schedules
        self.gradient_clipping, self.ema_decay = gradient_clipping, ema_decay
        self.batch_size, self.shuffle, self.subsample = batch_size, shuffle, subsample
        self.epochs, self.early_stopping = epochs, early_stopping
        self.validation_fraction = validation_fraction
        self.scoring, self.eval_every = scoring, eval_every
        self.augment, self.image_shape = augment, image_shape
        self.preprocess, self.callbacks = preprocess, callbacks
        self.pretrained, self.warm_start, self.verbose = pretrained, warm_start, verbose
        self.precision, self.device, self.n_threads = precision, device, n_threads
        self.random_state = random_state

    def set_params(self, **params: Any) -> Self:
        """Set parameters, ``pretrained__freeze`` and the like among them.

        Raises:
            UnknownNameError: naming the nearest parameter there is.
            HyperparameterError: part of a ``pretrained`` that isn't there.
        """
        inner = [key for key in params if key.startswith("pretrained__")]
        if inner and params.get("pretrained", self.pretrained) is None:
            raise HyperparameterError(
                f"{inner[0]} can't be set, since pretrained is None; expected "
                "pretrained=Pretrained(model)"
            )
        return super().set_params(**params)
