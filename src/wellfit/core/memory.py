"""The memory of this machine, and the part of it that is free."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from wellfit.core.errors import InputError

_NO_LIMIT = 1 << 62


def machine_memory() -> int:
    """Return the bytes that this process may take at most: the machine's, or its container's.

    Where the system doesn't report it, there is no limit.
    """
    names: Mapping[str, int] = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return _NO_LIMIT
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), container_limit())


def available_memory() -> int:
    """Return the bytes that this process can take now, without those that others hold."""
    return min(machine_memory(), _free())


def container_limit(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the bytes that this process may take, where a container says so."""
    try:
        return int(limit.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return _NO_LIMIT


def _free(table: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that Linux could hand out without swapping; elsewhere, no limit."""
    try:
        lines = dict(line.split(":", 1) for line in table.read_text().splitlines())
        # MemAvailable and not MemFree: caches of files count as free, since the kernel drops them.
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return _NO_LIMIT


def in_bytes(count: float) -> str:
    """Return a number of bytes in words.

    >>> in_bytes(3 << 30), in_bytes(5_300_000), in_bytes(1e40)
    ('3 GiB', '5.05 MiB', '8.27e+15 YiB')
    """
    units = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
    power = next((n for n in range(1, len(units)) if count < 1000 * 1024**n), len(units))
    return f"{count / 1024**power:.3g} {units[power - 1]}"


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([kmgt]?)(i?)b?", re.IGNORECASE)


def bytes_in(text: str) -> int:
    """Return the bytes that a text such as ``"2GB"`` or ``"512 MiB"`` says.

    Raises:
        InputError: it says none.

    >>> bytes_in("2GB"), bytes_in("1.5 kiB"), bytes_in("300")
    (2000000000, 1536, 300)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{text!r} is no amount of memory; expected one such as 2GB or 512MB")
    number, unit, binary = found.groups()
    factor = _UNITS[unit.lower()]
    if binary and unit:
        factor = 1024 ** (["k", "m", "g", "t"].index(unit.lower()) + 1)
    return int(float(number) * factor)
