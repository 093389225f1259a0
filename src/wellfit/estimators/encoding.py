"""Validated rows and targets to encoded rows, with the encoders that an estimator asks for."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DataError, InputError
from wellfit.datasets import StreamedTable
from wellfit.estimators import settings
from wellfit.estimators.categories import coded_from
from wellfit.fitting import (
    ClassTargets,
    Compute,
    EncodedRows,
    FeatureEncoder,
    FittedNetwork,
    NumberTargets,
    TargetEncoder,
)
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.pretrained.start import features_of, keep_head
from wellfit.fitting.trained import TrainedLayers
from wellfit.fitting.validation import validate_features
from wellfit.preprocessing import settings_key
from wellfit.preprocessing.batches import has_other_scale

SOMETIMES = (
    *("pretrained_", "temperature_", "architectures_"),
    *("oob_prediction_", "oob_decision_function_"),
)
"""The attributes that only some fits leave behind."""


class Encoders(NamedTuple):
    """The encoders of an estimator's rows, as far as they are known."""

    features: FeatureEncoder | None = None
    targets: TargetEncoder | None = None


class Encoded(NamedTuple):
    """Rows that are encoded, their targets as they were read, and the encoders of both."""

    rows: EncodedRows
    y: NDArray[Any]
    features: FeatureEncoder
    targets: TargetEncoder


def encoded(
    estimator: Any,
    x: Any,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    known: tuple[FeatureEncoder | None, TargetEncoder],
    train: NDArray[np.integer],
    source: TrainedLayers | None,
) -> Encoded:
    """Return rows encoded, and their encoders, fitted to the training rows where need be.

    Args:
        estimator: whose parameters say how to encode.
        x: (n_samples, n_features), validated.
        y: (n_samples, ...), read.
        weight: (n_samples,) or None.
        known: the encoder of features, if it is fitted, and that of targets, which knows their
            form and perhaps their scale.
        train: positions of the training rows.
        source: the layers that training starts from, if any.
    """
    features = known[0] or fit_features(estimator, x, train, source)
    numbers = features.encode_all(x, Compute.of(estimator).numpy_dtype)
    targets = known[1].with_features(features, numbers.shape[1])
    known_scale = targets.has_scale
    targets = targets.with_range(y, train) if known_scale else targets.with_scale(y, train)
    if source is not None and estimator.pretrained.keeps_head():
        targets = keep_head(source, targets)
    return Encoded(EncodedRows(numbers, targets.encode(y, numbers), weight), y, features, targets)


def fit_features(
    estimator: Any,
    x: Any,
    train: NDArray[np.integer] | None = None,
    source: TrainedLayers | None = None,
) -> FeatureEncoder:
    """Return the encoder of features: that of the layers that are borrowed, if any."""
    names = getattr(estimator, "feature_names_in_", None)
    if source is not None:
        known = features_of(source, estimator.preprocess, x.shape[1], names)
        if known is not None:
            return known
    shape = settings.image_shape(estimator.image_shape)
    # Borrowed layers that come without an encoder read no codes.
    least = coded_from(estimator) if source is None else None
    return FeatureEncoder.fit(x, estimator.preprocess, train, shape, names, least)


def extended(
    estimator: Any, table: Encoded, X_val: Any, y_val: Any
) -> tuple[Encoded, NDArray[np.integer]]:
    """Return encoded rows with validation rows below, and the positions of these."""
    if y_val is None:
        raise DataError("X_val is given without y_val; expected both")
    x = validate_features(estimator, X_val, table.features)
    if isinstance(x, StreamedTable):
        x = replace(x, part="validation")
    numbers = table.features.encode_all(x, Compute.of(estimator).numpy_dtype)
    read = table.targets.read(y_val, warn=False)
    targets = table.targets.encode(read, numbers)
    if numbers.shape[0] != len(targets):
        raise DataError(f"X_val has {numbers.shape[0]} rows and y_val has {len(targets)}")
    rows = table.rows.extended(numbers, targets)
    y = np.concatenate([table.y, read])
    return table._replace(rows=rows, y=y), np.arange(len(table.rows), len(rows))


def problems_of(x: Any, table: Encoded, *, narrow: bool) -> dict[str, list[str]]:
    """Return what rows hold that encoders, learned from other rows, can't express, by columns.

    Args:
        x: (n_samples, n_features), validated.
        table: what became of them.
        narrow: whether the encoders may have been learned from a narrow part of the data.
    """
    problems = table.features.problems_of(x, narrow=narrow)
    columns = np.transpose(table.rows.y) if table.targets.rescales else ()
    if any(has_other_scale(each, narrow=narrow) for each in columns):
        problems["target"] = []
    return problems


def encoding_key(estimator: Any) -> Hashable:
    """Return the parameters by which rows are encoded and split."""
    pretrained = estimator.pretrained
    return (
        settings_key(estimator.preprocess),
        coded_from(estimator),
        repr(estimator.image_shape),
        estimator.validation_fraction,
        settings.holds_out(estimator),
        estimator.subsample,
        estimator.random_state,
        Compute.of(estimator).dtype,
        repr(settings.loss(estimator)),
        estimator.conformal and estimator.conformal_fraction,
        repr(settings.output_activation(estimator)),
        repr(getattr(estimator, "class_weight", None)),
        getattr(estimator, "clip_predictions", False),
        pretrained.encoding_key() if isinstance(pretrained, PretrainedLayers) else None,
    )


def learned_attributes(network: FittedNetwork) -> dict[str, Any]:
    """Return the attributes of an estimator that not every network has.

    Those by which scikit-learn knows the columns and the targets, ``pretrained_``, and the
    architectures and out-of-fold predictions of several networks.
    """
    features, targets = network.features, network.targets
    found: dict[str, Any] = {}
    if network.record.pretrained is not None:
        found["pretrained_"] = dict(network.record.pretrained)
    if network.record.temperature is not None:
        found["temperature_"] = network.record.temperature
    if network.architectures:
        found["architectures_"] = list(network.architectures)
    if features is not None:
        found["n_features_in_"] = features.n_columns
        if features.names is not None:
            found["feature_names_in_"] = np.array(features.names, dtype=object)
    if targets is not None and targets.classes is not None:
        found["classes_"] = targets.classes
    if isinstance(targets, NumberTargets):
        found["n_outputs_"] = targets.n_targets
    if network.oob is not None and isinstance(targets, NumberTargets):
        found["oob_prediction_"] = targets.decode(network.oob)
    elif network.oob is not None and isinstance(targets, ClassTargets):
        found["oob_decision_function_"] = targets.probabilities(network.oob)
    return found


def refuse_preprocessing(estimator: Any) -> None:
    """Refuse to learn how rows are encoded where that is settled.

    Raises:
        InputError: the estimator is trained already, or reads rows as a pretrained model does.
    """
    kind = type(estimator).__name__
    if hasattr(estimator, "network_"):
        raise InputError(
            f"this {kind} is trained, and its weights go with the preprocessing that it has; "
            "expected one that isn't, such as sklearn.base.clone(model)"
        )
    if estimator.pretrained is not None:
        raise InputError(f"this {kind} reads rows as the model in pretrained does; expected none")
