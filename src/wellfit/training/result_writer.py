"""ResultWriter: from the members of a stack to the result of their training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.training.member import Member
from wellfit.training.result import Result, Status
from wellfit.training.stack import Weights


class ResultWriter:
    """Writes weights and statuses of a stack's members to the result.

    Args:
        result: of all K members.
        device: of their weights.
    """

    def __init__(self, result: Result, device: torch.device) -> None:
        self.result, self._device = result, device

    def begin(self, members: list[Member], planned: NDArray[np.int64]) -> NDArray[np.int64]:
        """Set which members train; return their positions.

        A finished member goes on if it now has more epochs; one that stopped early or diverged
        stays as it ended.

        Args:
            members: K of them.
            planned: (K,) the epochs that each is to have.
        """
        result = self.result
        result.members = members
        goes_on = (Status.RUNNING, Status.FINISHED, Status.INTERRUPTED)
        ends = zip(planned, result.status, result.epochs, strict=True)
        active = np.flatnonzero([status in goes_on and done < most for most, status, done in ends])
        self.end(active, Status.RUNNING)
        return active

    def end(self, members: NDArray[np.int64], status: Status) -> None:
        """Set the status of some members."""
        for index in members:
            self.result.status[index] = status

    def latest(self, members: NDArray[np.int64]) -> Weights:
        """Return a copy of members' latest weights, as they were archived."""
        return self.result.last.select(self.index(members))

    def archive(
        self, weights: Weights, active: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> None:
        """Write the latest weights of some of the ``active`` members, by position in the stack."""
        source = weights.select(self.index(positions))
        self.result.last.put(self.index(active[positions]), source)

    def keep(
        self, weights: Weights, active: NDArray[np.int64], mask: NDArray[np.bool_], epoch: int
    ) -> None:
        """Write the best weights, of the members in a mask (K,)."""
        if not mask.any():
            return
        result = self.result
        if result.best is None:
            result.best = self.latest(np.arange(len(result.members)))
        chosen = np.flatnonzero(mask[active])
        # Mostly all members improve or none does; copying all of them needs no index.
        whole = len(chosen) == weights.members
        source = weights if whole else weights.select(self.index(chosen))
        result.best.put(self.index(np.flatnonzero(mask)), source)
        result.kept |= mask
        result.best_epoch[mask] = epoch

    def index(self, positions: NDArray[np.int64]) -> Tensor:
        """Return positions as a tensor on the device."""
        return torch.as_tensor(positions, device=self._device)
