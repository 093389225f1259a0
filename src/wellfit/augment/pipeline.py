"""Augmentations one after another: checked, bound to streams, and tried out on rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wellfit.augment.base import Augmentation, AugmentationOp, AugmentContext, Examples, Image
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.hyper import resolve
from wellfit.core.stacking import stack_key


def augmentations(spec: Any) -> tuple[Augmentation, ...]:
    """Return augmentations from a name, a config, a dictionary, or several of these.

    Args:
        spec: None for none at all.

    Raises:
        UnknownNameError: no such augmentation.
        HyperparameterError: something else altogether, or a setting out of its range.

    >>> augmentations(["shift", {"name": "rotation", "degrees": 5.0}])
    (Shift(), Rotation(degrees=5.0))
    """
    if spec is None:
        return ()
    several = isinstance(spec, Iterable) and not isinstance(spec, (str, Mapping))
    return tuple(resolve(Augmentation, part) for part in (spec if several else (spec,)))


def image_of(shape: Sequence[int] | None, features: int) -> Image | None:
    """Return an image shape as (height, width, channels), or None where none is given.

    Raises:
        HyperparameterError: no such shape, or not one of ``features`` numbers.

    >>> image_of((28, 28), 784)
    Image(height=28, width=28, channels=1)
    """
    if shape is None:
        return None
    sides = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    whole = all(isinstance(side, (int, np.integer)) and side > 0 for side in sides)
    if len(sides) not in (2, 3) or not whole:
        raise HyperparameterError(
            f"image_shape is {shape!r}; expected (height, width) or (height, width, channels)"
        )
    image = Image(int(sides[0]), int(sides[1]), int(sides[2]) if len(sides) == 3 else 1)
    if math.prod(image) != features:
        raise HyperparameterError(
            f"image_shape {sides} makes {math.prod(image)} numbers a row, and rows have "
            f"{features} features{_squares(features)}"
        )
    return image


def _squares(features: int) -> str:
    """Return the shapes of square images of so many numbers, gray or colour, as a hint."""
    found = [
        (side, side, channels) if channels > 1 else (side, side)
        for channels in (1, 3)
        if (side := math.isqrt(features // channels)) ** 2 * channels == features
    ]
    return f"; {' or '.join(map(str, found))} would fit" if found else ""


class Augmenter:
    """The augmentations of S streams, bound to their batches.

    Args:
        augment: of each stream; alike but for their numbers.
        seeds: of each stream.
        image_shape: (height, width) or (height, width, channels), or None.
        features: D.
        dtype: of the batches.
        device: of the batches.

    Raises:
        HyperparameterError: an image shape that is missing or doesn't fit the features.
        InputError: streams whose augmentations differ in more than numbers.
    """

    def __init__(
        self,
        augment: Sequence[tuple[Augmentation, ...]],
        seeds: Sequence[int],
        image_shape: Sequence[int] | None,
        features: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        _check_alike(augment)
        image = image_of(image_shape, features)
        for part in augment[0]:
            if part.needs_image and image is None:
                raise HyperparameterError(
                    f"augmentation {part.name!r} works on images and needs image_shape: (height, "
                    f"width) or (height, width, channels) of rows of {features} features"
                    f"{_squares(features)}"
                )
        self._site = AugmentContext(tuple(seeds), 0, 1, 1, features, image, dtype, device)
        self._configs = list(zip(*augment, strict=True))
        self._ops: dict[tuple[int, int], list[AugmentationOp]] = {}

    def __call__(self, examples: Examples, step: int, most: int) -> None:
        """Augment the n batches of the global steps from ``step`` on.

        Args:
            examples: the batches; ``x`` is written over in place, the others are replaced.
            step: number of the first batch since training began.
            most: the largest n of such calls, for which memory is allocated.
        """
        batch = examples.x.shape[2]
        # The last batch of an epoch is smaller, and has memory and random keys of its own size.
        ops = self._ops.get((batch, most))
        if ops is None:
            ops = self._ops[batch, most] = self._bound(batch, most)
        for op in ops:
            op(examples, step)

    def _bound(self, batch: int, steps: int) -> list[AugmentationOp]:
        ops: list[AugmentationOp] = []
        for place, configs in enumerate(self._configs):
            context = replace(self._site, place=place, batch=batch, steps=steps)
            op = type(configs[0]).bind(configs, context)
            # A warp after a warp joins it; anything else starts an op of its own.
            if not ops or not ops[-1].absorb(op):
                ops.append(op)
        return ops


def _check_alike(augment: Sequence[tuple[Augmentation, ...]]) -> None:
    wanted = [stack_key(part) for part in augment[0]]
    for stream, parts in enumerate(augment):
        if [stack_key(part) for part in parts] != wanted:
            raise InputError(
                f"stream {stream} cannot share a stack: its augmentations are {parts}, stream "
                f"0's {augment[0]}; expected the same ones, which differ in numbers only"
            )


def augment_rows(
    x: ArrayLike,
    augment: Any,
    image_shape: Sequence[int] | None = None,
    *,
    seed: int = 0,
    step: int = 0,
) -> NDArray[np.floating]:
    """Return an augmented copy of rows, to look at.

    Args:
        x: (rows, features); bytes are divided by 255.
        augment: an augmentation, or several; see :func:`augmentations`.
        image_shape: (height, width) or (height, width, channels) of a row.
        seed: of the random numbers, as a stream's.
        step: another gives other random numbers.

    Returns:
        (rows, features), float64 if x is, else float32.

    Raises:
        HyperparameterError: an image shape that is missing or doesn't fit the features.

    >>> digit = np.zeros((1, 9))
    >>> digit[0, 4] = 1  # the pixel in the middle
    >>> augment_rows(digit, "shift", (3, 3), seed=8).reshape(3, 3)
    array([[0., 0., 0.],
           [0., 0., 0.],
           [1., 0., 0.]])
    """
    given = np.asarray(x)
    dtype = np.float64 if given.dtype == np.float64 else np.float32
    numbers = np.ones((len(given), given.shape[1] + 1), dtype)
    numbers[:, :-1] = given
    numbers[:, :-1] /= 255 if given.dtype == np.uint8 else 1
    rows = torch.from_numpy(numbers)
    parts = augmentations(augment)
    augmenter = Augmenter(
        [parts], [seed], image_shape, given.shape[1], rows.dtype, torch.device("cpu")
    )
    augmenter(Examples(rows[None, None], rows.new_zeros(1, 1, 0, len(rows))), step, most=1)
    return numbers[:, :-1].copy()
