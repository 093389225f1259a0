"""Checks of the network before its first step."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from wellfit.core.hyper import hyper
from wellfit.core.rng import generator
from wellfit.core.words import percent
from wellfit.diagnose.base import Check, Finding, Outcome, Stage, graded
from wellfit.diagnose.context import CheckContext
from wellfit.diagnose.start import Start, hidden_weights
from wellfit.fitting import TrainingJob
from wellfit.training import Member, Rows

_ROWS = 256
_FEW_ROWS = 8
_STEP = 1e-6  # of finite differences


class InitialLoss(Check, name="initial_loss"):
    """The loss of an untrained network is that of outputs of 0.

    That is log C for C classes, and the variance for a squared error, 1 for scaled targets. A
    much higher loss shows that the initial weights or the inputs are too large; a much lower one,
    that the loss is computed wrongly, unless the network starts from trained layers.
    """

    stage: ClassVar[Stage] = "start"
    action: ClassVar[str] = "compared the initial loss with that of outputs of 0"

    warn: float = hyper("times what is expected", default=2.0, low=1)
    fail: float = hyper("times what is expected", default=5.0, low=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of a first loss that is too high or too low."""
        start = Start(context.prepared, [context.plain()], context.rows64(context.sample[:_ROWS]))
        loss = float(start.losses())
        shape = 1, start.stack.network.outputs, start.target.shape[-1]
        zeros = torch.zeros(shape, dtype=torch.float64)
        expected = float(start.loss.value(zeros, start.target).mean())
        if expected <= 0:
            return None
        times = loss / expected
        too_low = 0.0 if context.prepared.start is not None else 1 / max(times, 1e-12)
        return self.finding(
            graded(max(times, too_low), self.warn, self.fail),
            f"the initial loss is {loss:.3g}; outputs of 0 have {expected:.3g}",
            "scale the inputs, and start from smaller weights (initializer='glorot_uniform')",
            loss=loss,
            expected=expected,
        )


class PenaltyRaisesLoss(Check, name="penalty"):
    """A penalty adds to the loss, but the data should contribute most of it."""

    stage: ClassVar[Stage] = "start"
    action: ClassVar[str] = "compared the initial loss with and without penalties"

    most: float = hyper("penalty over the data's loss", default=2.0, low=0)

    def examine(self, context: CheckContext) -> Finding | None:
        """Fail where the penalty adds nothing; warn where it is more than all the rest."""
        given = [penalty for penalty in context.member.penalties if not penalty.decoupled]
        if not any(penalty.strength for penalty in given):
            return None
        one = context.plain(penalties=context.member.penalties)
        start = Start(context.prepared, [one], context.rows64(context.sample[:_ROWS]))
        loss, added = float(start.losses()), float(start.penalties())
        outcome = graded(added / loss, self.most) if added > 0 else Outcome.FAIL
        return self.finding(
            outcome,
            f"penalties add {added:.3g} to a loss of {loss:.3g}",
            "make l1 or l2 ten times smaller"
            if added > 0
            else "the weights start at 0: choose another initializer",
            loss=loss,
            added=added,
        )


class Gradients(Check, name="gradients"):
    """Backpropagated gradients equal finite differences, layer by layer.

    Along a random direction d in each layer, (L(w + εd) - L(w - εd)) / 2ε is set against ∇L·d, on
    8 rows in double precision, with dropout and penalties at work: all pairs are one stack.
    """

    stage: ClassVar[Stage] = "start"
    action: ClassVar[str] = "compared gradients with finite differences, in double precision"

    warn: float = hyper("relative difference", default=1e-4, low=0, scale="log")
    fail: float = hyper("relative difference", default=1e-2, low=0, scale="log")

    def examine(self, context: CheckContext) -> Finding | None:
        """Fail where a layer's derivative is wrong."""
        rows = context.rows64(context.sample[:_FEW_ROWS])
        one = context.plain(network=context.member.network, penalties=context.member.penalties)
        worst, layers = _worst_difference(context.prepared, one, rows, context.seed)
        return self.finding(
            graded(worst, self.warn, self.fail),
            f"they differ by less than {max(worst, 1e-9):.0e} in {layers} layers",
            "a custom activation, layer or loss has a wrong derivative",
            difference=worst,
        )


