"""The base classes of update rules, and the arithmetic that they share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import Config, nonnegative

Coefficients = dict[str, Any]
Slots = dict[str, Tensor]


class Optimizer(Config, family="optimizer"):
    """A rule that moves parameters against their gradients.

    >>> import torch
    >>> from wellfit.optim import SGD
    >>> p, g = torch.ones(3), torch.ones(3)
    >>> SGD(learning_rate=0.1).update(p, g, {}, {"learning_rate": 0.1, "momentum": 0.0})
    >>> p
    tensor([0.9000, 0.9000, 0.9000])
    """

    has_fused_kernel: ClassVar[bool] = False  # PyTorch has a kernel for it, given plain numbers

    learning_rate: float = nonnegative("step size", default=1e-3, search=(1e-5, 1))

    def slots(self) -> tuple[str, ...]:
        """Return the names of what is remembered of each parameter; all start at zero."""
        return ()

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return what :meth:`update` needs at each step, as tensors that spread to (n, K).

        Args:
            steps: (n, 1), the number of updates done before, from 0; (n, K) where members' layers
                began to learn at different times.
            rate: (n, K), the scheduled learning rates.
            hypers: the per-member hyper-parameters, each (K,), or (n, K) where they change.
        """
        return {"learning_rate": rate}

    def scalars(
        self, steps: Tensor, rate: Tensor, hypers: Coefficients
    ) -> list[Coefficients] | None:
        """Return the coefficients as plain numbers, a set for each step, or None.

        Asked for where all members share their hyper-parameters, on a CPU, whose kernels are
        several times as fast with numbers as with tensors to spread over the members.
        :meth:`update` then gets these; a rule that wants tensors all the same returns None.

        Args:
            steps: (n, 1), the number of updates done before, from 0.
            rate: (n, 1), the scheduled learning rates.
            hypers: what all members share, each (1,), or (n, 1) where it changes.
        """
        return plain(self.coefficients(steps, rate, hypers), len(steps))

    @abstractmethod
    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move ``p`` in place; ``g`` may be used up.

        Args:
            p: parameters, (n,), or (K, n) where members differ in their coefficients.
            g: gradients, like ``p``.
            slots: what is remembered, like ``p``; updated in place.
            c: one step's coefficients: numbers, or tensors (1,) or (K, 1).
        """


class DecoupledDecay(Optimizer):
    """A rule with weight decay apart from it: w ← w - η λ w on weights (not on biases)."""

    weight_decay: float = nonnegative(
        "λ, the share of a weight lost a unit of learning rate", default=0.01, search=(1e-4, 1)
    )

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the rule's, and the factor that shrinks weights before it."""
        # The step applies this factor before the update, to weights only: the rule itself sees
        # flat buffers, in which it can't tell weights from biases.
        shrink = 1 - rate * hypers["weight_decay"]
        return {**super().coefficients(steps, rate, hypers), "shrink": shrink}


class LayerwiseOptimizer(Optimizer):
    """A rule that needs weight matrices whole, layer by layer, and not as flat buffers.

    The weights of each layer go to :meth:`update_matrices`; biases, batch norm's scales and
    shifts, and slopes of activations go to :meth:`update`, flat as for any other rule.
    """

    @abstractmethod
    def update_matrices(self, w: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move a layer's weights in place.

        Args:
            w: weights, (K, inputs, units).
            g: gradients, like ``w``; must be left as they are.
            slots: what is remembered, like ``w``; updated in place.
            c: one step's coefficients: numbers, or tensors (1, 1, 1) or (K, 1, 1).
        """


def plain(table: Coefficients, steps: int) -> list[Coefficients]:
    """Return tensors (1,) or (n, 1) as plain numbers, a dictionary for each of n steps.

    >>> import torch
    >>> plain({"rate": torch.tensor([[0.5], [0.25]]), "momentum": torch.tensor([0.75])}, 2)
    [{'rate': 0.5, 'momentum': 0.75}, {'rate': 0.25, 'momentum': 0.75}]
    """
    # One read from the device for all steps: float() on each would wait for it again and again.
    columns = [value.expand(steps, 1).flatten().tolist() for value in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def subtract_ratio(p: Tensor, above: Tensor, below: Tensor, factor: Tensor | float) -> None:
    """Move ``p`` by -factor · above / below in place; ``below`` is used up.

    >>> import torch
    >>> p = torch.zeros(1)
    >>> subtract_ratio(p, torch.ones(1), torch.tensor([4.0]), 2.0)
    >>> p
    tensor([-0.5000])
    """
    if isinstance(factor, Tensor):
        # addcdiv takes a number only; a factor a member needs the quotient first.
        p.addcmul_(torch.div(above, below, out=below), factor, value=-1)
    else:
        p.addcdiv_(above, below, value=-factor)


def fast_sqrt(square: Tensor, out: Tensor) -> Tensor:
    """Write √square to ``out``, which is other memory, and return it.

    Computed as ``x * rsqrt(x)``: ``torch.sqrt`` is five times slower on zeros and subnormals,
    which sparse inputs produce in large numbers.

    >>> import torch
    >>> fast_sqrt(torch.tensor([4.0, 0.0]), torch.empty(2))
    tensor([2., 0.])
    """
    # The smallest normal number keeps rsqrt(0) finite, so that 0 · rsqrt(0) is 0 and not NaN.
    return torch.add(square, torch.finfo(square.dtype).tiny, out=out).rsqrt_().mul_(square)
