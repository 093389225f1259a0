"""Launch: what ``torchrun`` tells each of the processes that it starts.

It stands in the environment, so that it can be asked before PyTorch is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from wellfit.core.errors import InputError

# Processes that one of torchrun's starts, such as those of a search, inherit its environment
# without being one of them: this holds the number of the one that is.
_OWNER = "WELLFIT_TORCHRUN_PID"


@dataclass(frozen=True)
class Launch:
    """One of several processes that ``torchrun`` has started.

    Attributes:
        rank: its number, from 0.
        size: how many there are, on all machines.
        local_rank: its number on its machine, from 0.
        local_size: how many there are on its machine.
        restarts: how often torchrun has started them anew.
        by: what tells this start of torchrun from others on its machine.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    restarts: int
    by: str

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes files and prints."""
        return self.rank == 0

    @property
    def name(self) -> str:
        """What messages call it.

        >>> Launch(1, 4, 1, 4, 0, "").name
        'process 1 of 0 to 3'
        """
        return f"process {self.rank} of 0 to {self.size - 1}"


def launch_of(environment: Mapping[str, str]) -> Launch | None:
    """Return what torchrun has written into an environment; None where it didn't start this.

    One process alone is none of several, and is None too.

    Raises:
        InputError: a variable of torchrun's is missing or no whole number.

    >>> launch_of({"RANK": "3", "WORLD_SIZE": "4"})  # of something else, such as a batch system
    """
    if "TORCHELASTIC_RUN_ID" not in environment:
        return None
    size = _number(environment, "WORLD_SIZE")
    if size < 2:
        return None
    return Launch(
        _number(environment, "RANK"),
        size,
        _number(environment, "LOCAL_RANK"),
        _number(environment, "LOCAL_WORLD_SIZE"),
        int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")),
        f"{environment['TORCHELASTIC_RUN_ID']}-{os.getppid()}",
    )


def launched() -> Launch | None:
    """Return what torchrun tells this process; None where it was started otherwise."""
    return launch_of(os.environ)


def refuse_launched(what: str, instead: str) -> None:
    """Refuse what torchrun has started in several processes and one would do.

    Args:
        what: such as ``"a search"``.
        instead: what was expected.

    Raises:
        InputError: torchrun has started several.
    """
    launch = launched()
    if launch is not None:
        raise InputError(
            f"torchrun has started {launch.size} processes, and {what} isn't one network that "
            f"they could train together; expected {instead}"
        )


def is_silent() -> bool:
    """Return whether another process of torchrun's prints and writes files for this one."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK", "0") != "0"


def is_child_of_launched() -> bool:
    """Return whether torchrun started not this process, but one that has started this one."""
    return os.environ.get(_OWNER, str(os.getpid())) != str(os.getpid())


def _claim() -> None:
    """Note which process torchrun has started, for those that it will start itself."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        os.environ.setdefault(_OWNER, str(os.getpid()))


def _number(environment: Mapping[str, str], name: str) -> int:
    given = environment.get(name, "")
    if not given.isdecimal():
        raise InputError(
            f"torchrun's variable {name} is {given!r}; expected a whole number from 0, as "
            "torchrun sets it"
        )
    return int(given)


_claim()