def _worst_difference(
    prepared: TrainingJob, member: Member, rows: Rows, seed: int
) -> tuple[float, int]:
    """Return the largest relative difference, and how many layers were compared."""
    grads = [grad[0] for grad in _perturbed(Start(prepared, [member], rows), seed).gradients()]
    learning = [index for index, grad in enumerate(grads) if grad.numel()]
    pairs = _perturbed(Start(prepared, [member] * (2 * len(learning)), rows), seed)
    views = pairs.stack.network.parameters.views(pairs.stack.weights.parameters, pairs.stack.k)
    expected, steps = [], []
    for place, index in enumerate(learning):
        grad, view = grads[index], views[index]
        noise = torch.randn(grad.shape, generator=generator(seed, "check", index)).double()
        # Mostly the gradient's own direction: there a wrong one shows most.
        direction = grad / grad.norm().clamp_min(1e-300) + 0.3 * noise / noise.norm()
        # In proportion to the weights, so that few units come past the kinks of relu.
        steps.append(_STEP * float(view[2 * place].norm().clamp(1e-3, 1)))
        view[2 * place] += steps[-1] * direction
        view[2 * place + 1] -= steps[-1] * direction
        expected.append(float((grad * direction).sum()))
    losses = (pairs.losses() + pairs.penalties()).numpy()
    slopes = (losses[0::2] - losses[1::2]) / (2 * np.array(steps))
    rounding = 1e-14 * np.maximum(1, np.abs(losses[0::2])) / np.array(steps)
    wrong = np.maximum(np.abs(slopes - expected) - rounding, 0)
    return float((wrong / np.maximum(np.abs(slopes), rounding)).max()), len(learning)


def _perturbed(start: Start, seed: int) -> Start:
    """Return members moved a little, all alike: the first weights may lie on a kink of relu."""
    stack = start.stack
    views = stack.network.parameters.views(stack.weights.parameters, stack.k)
    for index, view in enumerate(views):
        view += 1e-3 * torch.randn(view.shape[1:], generator=generator(seed, "nudge", index))
    return start


class Symmetry(Check, name="symmetry"):
    """Units of a layer that start with the same weights stay identical."""

    stage: ClassVar[Stage] = "start"
    action: ClassVar[str] = "looked for hidden units that start with the same weights"

    most: float = hyper("share of units that equal another", default=0.1, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Fail where hidden units are copies."""
        shares = [
            1 - len(np.unique(block.numpy(), axis=1).T) / block.shape[1]
            for block in hidden_weights(context.prepared)
            if block.shape[1] > 1
        ]
        if not shares:
            return None
        worst = max(shares)
        alike = graded(worst, self.most, self.most)
        return self.finding(
            alike,
            f"{percent(worst, 0)} of a layer's units are identical to another"
            if worst
            else "all units differ",
            "draw the initial weights at random (initializer='glorot_uniform'): identical units "
            "learn the same",
            copies=worst,
        )


class Signals(Check, name="signals"):
    """Outputs and gradients keep their scale from layer to layer in an untrained network.

    Spread is the usual standard deviation of a unit's output over rows: where it goes towards 0,
    deeper layers can't tell rows apart. A gradient that shrinks from layer to layer vanishes; one
    that grows explodes. A unit whose slope is 0 in all rows is dead; where most slopes are nearly
    0, the layer is saturated.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """

    stage: ClassVar[Stage] = "start"
    action: ClassVar[str] = "followed outputs and gradients from layer to layer"

    smallest: float = hyper("spread and share of gradient", default=1e-3, low=0, scale="log")
    largest: float = hyper("spread and growth of gradient", default=1e3, low=1, scale="log")
    dead: float = hyper("share of units", default=0.5, low=0, high=1)
    flat: float = hyper("share of outputs", default=0.8, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Fail where nothing gets through; name the first layer where."""
        start = Start(context.prepared, [context.plain()], context.rows64(context.sample[:_ROWS]))
        signals = start.signals()
        if not signals:
            return None
        spreads = [signal.spread for signal in signals]
        sizes = _gradient_sizes(start)
        ratio = sizes[0] / max(sizes[-1], 1e-300)
        dead, flat = (max(getattr(s, key) for s in signals) for key in ("dead", "flat"))
        illness = self._illness(spreads, ratio, dead, flat)
        text = f"spread {spreads[0]:.2g} in the first layer, {spreads[-1]:.2g} in the last; "
        text += f"the first layer's gradient is {ratio:.2g} of the last's"
        return self.finding(
            Outcome.FAIL if illness else Outcome.PASS,
            f"{illness}: {text}" if illness else text,
            _ADVICE.get(illness, ""),
            first_spread=spreads[0],
            last_spread=spreads[-1],
            gradient_ratio=ratio,
            dead=dead,
            flat=flat,
        )

    def _illness(self, spreads: list[float], ratio: float, dead: float, flat: float) -> str:
        if not np.isfinite([*spreads, ratio]).all():
            return "exploding"
        if dead > self.dead:
            return "dead units"
        if flat > self.flat and min(spreads) > self.smallest:
            return "saturated"
        if max(spreads) > self.largest or ratio > self.largest:
            return "exploding"
        return "vanishing" if min(*spreads, ratio) < self.smallest else ""


_ADVICE = {
    "exploding": "start from smaller weights, scale the inputs, or add batch_norm=True",
    "dead units": "draw the initial weights at random, with biases of 0; or try leaky_relu or elu",
    "saturated": "start from smaller weights, scale the inputs, or use relu",
    "vanishing": "use relu with initializer='he_normal', batch_norm=True, or fewer layers",
}


def _gradient_sizes(start: Start) -> list[float]:
    """Return the root mean square of each linear layer's gradient."""
    start.gradients()
    stack = start.stack
    views = stack.network.parameters.weights(stack.gradients, stack.k)
    return [float(view.square().mean().sqrt()) for view in views]
