"""Forward functions of layers in NumPy; exported Python sources hold copies of them.

Each needs nothing but its arguments, ``np`` and ``math``, since its source is copied as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Layers of rows h (rows, units).


def linear(h: Array, weights: Array, bias: Array) -> Array:
    """Return h @ weights + bias."""
    h = h @ weights
    h += bias  # in place: rows are read and written once less
    return h


def normalized(h: Array, scale: Array, shift: Array) -> Array:
    """Return h * scale + shift: what batch norm does when predicting."""
    return h * scale + shift


def prelu(h: Array, slopes: Array) -> Array:
    """Return h, and below 0 slopes * h."""
    return np.where(h > 0, h, h * slopes)


# The activations, of the outputs h (rows, units) of a layer.


def elu(h: Array, alpha: float) -> Array:
    """Return h, and below 0 alpha * (exp(h) - 1)."""
    return np.where(h > 0, h, alpha * np.expm1(np.minimum(h, 0)))


def gelu(h: Array) -> Array:
    """Return h times the normal distribution's probability of less than h."""
    return h / 2 * (1 + np.vectorize(math.erf, otypes=[h.dtype])(h / math.sqrt(2)))


def gelu_by_tanh(h: Array) -> Array:
    """Return GELU's usual approximation."""
    return h / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))


def hard_sigmoid(h: Array) -> Array:
    """Return h / 6 + 1/2, cut off at 0 and 1."""
    return np.clip(h / 6 + 0.5, 0, 1)


def leaky_relu(h: Array, slope: float) -> Array:
    """Return h, and below 0 slope * h."""
    return np.where(h > 0, h, slope * h)


def mish(h: Array) -> Array:
    """Return h * tanh(softplus(h))."""
    return h * np.tanh(np.logaddexp(h, 0))


def relu(h: Array) -> Array:
    """Return h, and 0 below 0."""
    return np.maximum(h, 0)


def selu(h: Array) -> Array:
    """Return the scaled ELU."""
    below = 1.6732632423543772 * np.expm1(np.minimum(h, 0))
    return 1.0507009873554805 * np.where(h > 0, h, below)


def sigmoid(h: Array) -> Array:
    """Return 1 / (1 + exp(-h)), exact where it is near 0 too."""
    return np.exp(-np.logaddexp(0, -h))


def silu(h: Array) -> Array:
    """Return h / (1 + exp(-h))."""
    return h * np.exp(-np.logaddexp(0, -h))


def softplus(h: Array) -> Array:
    """Return log(1 + exp(h))."""
    return np.logaddexp(h, 0)


def softsign(h: Array) -> Array:
    """Return h / (1 + |h|)."""
    return h / (1 + np.abs(h))


def tanh(h: Array) -> Array:
    """Return the hyperbolic tangent of h."""
    return np.tanh(h)


# The functions by the names of the activations, with the hyper-parameters that they take.
ACTIVATIONS: Mapping[str, tuple[Callable[..., Array], tuple[str, ...]]] = MappingProxyType(
    {
        "elu": (elu, ("alpha",)),
        "gelu": (gelu, ()),
        "gelu_by_tanh": (gelu_by_tanh, ()),
        "hard_sigmoid": (hard_sigmoid, ()),
        "leaky_relu": (leaky_relu, ("slope",)),
        "mish": (mish, ()),
        "relu": (relu, ()),
        "selu": (selu, ()),
        "sigmoid": (sigmoid, ()),
        "silu": (silu, ()),
        "softplus": (softplus, ()),
        "softsign": (softsign, ()),
        "tanh": (tanh, ()),
    }
)

# Layers that make rows wider.


def piecewise_linear(
    h: Array,
    columns: list[int],
    kept: list[int],
    bins: tuple[Array, Array, Array],
    rectified: bool,
) -> Array:
    """Return an embedding of columns, of each the line value + (x - start) * slope of x's bin."""
    start, value, slope = bins
    x = h[:, columns]
    found = [own.searchsorted(each, "right") for own, each in zip(start[:, 1:], x.T, strict=True)]
    at = np.arange(len(columns)), np.stack(found, axis=1)
    e = value[at] + (x - start[at])[:, :, None] * slope[at]
    e = np.maximum(e, 0) if rectified else e
    return np.hstack([e.reshape(len(h), -1), h[:, kept]])


def periodic(
    h: Array,
    columns: list[int],
    kept: list[int],
    waves: tuple[Array, Array],
    weight: Array,
    bias: Array,
    rectified: bool,
) -> Array:
    """Return an embedding of columns by waves cos(x * frequency + phase), and the columns."""
    frequency, phase = waves
    x = h[:, columns][:, :, None]
    e = np.cos(x * frequency + phase)
    e = np.swapaxes(np.swapaxes(e, 0, 1) @ weight, 0, 1) + bias
    e = np.maximum(e, 0) if rectified else e
    e = np.concatenate([e, x], axis=2)
    return np.hstack([e.reshape(len(h), -1), h[:, kept]])


def entity(h: Array, kept: int, tables: list[Array]) -> Array:
    """Return an embedding of the last columns, which hold codes: the rows of their tables."""
    found = [
        table[np.clip(h[:, kept + at].astype(int), 0, len(table) - 1)]
        for at, table in enumerate(tables)
    ]
    return np.hstack([h[:, :kept], *found])


# Layers of submodels: n rows of each example, one below the other.


def repeated(h: Array, n: int) -> Array:
    """Return each row n times."""
    return np.repeat(h, n, axis=0)


def submodel_scaled(h: Array, n: int, scale: Array, shift: Array) -> Array:
    """Return each submodel's rows times its scale, plus its shift: (n, units) each."""
    return (h.reshape(-1, n, h.shape[1]) * scale + shift).reshape(h.shape)


def submodel_linear(h: Array, n: int, weight: Array, bias: Array) -> Array:
    """Return each submodel's product, by weights (n, inputs, units) and biases (n, 1, units)."""
    h = np.swapaxes(h.reshape(-1, n, h.shape[1]), 0, 1)
    return np.swapaxes(h @ weight + bias, 0, 1).reshape(-1, weight.shape[2])


def submodel_mean(h: Array, n: int, link: str) -> Array:
    """Return the logits of the mean of n submodels' predictions."""
    h = h.reshape(-1, n, h.shape[1])
    if link == "softmax":
        h = np.exp(h - h.max(axis=2, keepdims=True))
        h = (h / h.sum(axis=2, keepdims=True)).mean(axis=1)
        return np.log(h + np.finfo(np.float32).tiny)
    if link == "sigmoid":
        yes, no = (-np.logaddexp(0, -h)), (-np.logaddexp(0, h))
        yes, no = (np.exp(each).mean(axis=1) + np.finfo(np.float32).tiny for each in (yes, no))
        return np.log(yes) - np.log(no)
    return np.log(np.exp(h).mean(axis=1)) if link == "exp" else h.mean(axis=1)


# The links: predictions (rows, outputs) of logits.


def softmax(h: Array) -> Array:
    """Return probabilities, of sum 1 in each row."""
    h = np.exp(h - h.max(axis=1, keepdims=True))
    return h / h.sum(axis=1, keepdims=True)


def identity(h: Array) -> Array:
    """Return h."""
    return h


def exp(h: Array) -> Array:
    """Return e to the power of h."""
    return np.exp(h)


LINKS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {"identity": identity, "softmax": softmax, "sigmoid": sigmoid, "exp": exp}
)
