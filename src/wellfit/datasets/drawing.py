"""Figures of image data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Array, Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 5


def picture(dataset: Dataset, n: int = 10) -> Figure:
    """Draw ``n`` images with their labels: the first of each class, then the second, and so on.

    Args:
        dataset: image data.
        n: number of images to draw; all if there are fewer.

    Returns:
        A figure that isn't displayed; ``figure.savefig("images.png")`` writes it.

    Raises:
        DataError: the data have no images, or ``n`` is less than 1.
    """
    from matplotlib.figure import Figure

    if dataset.image_shape is None:
        raise DataError(f"{dataset.name} has no images to draw")
    if n < 1:
        raise DataError(f"n is {n}; expected at least 1 image to draw")
    chosen = _in_turn(np.asarray(dataset.y))[:n]
    height = -(-len(chosen) // _COLUMNS)
    figure = Figure(figsize=(1.4 * _COLUMNS, 1.7 * height), layout="constrained")
    X = np.asarray(dataset.X)
    brightest = X[chosen].max()
    for place, row in enumerate(chosen, start=1):
        axes = figure.add_subplot(height, _COLUMNS, place)
        axes.imshow(X[row].reshape(dataset.image_shape), cmap="gray", vmax=brightest)
        axes.set_title(_label(dataset, row), fontsize=9, wrap=True)
        axes.set_axis_off()
    return figure


def _in_turn(y: Array) -> Array:
    """Return the rows in an order that alternates between classes."""
    import pandas as pd

    labels = pd.Series(y)
    turn = labels.groupby(labels).cumcount().to_numpy()
    return np.lexsort((labels.rank(method="dense").to_numpy(), turn))


def _label(dataset: Dataset, row: int) -> str:
    label = np.asarray(dataset.y)[row]
    names = dataset.class_names
    return names[int(label)] if names and 0 <= label < len(names) else str(label)
