"""The network of a table whose layers no parameter describes: submodels, and their training."""

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

FEW_ROWS = 1000  # below which folds validate, and one wide network is as good as submodels

# The least image has so many columns, 8 by 8. Pixels gain nothing by embeddings or submodels, and
# an embedding of so many columns costs several times what the other layers do.
_MANY_COLUMNS = 64
_NUMERIC = ("number", "duration")

# Chosen by cross-validation on fifteen tables. Narrow networks, each a little off on its own, are
# better by their mean than a wide one that costs as much.
_OF_CLASSES: Mapping[str, Any] = MappingProxyType(
    {
        "hidden_layer_sizes": (128, 128),
        "n_submodels": 6,
        "learning_rate": 0.003,
        "l2": L2(0.1, decoupled=True),
    }
)
# Dropout shifts the variance of what a layer reads, and so the estimates that it makes of it.
_OF_NUMBERS: Mapping[str, Any] = MappingProxyType({**_OF_CLASSES, "dropout": 0.0})


def is_narrow_table(features: FeatureEncoder) -> bool:
    """Say whether rows are those of a table, and too few of its columns numbers for an image."""
    numeric = [column for column in features.columns if column.kind in _NUMERIC]
    return features.kind == "table" and len(numeric) < _MANY_COLUMNS


def for_table(
    estimator: Any,
    features: FeatureEncoder,
    targets: TargetEncoder,
    borrowed: BorrowedLayers | None,
    *,
    rows: int,
    one_epoch: bool,
) -> Any:
    """Return an estimator with submodels where it leaves its network open and has a table.

    Args:
        estimator: stays as it is.
        features: the encoder of its rows.
        targets: the encoder of its targets.
        borrowed: layers that take the place of the lowest, if any.
        rows: to train on.
        one_epoch: whether the rows are one of many batches, which say too little of the others.
    """
    fits = borrowed is None and not one_epoch and estimator.image_shape is None
    if not (fits and leaves_open(estimator) and rows >= FEW_ROWS and is_narrow_table(features)):
        return estimator
    return with_submodel_defaults(estimator, targets) if can_average(targets.loss) else estimator


def as_trained(estimator: Any, before: FittedNetwork) -> Any:
    """Return an estimator with submodels where it left its network open, and got them."""
    assert before.targets is not None
    if before.n_submodels == 1 or not leaves_open(estimator):
        return estimator
    return with_submodel_defaults(estimator, before.targets)


def with_submodel_defaults(estimator: Any, targets: TargetEncoder) -> Any:
    """Return a copy with what suits submodels in place of every ``"auto"``."""
    chosen = copy.copy(estimator)
    values = _OF_NUMBERS if isinstance(targets, NumberTargets) else _OF_CLASSES
    vars(chosen).update({k: v for k, v in values.items() if is_auto(getattr(estimator, k))})
    return chosen


def leaves_open(estimator: Any) -> bool:
    """Say whether parameters leave it open which layers there are, and which rule trains them."""
    layers = estimator.layers is None and is_auto(estimator.hidden_layer_sizes)
    # A rule with numbers of its own keeps these.
    plain = resolve(Optimizer, estimator.optimizer) == Adam()
    return layers and is_auto(estimator.n_submodels) and plain
