"""The network as an SVG diagram: a box for each layer with weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from wellfit.core.hyper import Config
from wellfit.nn import Network
from wellfit.nn.layers import Activate
from wellfit.report.page.blocks import Drawing, TableBlock

_BOX, _GAP, _TALL, _LINE = 138, 44, 150, 17
_TOP = 14


@dataclass
class LayerGroup:
    """A layer with weights, and the layers up to the next one that has some.

    ``title`` is the largest of its lines; ``units`` are what it puts out.
    """

    units: int
    title: str
    lines: list[str] = field(default_factory=list)
    parameters: int = 0


def network_drawing(network: Network) -> Drawing:
    """Return a drawing of the layers from left to right, as tall as they are wide."""
    groups = grouped(network)
    width = len(groups) * (_BOX + _GAP) - _GAP + 4
    most = max(len(group.lines) for group in groups)
    height = _TOP + _TALL + (most + 2) * _LINE
    tallest = max(group.units for group in groups)
    parts = [*_links(groups, tallest)]
    for place, group in enumerate(groups):
        parts += _box(place, group, tallest)
    text = "; ".join(f"{g.title}: {', '.join(g.lines)}" for g in groups)
    title = f"The network: {network.size:,} parameters"
    svg = (
        f'<svg class="network" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(f"{title}. {text}")}">{"".join(parts)}</svg>'
    )
    return Drawing(title, svg)


def network_table(network: Network) -> TableBlock:
    """Return every layer with its size and settings."""
    rows = []
    widths, blocks = network.widths[1:], network.parameters.shapes
    for place, (layer, units, block) in enumerate(
        zip(network.layers, widths, blocks, strict=True), 1
    ):
        size = block.rows * block.columns
        rows.append([f"{place}", layer_label(layer), f"{units:,}", f"{size:,}" if size else "–"])
    return TableBlock(
        ["layer", "kind", "outputs", "parameters"], rows, title="Layers", figures=False
    )


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


def _height(units: int, tallest: int) -> float:
    """Return the height of a layer, which is logarithmic in its units."""
    return 34 + (_TALL - 34) * math.log1p(units) / math.log1p(tallest)


def _links(groups: Sequence[LayerGroup], tallest: int) -> Iterator[str]:
    middle = _TOP + _TALL / 2
    for place, (before, after) in enumerate(pairwise(groups)):
        left, right = place * (_BOX + _GAP) + _BOX + 2, (place + 1) * (_BOX + _GAP) + 2
        a, b = _height(before.units, tallest) / 2, _height(after.units, tallest) / 2
        points = f"{left},{middle - a:.1f} {right},{middle - b:.1f} "
        points += f"{right},{middle + b:.1f} {left},{middle + a:.1f}"
        yield f'<polygon class="link" points="{points}"/>'


def _box(place: int, group: LayerGroup, tallest: int) -> Iterator[str]:
    x, tall = place * (_BOX + _GAP) + 2, _height(group.units, tallest)
    y, middle = _TOP + (_TALL - tall) / 2, x + _BOX / 2
    yield f'<rect class="layer" x="{x}" y="{y:.1f}" width="{_BOX}" height="{tall:.1f}" rx="8"/>'
    yield (
        f'<text class="units" x="{middle}" y="{_TOP + _TALL / 2 + 5}">{escape(group.title)}</text>'
    )
    for row, line in enumerate(group.lines):
        at = _TOP + _TALL + (row + 1.2) * _LINE
        yield f'<text x="{middle}" y="{at:.1f}">{escape(line)}</text>'
