"""The parameters that classifier and regressor share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from wellfit.augment import Augmentation
from wellfit.core.hyper import Config
from wellfit.estimators.nesting import NestedConfigs
from wellfit.estimators.reusing import Reusing
from wellfit.nn import Activation, HiddenLayer, Initializer, Layer, Loss
from wellfit.optim import L1, L2, Clipping, Optimizer, Schedule
from wellfit.training import EarlyStopping, Observer


class Parameters(NestedConfigs):
    """Holds the parameters as given, as scikit-learn's conventions want; ``fit`` checks them."""

    _configs: ClassVar[Mapping[str, type[Config]]] = {
        "activation": Activation,
        "initializer": Initializer,
        "bias_initializer": Initializer,
        "loss": Loss,
        "optimizer": Optimizer,
        "schedule": Schedule,
        "clipping": Clipping,
        "early_stopping": EarlyStopping,
        "reuse": Reusing,
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
        schedule: str | Schedule = "one_cycle",
        schedules: Mapping[str, str | Schedule] | None = None,
        clipping: float | str | Clipping | None = None,
        average: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        fraction: float = 1.0,
        epochs: int = 40,
        early_stopping: bool | EarlyStopping = True,
        validation_fraction: float | None = None,
        scoring: Any = None,
        eval_every: int = 1,
        augment: str | Augmentation | Sequence[str | Augmentation] = (),
        image_shape: Sequence[int] | None = None,
        preprocess: Literal["auto"] | None = "auto",
        observers: Sequence[Observer] = (),
        reuse: Reusing | None = None,
        warm_start: bool = False,
        precision: str = "float32",
        device: str = "auto",
        threads: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes, self.layers = hidden_layer_sizes, layers
        self.activation, self.batch_norm = activation, batch_norm
        self.initializer, self.bias_initializer = initializer, bias_initializer
        self.dropout, self.input_dropout = dropout, input_dropout
        self.input_noise, self.max_norm = input_noise, max_norm
        self.l1, self.l2 = l1, l2
        self.loss, self.optimizer = loss, optimizer
        self.schedule, self.schedules = schedule, schedules
        self.clipping, self.average = clipping, average
        self.batch_size, self.shuffle, self.fraction = batch_size, shuffle, fraction
        self.epochs, self.early_stopping = epochs, early_stopping
        self.validation_fraction = validation_fraction
        self.scoring, self.eval_every = scoring, eval_every
        self.augment, self.image_shape = augment, image_shape
        self.preprocess, self.observers = preprocess, observers
        self.reuse, self.warm_start, self.verbose = reuse, warm_start, verbose
        self.precision, self.device, self.threads = precision, device, threads
        self.random_state = random_state
