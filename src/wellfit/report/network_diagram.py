"""The network's layers as a diagram shows them: a box for each layer with weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from wellfit.core.hyper import Config
from wellfit.nn import Activate, Network


@dataclass
class LayerGroup:
    """A layer with weights, and the layers up to the next one that has some.

    ``title`` is the largest of its lines; ``units`` are what it puts out.
    """

    units: int
    title: str
    lines: list[str] = field(default_factory=list)
    parameters: int = 0


def grouped(network: Network) -> list[LayerGroup]:
    """Return the inputs, then each layer with weights and what follows it.

    >>> from wellfit.nn import mlp
    >>> [(group.units, group.lines) for group in grouped(mlp(4, (8,), 3))]
    [(4, []), (8, ['relu', '40 parameters']), (3, ['27 parameters'])]
    """
    groups = [LayerGroup(network.inputs, f"{network.inputs:,} inputs")]
    widths, blocks = network.widths[1:], network.parameters.shapes
    for layer, units, block in zip(network.layers, widths, blocks, strict=True):
        if block.weight_rows:
            groups.append(LayerGroup(units, f"{units:,} units"))
        else:
            groups[-1].lines.append(layer_label(layer))
            groups[-1].units = units
        groups[-1].parameters += block.rows * block.columns
    groups[-1].title = f"{groups[-1].units:,} output{'' if groups[-1].units == 1 else 's'}"
    for group in groups[1:]:
        group.lines.append(f"{group.parameters:,} parameters")
    return groups


def relative_heights(groups: Sequence[LayerGroup], least: float) -> list[float]:
    """Return the heights of the boxes, logarithmic in their units: from ``least`` to 1.

    >>> from wellfit.nn import mlp
    >>> [round(height, 2) for height in relative_heights(grouped(mlp(1, (63,), 7)), 0.25)]
    [0.38, 1.0, 0.62]
    """
    logs = [math.log1p(group.units) for group in groups]
    return [least + (1 - least) * each / max(logs) for each in logs]


def layer_label(layer: Config) -> str:
    """Return a short description of a layer: ``relu``, ``dropout 0.2``.

    >>> from wellfit.nn import Dropout, ReLU
    >>> layer_label(Activate(ReLU())), layer_label(Dropout(0.2))
    ('relu', 'dropout 0.2')
    """
    if isinstance(layer, Activate):
        return layer.activation.name
    first = next(iter(layer.hypers()), None)
    value = getattr(layer, first) if first is not None else None
    number = f" {value:g}" if isinstance(value, float) else ""
    return layer.name.replace("_", " ") + number
