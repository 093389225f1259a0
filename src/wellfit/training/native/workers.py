"""Workers: the threads of the compiled step, which wait for its calls while a training lasts."""

from __future__ import annotations

import ctypes

from wellfit.training.native.library import library


class Workers:
    """A pool of threads, made when first asked for, and ended by :meth:`close`.

    Between calls they look out for the next one for a fifth of a millisecond, then sleep.
    """

    def __init__(self) -> None:
        self._pool: ctypes.c_void_p | None = None
        self._threads = 1

    def pool(self, threads: int) -> tuple[ctypes.c_void_p | None, int]:
        """Return a pool and its threads, the calling one among them; none for a single one.

        Args:
            threads: that are worth it; the pool has as many as when first asked for.
        """
        loaded = library()
        if threads > 1 and self._pool is None and loaded is not None:
            self._pool, self._threads = loaded.wellfit_pool(threads), threads
        return (self._pool, self._threads) if threads > 1 else (None, 1)

    def close(self) -> None:
        """End the threads."""
        loaded, pool = library(), self._pool
        self._pool = None
        if pool is not None and loaded is not None:
            loaded.wellfit_end_pool(pool)

    def __del__(self) -> None:
        self.close()
