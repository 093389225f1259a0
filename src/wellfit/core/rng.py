"""Random numbers that depend on a member's own seed and on nothing else.

A generator that members share would make one member's dropout depend on how many others there
are. So every random number is a function of (seed, what for, when): no state to carry, nothing
to save for a resumed run, and the same numbers on every device and in every stack.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError, shown

_ALL = (1 << 64) - 1
_GAMMA = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15, the golden ratio in 64 bits, as signed
_MIX_1 = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
_MIX_2 = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
_BLOCK = 1 << 32  # numbers that a block leaves room for, whatever its shape


def random_state_of(given: Any) -> np.random.RandomState:
    """Return numpy's generator for scikit-learn's parameter ``random_state``.

    Raises:
        HyperparameterError: what is no seed.

    >>> random_state_of(0).randint(10)
    5
    """
    from sklearn.utils import check_random_state

    try:
        draw: np.random.RandomState = check_random_state(given)
    except (ValueError, TypeError) as error:
        raise HyperparameterError(
            f"random_state is {shown(given)}; expected a whole number from 0 to 2**32 - 1, a "
            "RandomState of numpy, or None"
        ) from error
    return draw


def drawn_seed(given: Any) -> int:
    """Return a whole number from 0 to 2³¹ - 2, drawn by what ``random_state`` may be.

    >>> drawn_seed(0)
    209652396
    """
    return int(random_state_of(given).randint(2**31 - 1))


def derive(seed: int, *path: str | int) -> int:
    """Return a 63-bit key for one use of randomness, e.g. ``derive(seed, "init", layer)``.

    >>> derive(0, "init", 1) == derive(0, "init", 1) != derive(0, "init", 2)
    True
    """
    key = _mixed(seed)
    for part in path:
        # Python's hash() of text differs from process to process; CRC-32 doesn't.
        word = zlib.crc32(part.encode()) if isinstance(part, str) else part
        key = _mixed(key ^ (word + 1))
    # 63 bits: torch's int64 tensors and manual_seed take no larger number.
    return key >> 1


def generator(seed: int, *path: str | int) -> torch.Generator:
    """Return a CPU generator seeded by :func:`derive`."""
    return torch.Generator().manual_seed(derive(seed, *path))


def permutation(seed: int, epoch: int, rows: int) -> Tensor:
    """Return the order (rows,) in which a stream visits its rows in one epoch."""
    return torch.randperm(rows, generator=generator(seed, "order", epoch))


class Bits:
    """Blocks of random 16-bit integers per member: SplitMix64 on a counter (Steele et al., 2014).

    A block of fewer rows begins as one of more rows does.

    Args:
        keys: (K,) one key a member.
        shape: the shape of one block for one member.
        steps: how many consecutive blocks a call fills.
        first_row: rows of a larger block that come before, and aren't drawn.
    """

    def __init__(
        self, keys: Tensor, shape: tuple[int, ...], steps: int, first_row: int = 0
    ) -> None:
        size, before = int(np.prod(shape)), first_row * int(np.prod(shape[1:]))
        first = before // 4  # four 16-bit integers to a 64-bit word
        self._cut = slice(before - 4 * first, before - 4 * first + size)
        words = -(-self._cut.stop // 4)
        self._keys, self._shape, self._steps = keys, shape, steps
        blocks = torch.arange(steps, device=keys.device).mul_(_BLOCK).view(-1, 1, 1)
        # SplitMix64's state after n numbers is seed + n γ: any position is reached by one product,
        # so blocks need not be drawn in order.
        places = torch.arange(first, first + words, device=keys.device)
        self._offsets = (blocks + places).mul_(_GAMMA)
        self._state = torch.empty(steps, len(keys), words, dtype=torch.int64, device=keys.device)
        self._scratch = torch.empty_like(self._state)

    def draw(self, step: int) -> Tensor:
        """Return (steps, K, *shape) int16, uniform on all 65,536 values, from block ``step``."""
        start = self._keys + _signed(step * _BLOCK * _GAMMA)
        bits = torch.add(self._offsets, start.view(1, -1, 1), out=self._state)
        for shift, factor in ((30, _MIX_1), (27, _MIX_2), (31, None)):
            self._xor_shift(bits, shift)
            if factor is not None:
                bits.mul_(factor)
        # A word of 64 random bits is four independent 16-bit numbers.
        halves = bits.view(torch.int16)[..., self._cut]
        return halves.reshape(self._steps, len(self._keys), *self._shape)

    @staticmethod
    def threshold(share: Tensor) -> Tensor:
        """Return the integers (int16) below which such shares of all lie, exact to 1/65536.

        >>> Bits.threshold(torch.tensor([0.0, 0.5]))
        tensor([-32768,      0], dtype=torch.int16)
        """
        # Bits are signed, uniform on [-32768, 32767].
        return (share * 65536 - 32768).round().clamp(max=32767).to(torch.int16)

    def _xor_shift(self, bits: Tensor, shift: int) -> None:
        # torch's >> keeps the sign; the mask makes it the logical shift of the paper.
        torch.bitwise_right_shift(bits, shift, out=self._scratch)
        bits.bitwise_xor_(self._scratch.bitwise_and_((1 << (64 - shift)) - 1))


class Normals:
    """Blocks of standard normal numbers per member, as :class:`Bits` gives integers.

    Each 16-bit integer is looked up in a table of 65,536 equally likely values of N(0, 1), from
    -4.32 to 4.32, which takes a third of the time of Box and Muller's logarithms and cosines.

    Args:
        keys: (K,) one key a member.
        shape: the shape of one block for one member.
        steps: how many consecutive blocks a call fills.
        dtype: of the numbers.
        first_row: rows of a larger block that come before, and aren't drawn.
    """

    def __init__(
        self,
        keys: Tensor,
        shape: tuple[int, ...],
        steps: int,
        dtype: torch.dtype,
        first_row: int = 0,
    ) -> None:
        self._bits = Bits(keys, shape, steps, first_row)
        self._table = self.table(dtype).to(keys.device)

    @staticmethod
    @cache
    def table(dtype: torch.dtype) -> Tensor:
        """Return the value (65536,) that each integer, from the lowest on, stands for."""
        shares = (torch.arange(1 << 16, dtype=torch.float64) + 0.5) / (1 << 16)
        return torch.special.ndtri(shares).to(dtype)

    def draw(self, step: int) -> Tensor:
        """Return (steps, K, *shape) normal numbers from block ``step``; new memory each time."""
        bits = self._bits.draw(step)
        places = bits.int().add_(1 << 15)
        return self._table.index_select(0, places.flatten()).view(bits.shape)


def _mixed(number: int) -> int:
    """Return SplitMix64's next number after the state ``number``."""
    # Python's integers don't overflow; the mask does what 64 bits do by themselves.
    z = (number + _GAMMA) & _ALL
    z = ((z ^ (z >> 30)) * _MIX_1) & _ALL
    z = ((z ^ (z >> 27)) * _MIX_2) & _ALL
    return z ^ (z >> 31)


def _signed(number: int) -> int:
    """Wrap ``number`` around into the range of a signed 64-bit integer."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
