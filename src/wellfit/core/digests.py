"""Digests: checksums of files, and fingerprints of data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sha256(data: bytes) -> str:
    """Return a SHA-256 checksum as 64 hexadecimal digits.

    >>> sha256(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(data).hexdigest()


def blake2b(parts: Iterable[bytes | str | NDArray[Any]], size: int = 16) -> str:
    """Return the BLAKE2b digest of bytes, texts and arrays' numbers, one after the other.

    Nothing marks where a part ends: who takes parts of any length puts that among them.

    Args:
        parts: what is read.
        size: bytes of the digest, from 1 to 64; there are twice as many hexadecimal digits.

    >>> blake2b([b"ab", "c"]) == blake2b([b"abc"]) != blake2b([np.arange(3)])
    True
    """
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        if isinstance(part, str):
            part = part.encode()
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
    return digest.hexdigest()
