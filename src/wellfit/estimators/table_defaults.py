"""The networks of a table, and their training, as far as no parameter describes them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.fitting import FeatureEncoder, FittedNetwork, NumberTargets, TargetEncoder
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.nn.submodels import can_average
from wellfit.optim import L2, Adam, Optimizer

FEW_ROWS = 1000  # below which high rates and a strong decay do harm

# The least image has so many columns, 8 by 8. Pixels gain nothing by embeddings or by several
# networks, and an embedding of so many columns costs several times what the other layers do.
MANY_COLUMNS = 64
_NUMERIC = ("number", "duration")

# Chosen by cross-validation on fifteen tables. Narrow networks, each a little off on its own, are
# better by their mean than a wide one that costs as much. Those of folds are better than
# submodels, since each has learned from other rows, with weights of its own.
_NARROW: Mapping[str, Any] = MappingProxyType({"hidden_layer_sizes": (128, 128)})
_SUBMODELS: Mapping[str, Any] = MappingProxyType({**_NARROW, "n_submodels": 6})
_OF_CLASSES: Mapping[str, Any] = MappingProxyType(
    {"learning_rate": 0.003, "l2": L2(0.1, decoupled=True)}
)
# Dropout shifts the variance of what a layer reads, and so the estimates that it makes of it.
_OF_NUMBERS: Mapping[str, Any] = MappingProxyType({**_OF_CLASSES, "dropout": 0.0})


def is_narrow_table(features: FeatureEncoder) -> bool:
    """Say whether rows are those of a table, and too few of its columns numbers for an image."""
    numeric = [column for column in features.columns if column.kind in _NUMERIC]
    return features.kind == "table" and len(numeric) < MANY_COLUMNS


def for_table(
    estimator: Any,
    features: FeatureEncoder,
    targets: TargetEncoder,
    borrowed: BorrowedLayers | None,
    *,
    rows: int,
    one_epoch: bool,
    bagged: bool,
) -> Any:
    """Return an estimator with what suits a table in place of what it leaves open.

    Several networks are narrow ones where no parameter describes their layers, and have a training
    of their own where no parameter describes that.

    Args:
        estimator: stays as it is.
        features: the encoder of its rows.
        targets: the encoder of its targets.
        borrowed: layers that take the place of the lowest, if any.
        rows: to train on, those of a fold included.
        one_epoch: whether the rows are one of many batches, which say too little of the others.
        bagged: whether several networks are averaged, of a fold each; else they are submodels.
    """
    begins = borrowed is None and not one_epoch and estimator.image_shape is None
    if not (begins and is_narrow_table(features)):
        return estimator
    few = rows < FEW_ROWS
    if bagged:
        layers = _NARROW if leaves_open(estimator) else {}
        training = {} if few or not _is_plain_adam(estimator) else _training(targets)
        return _chosen(estimator, {**layers, **training})
    if few or not leaves_open(estimator) or not can_average(targets.loss):
        return estimator
    return _chosen(estimator, {**_SUBMODELS, **_training(targets)})


def as_trained(estimator: Any, before: FittedNetwork) -> Any:
    """Return an estimator with submodels where it left its network open, and got them."""
    assert before.targets is not None
    if before.n_submodels == 1 or not leaves_open(estimator):
        return estimator
    return _chosen(estimator, {**_SUBMODELS, **_training(before.targets)})


def leaves_open(estimator: Any) -> bool:
    """Say whether parameters leave it open which layers there are, and which rule trains them."""
    layers = estimator.layers is None and is_auto(estimator.hidden_layer_sizes)
    return layers and is_auto(estimator.n_submodels) and _is_plain_adam(estimator)


def _is_plain_adam(estimator: Any) -> bool:
    """Say whether the optimizer is the default one; one with numbers of its own keeps these."""
    return resolve(Optimizer, estimator.optimizer) == Adam()


def _training(targets: TargetEncoder) -> Mapping[str, Any]:
    """Return how narrow networks are trained on many rows."""
    return _OF_NUMBERS if isinstance(targets, NumberTargets) else _OF_CLASSES


def _chosen(estimator: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy with some values in place of every ``"auto"``."""
    chosen = copy.copy(estimator)
    vars(chosen).update({k: v for k, v in values.items() if is_auto(getattr(estimator, k))})
    return chosen
