"""NumpyModel: a fitted classifier or regressor that predicts tables without PyTorch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit import store
from wellfit.core.errors import InputError
from wellfit.core.model_folder import is_model
from wellfit.core.schema import conform
from wellfit.datasets.schema import TableSchema
from wellfit.inference.functions import LINKS
from wellfit.inference.network import NumpyNetwork, UnsupportedModelError
from wellfit.preprocessing.columns import ColumnInfo, as_table
from wellfit.preprocessing.table_documents import TableDocument
from wellfit.preprocessing.table_encoding import TableEncoding
from wellfit.preprocessing.targets import ClassLabels, TargetScaler

Array = NDArray[Any]

# What each loss makes of logits, by its names.
LOSS_LINKS: Mapping[str, str] = MappingProxyType(
    {
        "softmax_cross_entropy": "softmax",
        "cross_entropy": "softmax",
        "sigmoid_cross_entropy": "sigmoid",
        "binary_cross_entropy": "sigmoid",
        "sigmoid_squared_error": "sigmoid",
        "quadratic": "sigmoid",
        "squared_error": "identity",
        "mse": "identity",
        "absolute_error": "identity",
        "mae": "identity",
        "huber": "identity",
        "poisson": "exp",
    }
)
# What is raised where plain data aren't what they should be.
_WRONG = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class NumpyFeatures:
    """The columns that a model reads.

    Attributes:
        encoding: of the columns.
        schema: of the training table, where it was a file.
    """

    encoding: TableEncoding
    schema: TableSchema | None

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Name, kind and levels of each training column."""
        return self.encoding.columns


@dataclass(frozen=True, eq=False)
class NumpyFittedNetwork:
    """A network with the encoder of its rows: what is read of a model besides its targets.

    Attributes:
        features: the columns that it reads.
        network: its layers.
        dtype: of its numbers.
        link: from logits to outputs.
        conformal: whether its model has calibrated intervals or sets, which only its estimator
            predicts.
    """

    features: NumpyFeatures
    network: NumpyNetwork
    dtype: str
    link: str
    conformal: bool = False

    def outputs(self, X: Any) -> Array:
        """Return outputs (n_samples, n_outputs): probabilities, or estimates of scaled targets."""
        return self.outputs_of(self.features.encoding.encode(as_table(X), self.dtype))

    def outputs_of(self, numbers: Array) -> Array:
        """Return outputs (n_samples, n_outputs) of encoded rows (n_samples, width)."""
        return self.network.predict(numbers, LINKS[self.link])


class NumpyModel(ABC):
    """A fitted model that predicts rows of a table; its estimator answers the same to rounding.

    Args:
        network: with the encoder of rows.
        names: of the columns.

    Attributes:
        network_: with the encoder of rows.
        feature_names_in_: (n_columns,) the names of the columns.
    """

    def __init__(self, network: NumpyFittedNetwork, names: list[str]) -> None:
        self.network_ = network
        self.feature_names_in_ = np.array(names, dtype=object)

    @abstractmethod
    def answers(self, outputs: Array) -> tuple[Array, Array | None]:
        """Return predictions, and probabilities where they are of classes.

        Args:
            outputs: (n_samples, n_outputs) of the network.
        """


class NumpyClassifier(NumpyModel):
    """A fitted classifier.

    Args:
        network, names: as of every model.
        labels: the classes.

    Attributes:
        classes_: the labels (n_classes,), sorted.
    """

    def __init__(self, network: NumpyFittedNetwork, names: list[str], labels: ClassLabels) -> None:
        super().__init__(network, names)
        self._labels = labels
        self.classes_ = labels.classes_

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities (n_samples, n_classes), or of each label (n_samples, n_labels)."""
        return self._labels.probabilities(self.network_.outputs(X))

    def predict(self, X: Any) -> Array:
        """Return the most likely class (n_samples,), or a row of 0 and 1 for several labels."""
        return self.answers(self.network_.outputs(X))[0]

    def answers(self, outputs: Array) -> tuple[Array, Array | None]:
        """Return the most likely classes, and the probabilities of all."""
        chances = self._labels.probabilities(outputs)
        return self._labels.likeliest(chances), chances


class NumpyRegressor(NumpyModel):
    """A fitted regressor.

    Args:
        network, names: as of every model.
        scaler: of the targets.
        flat: whether there is one target, predicted as (n_samples,).
        limits: the least and the largest of each target that is predicted; None for no limits.
    """

    def __init__(
        self,
        network: NumpyFittedNetwork,
        names: list[str],
        scaler: TargetScaler,
        flat: bool,
        limits: Array | None,
    ) -> None:
        super().__init__(network, names)
        self._scaler, self._flat, self._limits = scaler, flat, limits

    def predict(self, X: Any) -> Array:
        """Return estimates (n_samples,), or (n_samples, n_outputs) of several targets."""
        return self.answers(self.network_.outputs(X))[0]

    def answers(self, outputs: Array) -> tuple[Array, Array | None]:
        """Return estimates in the targets' units, and None."""
        estimates = self._scaler.inverse_transform(outputs)
        if self._limits is not None:
            estimates = np.clip(estimates, *self._limits)
        return (estimates[:, 0] if self._flat else estimates), None


