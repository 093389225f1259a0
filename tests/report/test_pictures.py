"""Images in a terminal: means of blocks, and that they fit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from wellfit.report import TerminalImages
from wellfit.report.pixels import reduced


def test_images_are_reduced_to_means_of_blocks() -> None:
    image = np.kron([[0, 1], [1, 0]], np.ones((14, 14)))[None].astype(np.float64)
    small = reduced(image)
    assert small.shape == (1, 14, 14)
    np.testing.assert_array_equal(small[0], np.kron([[0, 1], [1, 0]], np.ones((7, 7))))


@pytest.mark.parametrize("colour", [None, "truecolor"])
@pytest.mark.parametrize("shape", [(1, 3, 3), (10, 8, 8), (10, 28, 28), (3, 7, 40)])
def test_images_fit_the_terminal(colour: str | None, shape: tuple[int, int, int]) -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, color_system=colour, force_terminal=colour is not None)
    console.print(TerminalImages(np.random.default_rng(0).random(shape), ["a label"] * shape[0]))
    with console.capture() as capture:
        console.print(TerminalImages(np.zeros(shape), ["a label"] * shape[0]), style=None)
    assert capture.get()
    if colour is None:
        assert max(map(len, file.getvalue().splitlines())) <= 60
    else:
        assert "▀" in file.getvalue()
