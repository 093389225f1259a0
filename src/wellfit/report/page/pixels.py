"""Small images as one PNG picture in the page itself."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLUE, _ORANGE = np.array([0, 114, 178]), np.array([213, 94, 0])  # Okabe and Ito, 2008


def png_address(pixels: NDArray[np.uint8]) -> str:
    """Return an image (height, width) or (height, width, 3) as a ``data:`` address.

    >>> png_address(np.zeros((2, 2), np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def tiled(images: NDArray[np.uint8], columns: int) -> str:
    """Return images (n, height, width[, 3]) side by side in one picture, ``columns`` in a row."""
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    sheet = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    sheet[:n] = images
    grid = sheet.reshape(rows, columns, *images.shape[1:]).swapaxes(1, 2)
    return png_address(
        np.ascontiguousarray(grid).reshape(rows * height, columns * width, *images.shape[3:])
    )


def grey(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images (n, height, width) of any range as bytes, on one scale."""
    values = np.asarray(images, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return np.rint(255 * (values - low) / ((high - low) or 1)).astype(np.uint8)


def diverging(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return numbers (n, height, width) as colours: white at 0, blue above it, orange below.

    >>> diverging(np.array([[[1.0, 0.0, -1.0]]]))[0, 0].tolist()
    [[0, 114, 178], [255, 255, 255], [213, 94, 0]]
    """
    most = np.abs(images).max(axis=(1, 2), keepdims=True)
    scaled = (images / np.where(most > 0, most, 1))[..., None]
    colour = np.where(scaled > 0, _BLUE, _ORANGE)
    return np.rint(255 + (colour - 255) * np.abs(scaled)).astype(np.uint8)
