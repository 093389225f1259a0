"""The layers of a network: statistics during training, weights, outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.charts import Axis, Chart, Line, curve, outline, sampled
from wellfit.fitting import Compute
from wellfit.fitting.validation import validate_features
from wellfit.report.page.blocks import Block, Gallery, Plot, Prose, TableBlock, number
from wellfit.report.page.curves import curve_plot
from wellfit.report.page.pixels import diverging, tiled
from wellfit.report.page.run_data import RunData
from wellfit.training.callbacks.tensorboard import layer_names
from wellfit.training.prediction import Predictor
from wellfit.training.rows import Rows

_SHOWN_ROWS = 256
_MOST_LAYERS, _MOST_UNITS = 8, 32
_BINS = 60
# Statistics of a layer, with titles and units.
_FIGURES = {
    "dead": ("Dead units", "fraction of units"),
    "flat": ("Saturated outputs", "fraction of outputs"),
    "spread": ("Standard deviation of outputs", "standard deviation"),
    "norm": ("Norm of weights", "Frobenius norm"),
    "deviation": ("Standard deviation of weights", "standard deviation"),
    "change": ("Change of weights in an epoch", "fraction of their norm"),
}


def layer_blocks(run: RunData) -> Iterator[Block]:
    """Yield everything about the layers."""
    yield from first_layer(run)
    if run.health:
        seen, epochs = len(run.health), len(run.metrics)
        yield Prose(
            f"The layers were measured after {seen:,} of {epochs:,} epochs. A dead unit has "
            "derivative 0 on all measured rows and doesn't learn; an output with a derivative "
            "below 0.01 hardly learns from its row."
        )
        yield from health_plots(run)
    elif not run.is_search:
        yield Prose("The training recorded no layer statistics.", "warn")
    if run.model is not None and hasattr(run.model, "network_"):
        yield from histograms(run)


def health_plots(run: RunData) -> Iterator[Plot]:
    """Yield a chart of each statistic by epoch, with a line for each layer."""
    for key, (title, unit) in _FIGURES.items():
        names = dict.fromkeys(
            layer["layer"] for line in run.health for layer in line["layers"] if key in layer
        )
        chosen = [list(names)[place] for place in sampled(len(names), _MOST_LAYERS)]
        lines = [_line(run, key, name, place) for place, name in enumerate(chosen)]
        if any(len(line.finite) for line in lines):
            yield curve_plot(title, lines, title=title, unit=unit)


def _line(run: RunData, key: str, name: str, color: int) -> Line:
    points = [
        (line["epoch"], layer[key])
        for line in run.health
        for layer in line["layers"]
        if layer["layer"] == name and key in layer
    ]
    return curve(key, [y for _, y in points], _named(name), [x for x, _ in points], color)


def _named(layer: str) -> str:
    """Return ``layer 2, activation`` for ``2-activation``."""
    place, _, kind = layer.partition("-")
    return f"layer {place}, {kind.replace('_', ' ')}"


def histograms(run: RunData) -> Iterator[Plot]:
    """Yield histograms of each layer's weights, and of its outputs on some test rows."""
    network, values = run.model.network_.weights.network, run.model.network_.weights.blocks(0)
    names = layer_names(network)
    blocks = zip(names, values, network.parameters.shapes, strict=True)
    weights = [(name, b[: shape.weight_rows]) for name, b, shape in blocks if shape.weight_rows]
    yield _histogram("Weights, layer by layer", "weight", weights)
    outputs = _outputs(run)
    if outputs:
        rows = outputs[0][1].shape[0]
        title = f"Outputs of each layer on {rows} test rows"
        yield _histogram(title, "output", outputs)


def _outputs(run: RunData) -> list[tuple[str, Tensor]]:
    """Return the outputs of the layers in prediction; none if they are unknown."""
    model = run.model
    if run.data is None or run.data.X_test is None or model.network_.weights.network.inputs < 1:
        return []
    features = model.network_.features
    x = validate_features(model, run.data.X_test[:_SHOWN_ROWS], features)
    x = features.encode(x, Compute.of(model).numpy_dtype)
    weights = model.network_.first.weights.to(torch.float32, torch.device("cpu"))
    table = Rows(x, np.zeros(0), dtype=torch.float32, pixel_max=features.pixel_max)
    features = table.features(torch.arange(x.shape[0])).expand(1, -1, -1)
    with torch.no_grad():
        outputs = Predictor(weights).outputs(features)
    layers = weights.network.layers
    kept = [
        name
        for name, layer in zip(layer_names(weights.network), layers, strict=True)
        if not layer.training_only
    ]
    named = [(name, values[0]) for name, (_, values) in zip(kept, outputs, strict=True)]
    # Outputs of activation functions and of the last layer, not those between.
    return [pair for pair in named if "activation" in pair[0]] + named[-1:]


def _histogram(title: str, of: str, layers: Sequence[tuple[str, Tensor]]) -> Plot:
    chosen = [layers[place] for place in sampled(len(layers), _MOST_LAYERS)]
    lines, rows = [], []
    for color, (name, values) in enumerate(chosen):
        flat = values.flatten().double().numpy()
        flat = flat[np.isfinite(flat)]
        if flat.size:
            lines.append(outline(flat, _BINS, _named(name), color))
            rows.append([_named(name), *map(number, _quantiles(flat))])
    head = ["layer", "count", "mean", "deviation", "least", "5 %", "median", "95 %", "most"]
    text = "; ".join(f"{row[0]}: mean {row[2]}, standard deviation {row[3]}" for row in rows)
    chart = Chart(title, title, lines, Axis(of), Axis(f"share of {of}s"), f"{text}.")
    return Plot(chart, TableBlock(head, rows, title), ("log",))


def _quantiles(values: NDArray[np.float64]) -> list[Any]:
    quantiles = np.quantile(values, [0, 0.05, 0.5, 0.95, 1]).tolist()
    return [values.size, float(values.mean()), float(values.std()), *quantiles]


def first_layer(run: RunData) -> Iterator[Gallery]:
    """Yield the weights of the first layer's units as images, if the inputs are images."""
    shape = run.data.image_shape if run.data is not None else None
    shape = shape or getattr(run.model, "image_shape", None)
    if run.model is None or not shape:
        return
    network = run.model.network_.weights.network
    first = next((p for p, b in enumerate(network.parameters.shapes) if b.weight_rows), None)
    if first is None or network.parameters.shapes[first].weight_rows != shape[0] * shape[1]:
        return
    weights = run.model.network_.weights.blocks(0)[first][:-1].double().numpy().T
    norms = np.linalg.norm(weights, axis=1)
    shown = np.argsort(-norms, kind="stable")[:_MOST_UNITS]
    images = weights[shown].reshape(-1, *shape)
    columns = 8 if len(shown) > 8 else len(shown)
    yield Gallery(
        "Weights of the first layer",
        tiled(diverging(images), columns),
        [f"unit {unit + 1}" for unit in shown.tolist()],
        columns,
        (shape[1], shape[0]),
        scale=max(1, 84 // max(shape)),
        note=f"Weights from each pixel to {len(shown)} of {len(weights)} units, the largest "
        "first. Blue weights are positive, orange weights negative; each unit has its own scale.",
    )
