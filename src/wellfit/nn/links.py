"""Links: the functions that turn logits into predictions, and the logits of a mean prediction."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.nn.losses import Loss

# Of logits (…, C, B), as a loss's `predict` takes them.
LINKS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "softmax": lambda z: torch.softmax(z, -2),
    "sigmoid": torch.sigmoid,
    "exp": torch.exp,
}


def link_of(loss: Loss) -> str | None:
    """Return the name of what a loss makes of logits, by trying it; None where it is no other's.

    >>> from wellfit.nn import SigmoidCrossEntropy
    >>> link_of(SigmoidCrossEntropy())
    'sigmoid'
    """
    if loss.levels():  # which are sorted
        return None
    z = torch.linspace(-2, 2, 6, dtype=torch.float64).view(3, 2)
    names = (name for name, link in LINKS.items() if torch.allclose(loss.predict(z), link(z)))
    return next(names, None)


def mean_logits(z: Tensor, link: str) -> Tensor:
    """Return the logits (…, C) whose prediction is the mean of those of z (…, n, C).

    Probabilities and counts are averaged as logarithms, so that none becomes 0 by rounding.

    >>> z = torch.tensor([[0.0, 2.0], [0.0, -2.0]])
    >>> torch.softmax(mean_logits(z, "softmax"), -1)
    tensor([0.5000, 0.5000])
    """
    match link:
        case "softmax":
            return F.log_softmax(z, -1).logsumexp(-2) - math.log(z.shape[-2])
        case "sigmoid":
            return F.logsigmoid(z).logsumexp(-2) - F.logsigmoid(-z).logsumexp(-2)
        case "exp":
            return z.logsumexp(-2) - math.log(z.shape[-2])
    return z.mean(-2)


def logits_of(outputs: Tensor, link: str | None) -> Tensor:
    """Return logits whose predictions are ``outputs``, of any shape; of soft-max, some of many.

    Args:
        outputs: floats.
        link: as :func:`link_of` returns it; None of quantiles, which are as they are.

    >>> logits_of(torch.tensor([0.5, 0.75]), "sigmoid")
    tensor([0.0000, 1.0986])
    """
    if link in (None, "identity"):
        return outputs
    least = torch.finfo(outputs.dtype).tiny
    log = outputs.clamp_min(least).log()
    return log if link != "sigmoid" else log - (1 - outputs).clamp_min(least).log()
