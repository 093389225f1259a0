"""The parameters of an estimator that describe its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wellfit.core.parameter import parameter
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.nesting import NestedConfigs
from wellfit.nn import (
    Activation,
    BatchNorm,
    CategoricalEmbedding,
    Dropout,
    GaussianNoise,
    HiddenLayer,
    Initializer,
    Layer,
    NumericEmbedding,
    Submodels,
)


@with_parameters()
class NetworkParameters(NestedConfigs):
    """Declares the parameters of the network itself."""

    hidden_layer_sizes: Sequence[int] | int | Literal["auto"] = parameter(
        'units of the hidden layers, from the lowest; ``()`` is a linear model; ``"auto"`` is '
        "``(128, 128)`` for each of several networks that ``bagging`` or ``n_submodels`` at "
        '``"auto"`` stands for, and else ``(256, 256)``.',
        default="auto",
        choices=("auto",),
        whole=True,
        each=True,
        low=1,
        kw_only=False,
        group="Network",
    )
    layers: Sequence[int | HiddenLayer | Layer] | None = parameter(
        "hidden layers one by one, in place of ``hidden_layer_sizes``; numbers of units, "
        ":class:`~wellfit.nn.Dense` with settings of its own, other layers of ``wellfit.nn``.",
        default=None,
        group="Network",
    )
    activation: str | Activation | Sequence[str | Activation] = parameter(
        "activation function of the hidden layers, or one for each; by name or as an object.",
        default="relu",
        family=Activation,
        group="Network",
    )
    initializer: str | Initializer = parameter(
        "initializer of the weights; by name or as an object.",
        default="glorot_uniform",
        family=Initializer,
        group="Network",
    )
    bias_initializer: str | Initializer = parameter(
        "initializer of the biases; by name or as an object.",
        default="zeros",
        family=Initializer,
        group="Network",
    )
    batch_norm: bool | Literal["before", "after"] | BatchNorm = parameter(
        'batch normalization in every hidden layer; True or ``"before"`` its activation, '
        '``"after"``, or a :class:`~wellfit.nn.BatchNorm`: ``BatchNorm(0.95, output=True)``.',
        default=False,
        family=BatchNorm,
        group="Network",
    )
    dropout: float | Layer | Literal["auto"] = parameter(
        "dropout rate of the hidden layers, in [0, 1); or a layer such as "
        '``AlphaDropout(0.1)``; ``"auto"`` is 0.1, or 0 where the optimizer is a minimizer, and '
        'where numbers are estimated and ``learning_rate="auto"`` stands for 0.003.',
        default="auto",
        choices=("auto",),
        stands_for=(Dropout, "rate"),
        group="Network",
    )
    input_dropout: float = parameter(
        "dropout rate of the inputs, in [0, 1).",
        default=0.0,
        stands_for=(Dropout, "rate"),
        group="Network",
    )
    input_noise: float = parameter(
        "standard deviation of the Gaussian noise added to scaled inputs at a step, at least 0.",
        default=0.0,
        stands_for=(GaussianNoise, "std"),
        group="Network",
    )
    numeric_embedding: str | NumericEmbedding | None = parameter(
        "embedding of each numeric column in several numbers before the first layer; "
        '``"auto"`` is ``"piecewise_with_jumps"`` for tables of fewer than 64 numeric columns '
        '(not with ``"sgd"``, nor in ``partial_fit``), and else None, which leaves a column one '
        'number; ``"piecewise_linear"``, ``"periodic"`` or an object, such as '
        "``PiecewiseWithJumps(n_bins=32)``. Dates, "
        "pixels, sparse columns and columns of two values are never embedded.",
        default="auto",
        choices=("auto",),
        optional=True,
        family=NumericEmbedding,
        group="Network",
    )
    categorical_embedding: str | CategoricalEmbedding | None = parameter(
        "embedding of each category of many levels in several numbers; "
        '``"auto"``, ``"entity"`` or an object, such as ``EntityEmbedding(16, min_levels=10)``; '
        "None makes a column of 0 and 1 for each level, up to 100.",
        default="auto",
        choices=("auto",),
        family=CategoricalEmbedding,
        group="Network",
    )
    n_submodels: int | Literal["auto"] = parameter(
        "number of submodels, networks in one that predict by their mean; at least 1; "
        '``"auto"`` is 6 for tables of fewer than 64 numeric columns, with at least 1,000 rows to '
        "train on, where there is no ``bagging``, and no other parameter describes the layers or "
        "the optimizer; else 1.",
        default="auto",
        choices=("auto",),
        whole=True,
        low=1,
        group="Network",
    )
    submodels: str | Submodels = parameter(
        'what submodels share; by name or as an object. ``"tabm"``: all but scales in every '
        'layer, ``"mini"``: all but scales of the inputs, ``"packed"``: no layer; each has an '
        "output layer of its own.",
        default="tabm",
        family=Submodels,
        group="Network",
    )
