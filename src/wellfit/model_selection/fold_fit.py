"""FoldFit: one candidate of a search on one fold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FoldFit:
    """One candidate on one fold: its parameters, and the rows to train and to be judged on.

    ``until`` is the epoch after which training pauses to be judged; None for its end.
    """

    candidate: Mapping[str, Any]
    train: NDArray[np.integer]
    test: NDArray[np.integer]
    until: int | None = None

    @property
    def training(self) -> Hashable:
        """Which training this is, however far it goes."""
        return id(self.candidate), id(self.train)
