"""The base class of augmentations: descriptions, bound to the streams and batches they change.

Shapes: n batches at once, S streams, B rows a batch, D features (and a last column of ones).
Every random number is a function of the stream's seed, the augmentation's place in the tuple, the
rows of a batch and the step; nothing is remembered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from wellfit.core.hyper import Config
from wellfit.core.rng import Bits, derive
from wellfit.core.stacking import stacked


class Image(NamedTuple):
    """The shape of an image whose pixels are a row's features: row-major, channels last."""

    height: int
    width: int
    channels: int

    def of(self, x: Tensor) -> Tensor:
        """Return rows (..., D + 1) seen as images (N, height, width, channels), not copied."""
        sides = self.width * self.channels, self.channels, 1
        # Strided over the column of ones, which a reshape would have to copy away.
        return x.as_strided((x.shape[:-1].numel(), *self), (x.shape[-1], *sides))


@dataclass
class Examples:
    """Batches to be augmented, for S streams; ``x`` is written over, the others replaced.

    ``x`` (n, S, B, D + 1), ``target`` (n, S, C, B), ``weight`` (n, S, 1, B) or None.
    """

    x: Tensor
    target: Tensor
    weight: Tensor | None = None

    @property
    def steps(self) -> int:
        """The number of batches, n."""
        return self.x.shape[0]


@dataclass(frozen=True)
class AugmentContext:
    """Everything that an augmentation is bound to: streams, batch size, image shape and memory.

    ``place`` is its position among the stream's augmentations; ``seeds`` are the streams'.
    """

    seeds: tuple[int, ...]
    place: int
    batch: int
    steps: int
    features: int
    image: Image | None
    dtype: torch.dtype
    device: torch.device

    @property
    def exact(self) -> torch.dtype:
        """The type of what is computed once a row and not once a pixel."""
        return torch.float32 if self.device.type == "mps" else torch.float64

    def hypers(self, configs: Sequence[Config]) -> dict[str, Tensor]:
        """Return the numbers of S configs, each (S, 1), to meet one number a row."""
        tensors = stacked(configs, self.exact, self.device)
        return {name: tensor.unsqueeze(-1) for name, tensor in tensors.items()}

    def keys(self, *path: str | int) -> Tensor:
        """Return a key of randomness for each stream, (S,)."""
        # The place in the tuple is part of the key: two shifts in a row must not move alike.
        where = ("augment", self.place, self.batch, *path)
        return torch.tensor([derive(seed, *where) for seed in self.seeds], device=self.device)


class Draws:
    """Random numbers for every row: ``count`` of them, uniform in (-1, 1)."""

    def __init__(self, context: AugmentContext, count: int) -> None:
        self._bits = Bits(context.keys(), (count, context.batch), context.steps)
        self._dtype = context.exact

    def __call__(self, step: int, steps: int) -> tuple[Tensor, ...]:
        """Return ``count`` tensors (steps, S, B) for the batches from ``step`` on."""
        bits = self._bits.draw(step)[:steps]
        # From -32768…32767 to the middles of 65,536 equal parts of (-1, 1): symmetric about 0.
        return bits.to(self._dtype).add_(0.5).div_(32768).unbind(2)


@cache
def normal_numbers(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the standard normal's quantiles (65536,): one for every 16-bit integer."""
    upper = [NormalDist().inv_cdf((index + 0.5) / 65536) for index in range(32768, 65536)]
    # Half of the table, mirrored, makes it exactly symmetric.
    half = torch.tensor(upper, dtype=torch.float64)
    return torch.cat([-half.flip(0), half]).to(dtype).to(device)


def as_normal(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn 16-bit integers of any shape into standard normal numbers."""
    table = normal_numbers(dtype, bits.device)
    return table.index_select(0, (bits.int() + 32768).view(-1)).view(bits.shape)


class AugmentationOp:
    """An augmentation, bound to S streams."""

    def __call__(self, examples: Examples, step: int) -> None:
        """Augment the batches of the steps from ``step`` on."""
        raise NotImplementedError

    def absorb(self, following: AugmentationOp) -> bool:
        """Take over the work of the op that follows, if the two can be one; say whether."""
        return False


class Augmentation(Config, family="augmentation"):
    """A random change of training rows that leaves their meaning as it is.

    >>> from wellfit.augment import Rotation
    >>> Rotation(15.0)
    Rotation(degrees=15.0)
    """

    needs_image: ClassVar[bool] = True  # whether it must know where pixels lie

    @classmethod
    @abstractmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op for S streams, each with its own config."""
