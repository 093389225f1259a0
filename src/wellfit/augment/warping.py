"""Warps: augmentations that move pixels, composed into a single resampling.

A warp says for every pixel of the new image where to look in the old one, in pixels from the
image's middle, x to the right and y down. What lies outside the old image is 0.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.augment.base import (
    Augmentation,
    AugmentationOp,
    AugmentContext,
    Draws,
    Examples,
    Image,
)

Hypers: TypeAlias = Mapping[str, Tensor]


class AffineWarp(Augmentation):
    """A warp that is linear: each row has a matrix of its own."""

    draws: ClassVar[int] = 1  # random numbers a row

    @abstractmethod
    def matrix(self, u: Sequence[Tensor], hypers: Hypers) -> Tensor:
        """Return where to look, (..., 3, 3), for ``draws`` tensors of numbers in (-1, 1)."""

    def offsets(self, u: Sequence[Tensor], hypers: Hypers) -> tuple[Tensor, Tensor] | None:
        """Return by how many whole pixels images move (right, down), if that is all they do."""
        return None

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return Warping(context, [_Bound(configs, context)])


class Field(Protocol):
    """A warp that moves every pixel its own way."""

    def __call__(self, step: int, steps: int) -> Tensor:
        """Return by how much to look further right and down, (n, S, B, 2, height, width)."""


def matrix(like: Tensor, rows: Sequence[Sequence[Tensor | float]]) -> Tensor:
    """Return matrices (..., 3, 3) from their first two rows, of numbers or of like's shape.

    >>> matrix(torch.tensor(2.0), [[1, 0, torch.tensor(5.0)], [0, 1, 0]])
    tensor([[1., 0., 5.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """
    built = like.new_zeros(*like.shape, 3, 3)
    built[..., 2, 2] = 1
    for i, row in enumerate(rows):
        for j, entry in enumerate(row):
            built[..., i, j] = entry
    return built


class _Bound:
    """An affine augmentation of S streams with its random numbers."""

    def __init__(self, configs: Sequence[AffineWarp], context: AugmentContext) -> None:
        self._affine, self._hypers = configs[0], context.hypers(configs)
        self._draws = Draws(context, self._affine.draws)

    def matrix(self, step: int, steps: int) -> Tensor:
        return self._affine.matrix(self._draws(step, steps), self._hypers)

    def offsets(self, step: int, steps: int) -> tuple[Tensor, Tensor] | None:
        return self._affine.offsets(self._draws(step, steps), self._hypers)


class Warping(AugmentationOp):
    """Affine warps, and then a field if there is one, as one resampling."""

    def __init__(
        self, context: AugmentContext, affine: list[_Bound], field: Field | None = None
    ) -> None:
        assert context.image is not None
        self.affine, self.field = affine, field
        self._resample = Resampling(context.image, context.dtype, context.device)
        self._slide = Sliding(context.image)

    def absorb(self, following: AugmentationOp) -> bool:
        """Take over a following warp, unless a field is the last here.

        The field says how far to look from a place that the warp after it would have moved.
        """
        # Each resampling blurs; composing the matrices blurs once, and costs one pass over pixels.
        if not isinstance(following, Warping) or self.field is not None:
            return False
        self.affine, self.field = self.affine + following.affine, following.field
        return True

    def __call__(self, examples: Examples, step: int) -> None:
        """Move the pixels of the batches from ``step`` on."""
        # Whole pixels need no interpolation: moving memory is exact, and computes no grid.
        if len(self.affine) == 1 and self.field is None:
            offsets = self.affine[0].offsets(step, examples.steps)
            if offsets is not None:
                self._slide(examples.x, *offsets)
                return
        field = None if self.field is None else self.field(step, examples.steps)
        self._resample(examples.x, self._composed(step, examples.steps), field)

    def _composed(self, step: int, steps: int) -> Tensor | None:
        """Return the product of all matrices: the last warp is the first to be asked where."""
        product = None
        for affine in self.affine:
            factor = affine.matrix(step, steps)
            product = factor if product is None else product @ factor
        return product


class Resampling:
    """Reads images between their pixels: bilinear, by ``torch.nn.functional.grid_sample``."""

    def __init__(self, image: Image, dtype: torch.dtype, device: torch.device) -> None:
        self._image, self._grid = image, torch.empty(0, dtype=dtype, device=device)
        self._x, self._y = (
            torch.arange(size, dtype=dtype, device=device) - (size - 1) / 2
            for size in (image.width, image.height)
        )
        # grid_sample counts from -1 at the image's left or upper edge to 1 at the other.
        self._unit = torch.tensor([2 / image.width, 2 / image.height], dtype=dtype, device=device)

    def __call__(self, x: Tensor, where: Tensor | None, field: Tensor | None = None) -> None:
        """Resample the rows x (n, S, B, D + 1) in place.

        Args:
            x: the rows.
            where: (n, S, B, 3, 3) matrices, or None to look where the pixel itself is.
            field: (n, S, B, 2, height, width) pixels to look further, or None.
        """
        if where is None:
            where = torch.eye(3, dtype=x.dtype, device=x.device).expand(*x.shape[:3], 3, 3)
        grid = self._positions(where.to(x.dtype), field)
        images = self._image.of(x)
        # torch wants channels first; the permuted views cost nothing.
        moved = F.grid_sample(images.permute(0, 3, 1, 2), grid, align_corners=False)
        images.copy_(moved.permute(0, 2, 3, 1))

    def _positions(self, where: Tensor, field: Tensor | None) -> Tensor:
        """Return where to look, (N, height, width, 2), in grid_sample's units."""
        # Matrices are as many as rows: too small for matmul, which may round to bfloat16 besides.
        where = where[..., :2, :] * self._unit[:, None]
        along_x, along_y, offset = where.unbind(-1)
        across = along_x.unsqueeze(-1) * self._x
        down = along_y.unsqueeze(-1) * self._y + offset.unsqueeze(-1)
        shape = (*down.shape, self._image.width)
        if self._grid.numel() < down.numel() * self._image.width:
            self._grid = self._grid.new_empty(down.numel() * self._image.width)
        grid = self._grid[: down.numel() * self._image.width].view(shape)
        torch.add(down.unsqueeze(-1), across.unsqueeze(-2), out=grid)
        if field is not None:
            further_x, further_y = field.to(where.dtype).unsqueeze(-3).unbind(-4)
            grid.addcmul_(along_x[..., None, None], further_x)
            grid.addcmul_(along_y[..., None, None], further_y)
        return grid.flatten(0, 2).permute(0, 2, 3, 1)


class Sliding:
    """Moves images by whole pixels, a row of pixels at a time.

    The images are copied into memory in which zeros lie between their rows, as many as a row has.
    There, a row of pixels moved to the right is the same length of memory, from further left.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._rows = self._windows = self._moved = torch.empty(0)

    def __call__(self, x: Tensor, right: Tensor, down: Tensor) -> None:
        """Move the rows x (n, S, B, D + 1) in place by whole numbers (n, S, B) of pixels."""
        images = self._image.of(x)
        count, (height, width, _) = len(images), self._image
        if count * height > len(self._moved):
            self._allocate(images)
        self._rows[: count * height].view((*images.shape[:3], -1))[:] = images
        source = torch.arange(height, device=x.device) - down.reshape(-1, 1)
        row = source + torch.arange(count, device=x.device)[:, None] * height
        start = (row + 1) * 2 * width - right.reshape(-1, 1).clamp(-width, width)
        inside = (source >= 0) & (source < height)
        start = torch.where(inside, start, 0).view(-1)
        moved = self._moved[: len(start)]
        torch.index_select(self._windows, 0, start, out=moved)
        images.copy_(moved.view(images.shape))

    def _allocate(self, images: Tensor) -> None:
        """Make memory of zeros: two widths before the first row, one after each."""
        _, height, width, channels = images.shape
        count = len(images) * height
        memory = images.new_zeros((count + 1) * 2 * width * channels)
        self._rows = memory.view(count + 1, 2 * width, channels)[1:, :width]
        self._windows = memory.as_strided(
            ((count + 1) * 2 * width - width + 1, width * channels), (channels, 1)
        )
        self._moved = images.new_empty(count, width * channels)
