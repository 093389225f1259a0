"""Models as ONNX graphs, preprocessing included, from raw columns to labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import wellfit
from wellfit.core.errors import InputError
from wellfit.nn import (
    Activate,
    Activation,
    BatchNorm,
    CategoricalEmbedding,
    Linear,
    NumericEmbedding,
    PReLU,
)
from wellfit.transfer.interop import categories
from wellfit.transfer.interop.embeddings import onnx_nodes
from wellfit.transfer.interop.export_spec import ExportSpec, forms_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, simplified
from wellfit.transfer.interop.onnx_graph import Graph
from wellfit.transfer.interop.onnx_tables import features
from wellfit.transfer.interop.submodels import SUBMODEL_LAYERS, onnx_submodel_nodes

# Activations that ONNX has an operator for: its name, and its attributes.
_OPERATORS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": "slope"}),
    "elu": ("Elu", {"alpha": "alpha"}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softsign": ("Softsign", {}),
    "softplus": ("Softplus", {}),
    "gelu": ("Gelu", {"approximate": "approximate"}),
    "mish": ("Mish", {}),
}


def to_onnx(model: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """Return a fitted estimator as an ONNX model, its preprocessing included.

    A table of numbers, flags and dates is one input ``X`` (rows, columns): float64 where wellfit
    scales it, NaN where missing; dates and durations in seconds (since 1970). Pixels, sparse
    matrices (given dense) and ``preprocess=None`` are float32. Where a column holds text, every
    column is an input (rows, 1) of its own name, text as strings, ``""`` where missing.

    A classifier's outputs are ``label`` and ``probabilities`` (rows, classes), a regressor's
    ``estimate``; with ``loss="quantile"`` it is ``quantiles`` (rows, targets · quantiles).
    Needs the extra ``wellfit-nn[onnx]``.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        path: a file to write it to as well.

    Returns:
        An ``onnx.ModelProto``.

    Raises:
        InputError: the model has something that ONNX can't express; the message names it.
        MissingExtraError: onnx isn't installed.

    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> [output.name for output in to_onnx(clf).graph.output]
    ['label', 'probabilities']
    """
    forms, graph = forms_of(model), Graph()
    read, each = features(graph, model, forms[0]), []
    for form in forms:
        value = read
        for part in simplified(form.parts):
            value = _layer(graph, part, value)
        each.append(_link(graph, form, value))
    _finish(graph, forms[0], _mean(graph, each, [form.share for form in forms]))
    built = graph.model(f"wellfit {wellfit.__version__}")
    if path is not None:
        Path(path).write_bytes(built.SerializeToString())
    return built


def _mean(graph: Graph, several: list[str], shares: list[float]) -> str:
    """Add the mean of values that count by their shares; return its name."""
    if len(several) == 1:
        return several[0]
    if len(set(shares)) == 1:
        return graph.add("Mean", *several)
    parts = [
        graph.add("Mul", value, graph.floats(np.array(share)))
        for value, share in zip(several, shares, strict=True)
    ]
    return graph.add("Sum", *parts)


def _layer(graph: Graph, part: FittedLayer, x: str) -> str:
    """Add a layer's operators; return the name of their output."""
    match part.layer:
        case Linear():
            weights, bias = graph.floats(part.weights), graph.floats(part.bias)
            return graph.add("Gemm", x, weights, bias)
        case BatchNorm():
            scale, shift = part.affine()
            return graph.add("Add", graph.add("Mul", x, graph.floats(scale)), graph.floats(shift))
        case Activate(activation=PReLU()):
            return graph.add("PRelu", x, graph.floats(part.parameters))
        case NumericEmbedding():
            return onnx_nodes(graph, part, x)
        case CategoricalEmbedding():
            return categories.onnx_nodes(graph, part, x)
        case layer if isinstance(layer, SUBMODEL_LAYERS):
            return onnx_submodel_nodes(graph, part, x)
        case Activate(activation=function):
            return _activation(graph, function, x)
    raise InputError(f"ONNX export doesn't know layer {part.layer!r}")


def _activation(graph: Graph, function: Activation, x: str) -> str:
    name = function.name
    if name == "silu":
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    if name == "hard_sigmoid":
        return graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    if name not in _OPERATORS:
        known = ", ".join([*_OPERATORS, "hard_sigmoid", "identity", "prelu", "silu"])
        raise InputError(f"ONNX export doesn't know activation {name!r}; it knows {known}")
    operator, attributes = _OPERATORS[name]
    return graph.add(
        operator, x, **{key: getattr(function, own) for key, own in attributes.items()}
    )


def _finish(graph: Graph, form: ExportSpec, outputs: str) -> None:
    """Add what is done to the networks' mean, and the graph's outputs."""
    if form.link == "shares":
        total = graph.add("ReduceSum", outputs, graph.whole([1]), keepdims=1)
        outputs = graph.add("Div", outputs, total)
    if form.range is not None:
        least, largest = map(graph.floats, form.range)
        outputs = graph.add("Min", graph.add("Max", outputs, least), largest)
    if form.classes is None:
        name = "quantiles" if form.levels else "estimate"
        graph.output(name, outputs, np.float32, form.width)
        return
    if form.multilabel:
        graph.output("label", graph.cast(_more_than_half(graph, outputs), int), int, form.width)
    else:
        labels = _plain(form.classes)
        best = graph.add("ArgMax", outputs, axis=1, keepdims=0)
        graph.output("label", graph.add("Gather", graph.array(labels), best), labels.dtype)
    graph.output("probabilities", outputs, np.float32, form.width)


def _more_than_half(graph: Graph, outputs: str) -> str:
    return graph.add("Greater", outputs, graph.floats(0.5))


def _link(graph: Graph, form: ExportSpec, z: str) -> str:
    match form.link:
        case "softmax":
            return graph.add("Softmax", z, axis=1)
        case "sigmoid":
            return graph.add("Sigmoid", z)
        case "exp":
            return graph.add("Exp", z)
        case "shares":
            return graph.add("Add", graph.add("Sigmoid", z), graph.floats(_TINY))
        case "quantiles":
            apart = graph.add(
                "Reshape", z, graph.whole([-1, form.width // form.levels, form.levels])
            )
            by_size = graph.add("TopK", apart, graph.whole([form.levels]), largest=0, outputs=2)
            return graph.add("Reshape", by_size, graph.whole([-1, form.width]))
    return z


_TINY = float(np.finfo(np.float32).tiny)


def _plain(classes: Any) -> Any:
    """Return labels as ONNX holds them: text, whole numbers, floats or booleans."""
    array = np.array(classes.tolist())
    return array.astype(object) if array.dtype.kind in "US" else array
