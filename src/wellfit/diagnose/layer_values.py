"""Forward and backward pass of a fitted network, layer by layer, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wellfit.core.errors import DataError, InputError
from wellfit.core.fitted import require_fitted
from wellfit.core.rng import derive, random_state_of
from wellfit.fitting import Compute, FittedNetwork
from wellfit.fitting.validation import validate_features
from wellfit.nn import Linear, Network
from wellfit.nn.execution import Executor, Memory, layer_hypers
from wellfit.training import Rows

Arrays: TypeAlias = list[NDArray[np.float64]]


@dataclass(frozen=True)
class LayerValues:
    """What passes through a network: forward from rows to outputs, backward from the loss.

    With L linear layers (the hidden layers and the output layer) and n rows; the lists have an
    entry for each linear layer, from the input on, in the order of ``coefs_``.

    Attributes:
        activations: L + 1 arrays, what each linear layer reads, and what comes out at the end:
            the encoded rows (n, n_inputs); each hidden layer's outputs
            h = f(z) (n, units); the outputs (n, n_outputs): probabilities, or estimates of scaled
            targets.
        pre_activations: L arrays z = h W + b, (n, units), of the activations h below.
        losses: (n,) the loss E of each row, without penalties; None without targets.
        deltas: L arrays ∂E/∂z, (n, units), of each row's loss; None without targets.
        coef_grads: L arrays ∂E/∂W, (inputs, units), means over the rows; None without targets.
        intercept_grads: L arrays ∂E/∂b, (units,), means over the rows; None without targets.
    """

    activations: Arrays
    pre_activations: Arrays
    losses: NDArray[np.float64] | None = None
    deltas: Arrays | None = None
    coef_grads: Arrays | None = None
    intercept_grads: Arrays | None = None

    def __str__(self) -> str:
        """Return a table of the shapes, a line for each layer."""
        head: tuple[str, ...] = (
            "layer",
            "activations",
            "pre-activations",
            "deltas",
            "∂E/∂W",
            "∂E/∂b",
        )
        lines = [head, ("inputs", _shape(self.activations[0]), "", "", "", "")]
        for place, z in enumerate(self.pre_activations):
            name = "output" if place + 1 == len(self.pre_activations) else f"hidden {place + 1}"
            backward = [self.deltas, self.coef_grads, self.intercept_grads]
            shapes = ["" if part is None else _shape(part[place]) for part in backward]
            lines.append((name, _shape(self.activations[place + 1]), _shape(z), *shapes))
        sizes = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=True)).rstrip()
            for line in lines
        )


def layer_values(
    model: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    training: bool = False,
    random_state: Any = None,
) -> LayerValues:
    """Return a fitted network's activations on some rows, and with targets the deltas below.

    Everything is computed in double precision and as when predicting: dropout and noise are off,
    and batch norm, between the pre-activations and the activations, uses its running statistics.
    With ``training``, it is as in a step whose batch the rows are: dropout and noise are drawn,
    and batch norm uses the mean and variance of these rows. The model stays as it is.
    All rows count alike; penalties aren't part of the gradients (L2 adds ``l2 * W``). Of several
    networks that are averaged, the values are those of the first.

    Args:
        model: a fitted classifier or regressor.
        X: (n_samples, n_features) rows, as in training.
        y: their targets, as in training; None for the forward pass only.
        training: whether the layers work as in training, and not as when predicting.
        random_state: of dropout and noise; a whole number makes them repeatable.

    Raises:
        NotFittedError: before ``fit``.
        DataError: rows and targets of different number; one row, and batch norm in training.
        InputError: a model without linear layers of its own, such as one of pairs of rows.

    Source: the backward pass is that of Rumelhart, Hinton and Williams, "Learning representations
    by back-propagating errors", 1986; the names are those of scikit-learn's ``_backprop``.

    >>> from wellfit import MLPClassifier
    >>> X, y = np.eye(3), ["a", "b", "b"]
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit(X, y)
    >>> print(layer_values(clf, X, y))
    layer     activations  pre-activations  deltas  ∂E/∂W   ∂E/∂b
    inputs    (3, 3)
    hidden 1  (3, 4)       (3, 4)           (3, 4)  (3, 4)  (4,)
    output    (3, 2)       (3, 2)           (3, 2)  (4, 2)  (2,)
    """
    require_fitted(model, "network_")
    network: FittedNetwork = model.network_.first
    if network.weights.network.rows_per_example[0] != 1:
        raise InputError(f"{type(model).__name__} reads several rows at a time; expected one")
    if network.n_submodels > 1:
        raise InputError(
            f"each of {network.n_submodels} submodels has values of its own; expected a model "
            "with n_submodels=1"
        )
    table = validate_features(model, X, network.features)
    numbers = network.features.encode(table, Compute(precision="float64").numpy_dtype)
    n_rows = numbers.shape[0]
    targets = np.zeros(n_rows)
    if y is not None:
        read = network.targets.read(y, warn=False)
        if len(read) != n_rows:
            raise DataError(f"X has {n_rows:,} rows and y {len(read):,}; expected as many")
        targets = network.targets.encode(read, numbers)
    if training and n_rows < 2 and any(layer.mixes_rows for layer in network.layers):
        raise DataError("batch norm in training needs several rows; expected at least 2, found 1")
    seed = random_state_of(random_state).randint(2**31 - 1) if training else None
    rows = Rows(numbers, targets, dtype=torch.float64, pixel_max=network.features.pixel_max)
    with torch.no_grad():
        passes = _Passes(network, n_rows, seed)
        return passes.run(rows, with_targets=y is not None)


class _Passes:
    """A fitted network bound to some rows, in double precision.

    Args:
        network: the network.
        n_rows: number of rows.
        seed: of the noise of a step of training; None to compute as when predicting.
    """

    def __init__(self, network: FittedNetwork, n_rows: int, seed: int | None) -> None:
        weights = network.weights.to(torch.float64, torch.device("cpu"))
        # Layers that only disturb training have no parameters, so the flat buffers stay as they
        # are without them.
        layers = [one for one in network.layers if seed is not None or not one.training_only]
        bare = Network(weights.network.inputs, layers=tuple(layers))
        self._loss, self._layers, self._n_rows = network.targets.loss, layers, n_rows
        self._gradients = torch.zeros_like(weights.parameters)
        memory = Memory(
            1,
            weights.parameters,
            self._gradients,
            weights.statistics.clone(),  # a step of training updates them
            layer_hypers([bare], torch.device("cpu")),
            [torch.tensor([derive(seed or 0, "noise", place)]) for place in range(len(layers))],
        )
        # A layer that tracks statistics and doesn't learn works as when predicting.
        still = [seed is None and bool(shape.rows) for shape in bare.statistics.shapes]
        self._executor = Executor(bare, memory, n_rows, learns=[[not one] for one in still])
        self._executor.refresh(0, 1)
        self._views = bare.parameters.views(self._gradients, 1)

    def run(self, rows: Rows, *, with_targets: bool) -> LayerValues:
        ids = torch.arange(self._n_rows)
        x = rows.features(ids)[None]
        logits = self._executor.forward(x).transpose(1, 2)
        outputs = [each for _, each in self._executor.outputs()]
        linear = [place for place, layer in enumerate(self._layers) if isinstance(layer, Linear)]
        noise = self._layers[: linear[0]]
        disturbed = bool(noise) and all(layer.training_only for layer in noise)
        forward = LayerValues(
            [
                _array(outputs[linear[0] - 1][0] if disturbed else x[0, :, :-1]),
                *(_array(outputs[place - 1][0]) for place in linear[1:]),
                _array(self._loss.predict(logits)[0].T),
            ],
            [_array(outputs[place][0]) for place in linear],
        )
        if not with_targets:
            return forward
        target = rows.targets(ids[None], self._loss, logits.shape[1])
        losses = self._loss.value(logits, target)[0]
        delta = self._loss.delta(logits, target, torch.empty_like(logits.contiguous()))
        deltas = self._executor.backward_recorded(delta.transpose(1, 2).contiguous())
        # From the top: below the lowest layer that learns there are none.
        found = dict(zip(reversed(range(len(self._layers))), reversed(deltas), strict=False))
        return LayerValues(
            forward.activations,
            forward.pre_activations,
            _array(losses),
            [_array(found[place][0]) for place in linear],
            [_array(self._views[place][0, :-1]) for place in linear],
            [_array(self._views[place][0, -1]) for place in linear],
        )


def _array(values: Tensor) -> NDArray[np.float64]:
    """Return a copy in NumPy's memory."""
    copied: NDArray[np.float64] = values.detach().clone().numpy()
    return copied


def _shape(values: NDArray[np.float64]) -> str:
    return str(values.shape)
