"""The network as an SVG diagram: a box for each layer with weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from wellfit.nn import Network
from wellfit.report.network_diagram import LayerGroup, grouped, layer_label, relative_heights
from wellfit.report.page.blocks import Drawing, TableBlock

_BOX, _GAP, _TALL, _LINE = 138, 44, 150, 17
_TOP = 14
_LEAST = 34 / _TALL  # of a layer of no units: a line of text fits


def network_drawing(network: Network, count: int = 1) -> Drawing:
    """Return a drawing of the layers from left to right, as tall as they are wide.

    Args:
        network: the network.
        count: of how many that predict by their mean it is the first.
    """
    groups = grouped(network)
    width = len(groups) * (_BOX + _GAP) - _GAP + 4
    most = max(len(group.lines) for group in groups)
    height = _TOP + _TALL + (most + 2) * _LINE
    heights = [_TALL * share for share in relative_heights(groups, _LEAST)]
    parts = [*_links(heights)]
    for place, (group, tall) in enumerate(zip(groups, heights, strict=True)):
        parts += _box(place, group, tall)
    text = "; ".join(f"{g.title}: {', '.join(g.lines)}" for g in groups)
    title = f"The network: {network.size:,} parameters"
    if count > 1:
        title = f"The first of {count} networks: {network.size:,} parameters"
    svg = (
        f'<svg class="network" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(f"{title}. {text}")}">{"".join(parts)}</svg>'
    )
    return Drawing(title, svg)


def network_table(network: Network, count: int = 1) -> TableBlock:
    """Return every layer with its size and settings; for ``count`` see :func:`network_drawing`."""
    rows = []
    widths, blocks = network.widths[1:], network.parameters.shapes
    for place, (layer, units, block) in enumerate(
        zip(network.layers, widths, blocks, strict=True), 1
    ):
        size = block.rows * block.columns
        rows.append([f"{place}", layer_label(layer), f"{units:,}", f"{size:,}" if size else "–"])
    return TableBlock(
        ["layer", "kind", "outputs", "parameters"],
        rows,
        title="Layers" if count == 1 else f"Layers of the first of {count} networks",
        figures=False,
    )


def _links(heights: Sequence[float]) -> Iterator[str]:
    middle = _TOP + _TALL / 2
    for place, (before, after) in enumerate(pairwise(heights)):
        left, right = place * (_BOX + _GAP) + _BOX + 2, (place + 1) * (_BOX + _GAP) + 2
        a, b = before / 2, after / 2
        points = f"{left},{middle - a:.1f} {right},{middle - b:.1f} "
        points += f"{right},{middle + b:.1f} {left},{middle + a:.1f}"
        yield f'<polygon class="link" points="{points}"/>'


def _box(place: int, group: LayerGroup, tall: float) -> Iterator[str]:
    x = place * (_BOX + _GAP) + 2
    y, middle = _TOP + (_TALL - tall) / 2, x + _BOX / 2
    yield f'<rect class="layer" x="{x}" y="{y:.1f}" width="{_BOX}" height="{tall:.1f}" rx="8"/>'
    yield (
        f'<text class="units" x="{middle}" y="{_TOP + _TALL / 2 + 5}">{escape(group.title)}</text>'
    )
    for row, line in enumerate(group.lines):
        at = _TOP + _TALL + (row + 1.2) * _LINE
        yield f'<text x="{middle}" y="{at:.1f}">{escape(line)}</text>'
