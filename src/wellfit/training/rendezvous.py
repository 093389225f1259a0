"""The rendezvous of processes: they meet anew, whatever earlier ones have left behind.

torchrun keeps one store of keys through all its restarts, so that a process may read the address
of one that has ended. Here the first process makes a token, and the others agree on it before
anything else is exchanged: keys are kept apart by the token.
"""

from __future__ import annotations

import time
import uuid

from torch.distributed.distributed_c10d import PrefixStore, Store

from wellfit.core.errors import LostProcessError

_PAUSE = 0.02  # seconds from one look at the store to the next


def fresh_store(store: Store, rank: int, size: int, patience: float) -> Store:
    """Return a store of keys that only the processes have written which meet now.

    Args:
        store: that all of them reach, with keys of earlier ones.
        rank: the number of this process.
        size: how many there are.
        patience: seconds until a process that doesn't come is given up.

    Raises:
        LostProcessError: one didn't come.
    """
    end = time.monotonic() + patience
    token = _give(store, size, end) if rank == 0 else _take(store, rank, end)
    return PrefixStore(f"wellfit/{token}", store)


def _give(store: Store, size: int, end: float) -> str:
    """Return a new token, once all others have it."""
    token, missing = uuid.uuid4().hex, set(range(1, size))
    while missing:
        for rank in sorted(missing):
            # What is there may be of an earlier process, whom nobody hears: so it is read again.
            if store.check([f"wellfit/hello/{rank}"]):
                caller = store.get(f"wellfit/hello/{rank}").decode()
                store.set(f"wellfit/reply/{caller}", token)
            if store.check([f"wellfit/{token}/here/{rank}"]):
                missing.remove(rank)
        _wait(end, f"{len(missing)} of {size} processes")
    return token


def _take(store: Store, rank: int, end: float) -> str:
    """Return the token that the first process gives to this one."""
    caller = uuid.uuid4().hex
    store.set(f"wellfit/hello/{rank}", caller)
    while not store.check([f"wellfit/reply/{caller}"]):
        _wait(end, "process 0")
    token = store.get(f"wellfit/reply/{caller}").decode()
    store.set(f"wellfit/{token}/here/{rank}", "yes")
    return token


def _wait(end: float, who: str) -> None:
    if time.monotonic() > end:
        raise LostProcessError(f"{who} did not come to train together")
    time.sleep(_PAUSE)
