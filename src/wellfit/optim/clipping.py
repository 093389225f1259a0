r"""Clipping: gradients that are too large are cut, each member's for itself.

A member whose gradients are infinite or undefined changes no other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.core.hyper import Config, positive


class Clipping(Config, family="clipping"):
    """A limit on gradients, applied after penalties and before the update.

    >>> grad = torch.tensor([[[3.0, 4.0]], [[0.3, 0.4]]])  # of two members, (K, rows, columns)
    >>> ClipByNorm().apply([grad], 1.0)
    >>> grad
    tensor([[[0.6000, 0.8000]],
            [[0.3000, 0.4000]]])
    """

    limit: float = positive("the largest that is left as it is", default=1.0, search=(0.01, 10))

    @abstractmethod
    def apply(self, grads: Sequence[Tensor], limit: Tensor | float) -> None:
        """Cut the gradients in place.

        Args:
            grads: each layer's, (K, rows, columns).
            limit: (K, 1, 1), or the number that all members share.
        """


class ClipByValue(Clipping, name="by_value"):
    r"""g ← min(max(g, -limit), limit), number by number: the direction may change.

    Source: Mikolov, "Statistical language models based on neural networks", 2012.

    >>> grad = torch.tensor([[[3.0, -0.4]]])
    >>> ClipByValue().apply([grad], 1.0)
    >>> grad
    tensor([[[ 1.0000, -0.4000]]])
    """

    def apply(self, grads: Sequence[Tensor], limit: Tensor | float) -> None:
        """Cut every number."""
        for grad in grads:
            grad.clamp_(-limit, limit)  # type: ignore[arg-type]


class ClipByNorm(Clipping, name="by_norm"):
    r"""g ← g · min(1, limit / ‖g‖), with the norm of all of a member's gradients.

    The direction stays.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", 2013.

    >>> grads = [torch.tensor([[[3.0]]]), torch.tensor([[[4.0]]])]
    >>> ClipByNorm().apply(grads, 1.0)
    >>> [round(grad.item(), 3) for grad in grads]
    [0.6, 0.8]
    """

    def apply(self, grads: Sequence[Tensor], limit: Tensor | float) -> None:
        """Scale each member's gradients down together."""
        # The norm of the layers' norms: no copy of all gradients into one tensor.
        norms = torch.stack([_norm(grad) for grad in grads])
        factor = _factor(torch.linalg.vector_norm(norms, dim=0), limit)
        for grad in grads:
            grad.mul_(factor)


class ClipByLayerNorm(Clipping, name="by_layer_norm"):
    r"""g ← g · min(1, limit / ‖g‖), with the norm of one layer's gradients (bias included).

    A layer with large gradients doesn't make the others' small.

    Source: Yu et al., "Block-normalized gradient method", 2017, there without the min.

    >>> grads = [torch.tensor([[[3.0]]]), torch.tensor([[[0.5]]])]
    >>> ClipByLayerNorm().apply(grads, 1.0)
    >>> [grad.item() for grad in grads]
    [1.0, 0.5]
    """

    def apply(self, grads: Sequence[Tensor], limit: Tensor | float) -> None:
        """Scale each layer's gradients down, member by member."""
        for grad in grads:
            grad.mul_(_factor(_norm(grad), limit))


def _norm(grad: Tensor) -> Tensor:
    return torch.linalg.vector_norm(grad, dim=(1, 2), keepdim=True)


def _factor(norm: Tensor, limit: Tensor | float) -> Tensor:
    """Return min(1, limit / norm), (K, 1, 1); a norm of 0 gives 1."""
    # limit / 0 is infinity, which becomes 1: zero gradients need no guard.
    return torch.div(limit, norm).clamp_(max=1)
