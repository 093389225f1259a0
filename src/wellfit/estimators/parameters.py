"""The parameters that classifier, regressor and pretraining share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Self

from wellfit.augment import Augmentation
from wellfit.core.parameter import parameter
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.presets import changes_by_preset, preset_values
from wellfit.estimators.validation_parameters import ValidationParameters
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.nn import Loss
from wellfit.optim import L1, L2, ClipByNorm, Clipping, MaxNorm, Optimizer, Schedule
from wellfit.preprocessing import TablePreprocessor, preprocessor_of
from wellfit.training import Callback, Member
from wellfit.training.precision import PRECISIONS

_MOST_THREADS = 1024  # beyond which systems refuse to begin them, and end the process


@with_parameters()
class Parameters(ValidationParameters):
    """Holds the parameters as given, as scikit-learn's conventions want; ``fit`` checks them."""

    nested_estimators = MappingProxyType({"preprocess": preprocessor_of})

    preset: Literal["fast", "default", "best"] = parameter(
        'named defaults of other parameters; ``"fast"`` is the plain network, ``"best"`` the '
        "average of several, calibrated. What is given explicitly wins; ``get_params`` shows all.",
        default="default",
        choices=("fast", "default", "best"),
    )
    l1: float | L1 = parameter(
        "strength λ of the L1 penalty λ Σ|w| on weights, at least 0; or an "
        ":class:`~wellfit.optim.L1`, such as ``L1(0.01, decoupled=True)``.",
        default=0.0,
        stands_for=(L1, "strength"),
    )
    l2: float | L2 | Literal["auto"] = parameter(
        "strength λ of the L2 penalty λ/2 Σw² on weights, at least 0; or an "
        ':class:`~wellfit.optim.L2`; ``"auto"`` is ``L2(0.1, decoupled=True)`` where '
        '``learning_rate`` at ``"auto"`` stands for 0.003, and else 0.',
        default="auto",
        choices=("auto",),
        stands_for=(L2, "strength"),
    )
    max_norm: float | None = parameter(
        "largest norm of a hidden unit's incoming weights, above 0; None for no limit.",
        default=None,
        stands_for=(MaxNorm, "limit"),
    )
    loss: str | Loss = parameter(
        'loss function; by name or as an object; ``"auto"`` goes with the targets.',
        default="auto",
        choices=("auto",),
        family=Loss,
    )
    optimizer: str | Optimizer = parameter(
        "optimizer; by name or as an object; ``set_params`` sets its hyper-parameters by "
        '``optimizer__learning_rate`` and the like. ``"lbfgs"`` and ``"conjugate_gradient"`` '
        "look at all rows before each move.",
        default="adam",
        family=Optimizer,
    )
    learning_rate: float | Literal["auto"] = parameter(
        'learning rate of the optimizer, at least 0; ``"auto"`` keeps the optimizer\'s own, but '
        "is 0.003 on tables of 1,000 rows and more for Adam in the networks of ``bagging``, and "
        'in the submodels that ``n_submodels="auto"`` stands for.',
        default="auto",
        choices=("auto",),
        low=0,
    )
    lr_schedule: str | Schedule = parameter(
        'schedule of the learning rate; by name or as an object, e.g. ``"one_cycle"``.',
        default="one_cycle",
        family=Schedule,
    )
    schedules: Mapping[str, str | Schedule] | None = parameter(
        'schedules of other numbers, by name; ``{"momentum": Ramp(0.5, 1)}``, also of '
        '``"dropout"``, ``"l1"`` and ``"l2"``.',
        default=None,
    )
    gradient_clipping: float | str | Clipping | None = parameter(
        "largest norm of the gradient, above 0, or a method of clipping; by name or as an object.",
        default=None,
        family=Clipping,
        stands_for=(ClipByNorm, "limit"),
    )
    ema_decay: float | Literal["auto"] = parameter(
        "decay of the exponential moving average of the weights, in [0, 1); the averaged weights "
        'predict. 0 for none; ``"auto"`` is 0.99, or 0 where the optimizer is a minimizer or a '
        "decoupled L1 penalty makes weights 0.",
        default="auto",
        choices=("auto",),
        stands_for=(Member, "ema_decay"),
    )
    batch_size: int | Literal["auto"] = parameter(
        'rows in a batch; all rows where there are fewer; ``"auto"`` is a power of 2, about a '
        "hundredth of the rows, from 16 to 256.",
        default="auto",
        choices=("auto",),
        stands_for=(Member, "batch_size"),
    )
    shuffle: bool = parameter("a new order of the rows in every epoch.", default=True, flag=True)
    subsample: float = parameter(
        "fraction of the training rows to use, in (0, 1].",
        default=1.0,
        low=0,
        high=1,
        open_low=True,
    )
    epochs: int = parameter(
        "maximal number of epochs.", default=40, low=1, stands_for=(Member, "epochs")
    )
    max_steps: int | None = parameter(
        "number of steps in all, in place of epochs, of which the last may be cut short.",
        default=None,
        whole=True,
        low=1,
        optional=True,
    )
    augment: str | Augmentation | Sequence[str | Augmentation] = parameter(
        "random augmentations of the training rows; one or a list, by name or as objects.",
        default=(),
    )
    image_shape: Sequence[int] | None = parameter(
        "height, width and perhaps channels of the images, where ``augment`` has to know; bytes "
        "(uint8) of that size are pixels.",
        default=None,
    )
    preprocess: Literal["auto"] | TablePreprocessor | None = parameter(
        'preprocessing; ``"auto"`` scales, imputes and encodes, a ``TablePreprocessor`` by '
        "settings of its own; None takes numbers as they are.",
        default="auto",
        choices=("auto",),
        optional=True,
    )
    callbacks: Sequence[Callback] = parameter("called at every epoch.", default=())
    pretrained: PretrainedLayers | None = parameter(
        "layers of another model to start from; a :class:`~wellfit.transfer.Pretrained`, which "
        "also says what of them learns; None to start afresh.",
        default=None,
        family=PretrainedLayers,
        group="Pretrained",
    )
    warm_start: bool = parameter(
        "go on from the weights of the last ``fit``. Those of several networks are refused (of "
        '``bagging``; with ``warm_start``, ``"auto"`` trains one), as is what would need other '
        "weights; ``initializer``, ``bias_initializer`` and ``random_state``, by which training "
        "began, have no effect.",
        default=False,
    )
    precision: str = parameter(
        'floating-point format; ``"float32"``, ``"float64"``, ``"bfloat16"`` for rounded matrix '
        'products, or ``"auto"``: bfloat16 where a short trial finds it faster and no worse.',
        default="float32",
        choices=PRECISIONS,
        group="Run",
    )
    device: str = parameter(
        'device, such as cpu, cuda or cuda:1; ``"auto"`` is the GPU where there is one.',
        default="auto",
        group="Run",
    )
    n_threads: int | None = parameter(
        "number of threads, from 1 to 1024; None for as many as PyTorch would take.",
        default=None,
        whole=True,
        low=1,
        high=_MOST_THREADS,
        optional=True,
        group="Run",
    )
    processes: Literal["auto", "dask"] | None = parameter(
        'processes that train one network together; ``"auto"`` for all that torchrun started '
        'with this one, each with a share of every batch; ``"dask"`` for the workers of the open '
        "Dask client; None for this one alone.",
        default="auto",
        choices=("auto", "dask"),
        optional=True,
        group="Run",
    )
    random_state: Any = parameter("a whole number makes fits repeatable.", default=None)
    verbose: int | None = parameter(
        "None shows the progress of longer trainings in notebooks; a number from 1 always, and in "
        "terminals as well; 0 never.",
        default=None,
        whole=True,
        low=0,
        optional=True,
    )

    @classmethod
    def with_preset(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters given to a constructor, and below them those of their preset."""
        if "preset" not in given:
            return dict(given)
        return {**preset_values(given["preset"], cls.declared_parameters), **given}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, ``optimizer__learning_rate`` and the like among them.

        Another ``preset`` changes the parameters that are at the values of the present one, or
        at their defaults; those that were given explicitly stay.

        Raises:
            UnknownNameError: naming the nearest parameter there is.
            HyperparameterError: part of a config where there is none.

        >>> from wellfit import MLPClassifier
        >>> MLPClassifier(epochs=5).set_params(preset="fast").get_params()["numeric_embedding"]
        """
        if "preset" in params and "preset" in self.declared_parameters:
            now = self.get_params(deep=False)
            changed = changes_by_preset(params["preset"], now, self.declared_parameters)
            params = {**changed, **params}
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.preprocess is not None
        return tags
