"""Figures of the network: its layers, and the weights of the first layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts.to_matplotlib import PALETTE, QUIET, short_name
from wellfit.core.errors import InputError
from wellfit.nn import CategoricalEmbedding, Network, NumericEmbedding
from wellfit.report.network_diagram import LayerGroup, relative_heights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SMALLEST = 8  # pixels of a side, below which a table is no image
_MOST_NAMES = 40  # beside a heat map


def first_weights(model: Any) -> NDArray[np.float64]:
    """Return the weights (inputs, units) of the first layer that has some, without biases.

    Raises:
        InputError: that layer doesn't read the inputs.
    """
    network, blocks = model.network_.weights.network, model.network_.weights.blocks(0)
    read = network.inputs
    for embedding in _embeddings(network):
        read = embedding.width(read)
    for shape, block in zip(network.parameters.shapes, blocks, strict=True):
        if shape.weight_rows and shape.weight_rows == read:
            return block[: shape.weight_rows].detach().cpu().double().numpy()
    raise InputError(
        f"no layer of {network!r} has weights for each input; expected a dense layer first"
    )


def input_names(model: Any, inputs: int) -> NDArray[Any] | None:
    """Return the names of what the first layer reads, where they are known."""
    table = model.network_.features.table
    names = getattr(model, "feature_names_in_", None)
    if table is not None and names is not None:
        names = table.get_feature_names_out(names)
    if names is None:
        return None
    for embedding in _embeddings(model.network_.weights.network):
        names = np.array(embedding.names(list(names)), dtype=object)
    return names if len(names) == inputs else None


def _embeddings(network: Network) -> list[CategoricalEmbedding | NumericEmbedding]:
    """Return the layers that embed columns, from the lowest."""
    return [e for e in network.layers if isinstance(e, CategoricalEmbedding | NumericEmbedding)]


def image_shape(model: Any, inputs: int) -> tuple[int, ...] | None:
    """Return the shape of the images that rows are, where it is known; else None."""
    if model.image_shape is not None:
        given = tuple(np.atleast_1d(model.image_shape).tolist())
        return given if math.prod(given) == inputs else None
    side = math.isqrt(inputs)
    plain = not hasattr(model, "feature_names_in_") and inputs == model.n_features_in_
    return (side, side) if plain and side**2 == inputs and side >= _SMALLEST else None


def draw_images(
    axes: Axes, weights: NDArray[np.float64], shape: tuple[int, ...], most: int
) -> None:
    """Draw the weights of each unit as an image, side by side."""
    shown = weights[:, :most].T.reshape(-1, *shape)
    reach = float(np.abs(shown).max()) or 1.0
    across = math.ceil(math.sqrt(len(shown)))
    down = -(-len(shown) // across)
    height, width = shape[0] + 1, shape[1] + 1
    coloured = len(shape) == 3 and shape[2] == 3
    sheet = np.full(
        (down * height - 1, across * width - 1, *shape[2:]), 1.0 if coloured else np.nan
    )
    for place, image in enumerate(shown):
        top, left = place // across * height, place % across * width
        drawn = image / reach / 2 + 0.5 if coloured else image
        sheet[top : top + shape[0], left : left + shape[1]] = drawn
    sheet = sheet if coloured or sheet.ndim == 2 else np.nanmean(sheet, axis=2)
    drawn = axes.imshow(sheet, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
    if not coloured:
        axes.figure.colorbar(drawn, ax=axes, label="weight", shrink=0.8)
    axes.set_axis_off()
    axes.set_title(
        f"Weights of {_of(len(shown), weights.shape[1])} units of the first layer", wrap=True
    )


def draw_heat_map(
    axes: Axes, weights: NDArray[np.float64], names: NDArray[Any] | None, most: int
) -> None:
    """Draw the weights as a table of features and units."""
    shown = weights[:, :most]
    reach = float(np.abs(shown).max()) or 1.0
    drawn = axes.imshow(
        shown, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest"
    )
    axes.figure.colorbar(drawn, ax=axes, label="weight")
    if names is not None and len(names) <= _MOST_NAMES:
        axes.set_yticks(range(len(names)), [short_name(name) for name in names], fontsize=8)
    axes.set(xlabel="unit of the first layer", ylabel="feature")
    axes.set_title(f"Weights of {_of(shown.shape[1], weights.shape[1])} units", wrap=True)


def _of(shown: int, there: int) -> str:
    return f"all {there}" if shown == there else f"{shown} of {there}"


def draw_network(axes: Axes, layers: Sequence[LayerGroup], size: int) -> None:
    """Draw the layers from left to right, taller where there are more units."""
    from matplotlib.patches import Polygon, Rectangle

    tall = relative_heights(layers, 0.25)
    for place, (group, height) in enumerate(zip(layers, tall, strict=True)):
        box = Rectangle((place - 0.28, -height / 2), 0.56, height)
        box.set(facecolor=PALETTE[0], alpha=0.2, zorder=2)
        axes.add_patch(box)
        title = group.title.replace(" ", "\n")
        axes.text(place, 0, title, ha="center", va="center", zorder=3)
        axes.text(place, -0.56, "\n".join(group.lines), ha="center", va="top", fontsize=9)
        if place:
            before = tall[place - 1] / 2
            left, right = place - 0.72, place - 0.28
            ends = [(left, -before), (right, -height / 2), (right, height / 2), (left, before)]
            axes.add_patch(Polygon(ends, facecolor=QUIET, alpha=0.12, zorder=1))
    lowest = max(len(group.lines) for group in layers)
    axes.set(xlim=(-0.5, len(layers) - 0.5), ylim=(-0.6 - 0.11 * lowest, 0.55))
    axes.set_axis_off()
    axes.set_title(f"{size:,} parameters", wrap=True)