def read_numpy_model(path: str | os.PathLike[str]) -> NumpyModel | None:
    """Return the model of a folder, to predict tables without PyTorch and scikit-learn.

    Args:
        path: a model folder.

    Returns:
        None where the estimator has to be loaded: an ensemble, pixels, bfloat16, a loss or a layer
        that has no form here, or a document that isn't as it should be, which loading reports.

    Raises:
        ModelFileError: a damaged or newer model, as of :func:`wellfit.load_model`.

    >>> import tempfile
    >>> import pandas as pd
    >>> from wellfit import MLPClassifier
    >>> X = pd.DataFrame({"size": [0.0, 1.0]})
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit(X, ["a", "b"])
    >>> model = read_numpy_model(clf.save(tempfile.mkdtemp() + "/model"))
    >>> bool(np.allclose(model.predict_proba(X), clf.predict_proba(X)))
    True
    """
    if not is_model(path):
        return None
    document, tensors = store.load_arrays(path)
    try:
        return _model(document, tensors)
    except (*_WRONG, InputError, UnsupportedModelError):
        return None


def _model(document: Mapping[str, Any], tensors: Mapping[str, Array]) -> NumpyModel:
    kind, targets = document["estimator"], document["targets"]
    labels = None
    if kind == "MLPClassifier":
        labels = ClassLabels.from_document(targets)
    elif kind != "MLPRegressor":
        raise UnsupportedModelError(f"a {kind}")
    names = document["feature_names_in"]
    network = _network(document, tensors, _loss_link(document["params"]["loss"], labels))
    outputs = network.network.outputs
    if labels is not None:
        # Where each output stands alone, two classes have one output.
        two = network.link == "sigmoid" and not labels.multilabel_
        _require(outputs == len(labels.classes_) - (two and len(labels.classes_) == 2))
        return NumpyClassifier(network, names, labels)
    scale = {key: value for key, value in targets.items() if key not in ("flat", "range")}
    scaler, flat = TargetScaler.from_document(scale), targets["flat"]
    _require(outputs == len(scaler.mean_) and (outputs == 1 or not flat))
    limits = np.array(targets["range"], float) if "range" in targets else None
    _require(limits is None or limits.shape == (2, outputs))
    return NumpyRegressor(network, names, scaler, flat, limits)


def _network(
    document: Mapping[str, Any], tensors: Mapping[str, Array], link: str
) -> NumpyFittedNetwork:
    """Return the network of a document with the encoder of its rows."""
    inputs, names = document["inputs"], document["feature_names_in"]
    precision = document["learned"]["precision_"]
    _require(inputs["kind"] == "table" and names is not None)
    _require(precision in ("float32", "float64"))
    _require(precision == document["params"].get("precision", "float32"))
    conform(inputs["table"], TableDocument, "table")
    own = {
        name.removeprefix("inputs."): array
        for name, array in tensors.items()
        if name.startswith("inputs.")
    }
    encoding = TableEncoding.from_document(inputs["table"], own)
    _require(list(encoding.names) == names and document["n_features_in"] == len(names))
    network = _average(document, tensors, precision, encoding.width)
    _require(len(tensors) - len(own) == 2 * len(network.stacks) + ("conformal" in tensors))
    schema = inputs.get("schema")
    schema = None if schema is None else TableSchema.from_document(schema)
    read = NumpyFeatures(encoding, schema)
    return NumpyFittedNetwork(read, network, precision, link, "conformal" in tensors)


def _average(
    document: Mapping[str, Any], tensors: Mapping[str, Array], precision: str, inputs: int
) -> NumpyNetwork:
    """Return the networks of a document: of one architecture, or of those that count."""
    counting = [each for each in document.get("architectures", ()) if each["weight"] > 0]
    networks = [document["network"], *(each["network"] for each in counting[1:])]
    several = []
    for place, network in enumerate(networks):
        after = f".{place}" if place else ""
        flat = {name: tensors[name + after] for name in ("parameters", "statistics")}
        _require(all(array.dtype == precision and array.ndim == 1 for array in flat.values()))
        _require(network["inputs"] == inputs)
        several.append(NumpyNetwork.of(network, flat, document.get("n_networks", 1)))
    shares = [each["weight"] for each in counting] or [1.0]
    return several[0] if len(several) == 1 else NumpyNetwork.average(several, shares)


def _loss_link(loss: Any, labels: ClassLabels | None) -> str:
    """Return the link of an estimator's loss, given as its parameter is saved."""
    if isinstance(loss, Mapping):
        loss = loss["config"]["name"]
    if loss == "auto" and labels is None:
        loss = "squared_error"
    elif loss == "auto" and labels is not None:
        loss = "sigmoid_cross_entropy" if labels.multilabel_ else "softmax_cross_entropy"
    return LOSS_LINKS[loss]


def _require(holds: bool) -> None:
    if not holds:
        raise UnsupportedModelError("a model of another form")
