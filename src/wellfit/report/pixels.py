"""Grey images in a terminal: two pixels in a character, or letters without colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

_RAMP = " .:-=+*#%@"  # from dark to bright
_MOST = 14  # pixels across, and down; larger images are reduced


@dataclass(frozen=True)
class TerminalImages:
    """Images in rows, as many beside each other as fit, their labels above.

    Args:
        pixels: (n, height, width) numbers of any range.
        labels: (n,) what to write above each.

    >>> Console(width=40).print(TerminalImages(np.eye(4)[None], ["one"]))
    one
    ++
      ++
    """

    pixels: NDArray[np.number]
    labels: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield line by line."""
        small = reduced(np.asarray(self.pixels, dtype=np.float64))
        plain = console.color_system is None or options.ascii_only
        width = small.shape[2]
        fitting = max(1, (options.max_width + 1) // (width + 1))
        beside = -(-len(small) // -(-len(small) // fitting))  # as many in each row
        for start in range(0, len(small), beside):
            labels = self.labels[start : start + beside]
            yield Text(" ".join(f"{_fitting(label, width):<{width}}" for label in labels))
            yield from _lines(small[start : start + beside], plain)


def reduced(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return images of at most 14 x 14 pixels, as means over blocks, from 0 to 1."""
    factor = -(-max(pixels.shape[1:]) // _MOST)
    padding = [(0, 0), *((0, -size % factor) for size in pixels.shape[1:])]
    padded = np.pad(pixels, padding, mode="edge")
    n, height, width = padded.shape
    blocks = padded.reshape(n, height // factor, factor, width // factor, factor).mean((2, 4))
    low, high = blocks.min(), blocks.max()
    return (blocks - low) / ((high - low) or 1)


def _lines(images: NDArray[np.float64], plain: bool) -> list[Text]:
    if images.shape[1] % 2:
        images = np.pad(images, [(0, 0), (0, 1), (0, 0)])
    pairs = range(0, images.shape[1], 2)
    return [
        Text(" ").join(_line(image[row : row + 2], plain) for image in images) for row in pairs
    ]


def _line(pair: NDArray[np.float64], plain: bool) -> Text:
    """Return two rows of pixels as one line: a half block has a colour for each."""
    if plain:
        ranks = np.minimum(pair.mean(axis=0) * len(_RAMP), len(_RAMP) - 1).astype(int)
        return Text("".join(_RAMP[rank] for rank in ranks))
    line = Text()
    for upper, lower in np.rint(255 * pair.T).astype(int).tolist():
        grey = Style(color=f"#{upper:02x}{upper:02x}{upper:02x}")
        line.append("▀", grey + Style(bgcolor=f"#{lower:02x}{lower:02x}{lower:02x}"))
    return line


def _fitting(label: str, width: int) -> str:
    return label if len(label) <= width else label[: width - 1] + "…"
