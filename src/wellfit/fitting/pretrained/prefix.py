"""FrozenPrefix: layers below a training's own, which stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wellfit.nn import Linear, Network
from wellfit.training import Member, Result, Weights


@dataclass(frozen=True)
class FrozenPrefix:
    """The frozen layers whose outputs a training reads, as they go back under what it learned.

    Attributes:
        member: the training of the whole network.
        parameters: what the frozen layers have learned, flat.
        statistics: what they have tracked, flat.
    """

    member: Member
    parameters: Tensor
    statistics: Tensor

    def joined(self, result: Result) -> Result:
        """Return the result of the whole network: no frozen layer has moved."""
        best = None if result.best is None else self._under(result.best)
        return replace(result, members=[self.member], last=self._under(result.last), best=best)

    def _under(self, above: Weights) -> Weights:
        own, tracked = self.parameters.to(above.parameters), self.statistics.to(above.statistics)
        # Frozen weights have no optimizer memory; their average over steps is what they are.
        slots = {
            name: torch.cat([own if name == "average" else torch.zeros_like(own), slot])
            for name, slot in above.slots.items()
        }
        return Weights(
            self.member.network,
            1,
            torch.cat([own, above.parameters]),
            torch.cat([tracked, above.statistics]),
            slots,
        )


def frozen_output_index(network: Network, frozen: int) -> int:
    """Return how many layers stand up to the last outputs of the lowest hidden ones.

    >>> from wellfit.nn import mlp
    >>> frozen_output_index(mlp(4, (8, 8), 3, dropout=0.2), 1)
    2
    """
    linear = [place for place, each in enumerate(network.layers) if isinstance(each, Linear)]
    end = linear[frozen]
    # Dropout and noise draw anew at every step: they can't be part of what is computed once.
    while network.layers[end - 1].training_only:
        end -= 1
    return end
