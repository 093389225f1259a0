"""Training by SciPy's minimizers: one run for each member, on the loss of all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.optim.layer_rates import LayerRates
from wellfit.optim.minimizers import Minimizer, MinimizerRun
from wellfit.training.member import Member
from wellfit.training.processes import ProcessGroup
from wellfit.training.stack import Stack
from wellfit.training.step import Step, covers
from wellfit.training.step_schedule import StepValues

Vectors = NDArray[np.float64]


class MinimizerRuns:
    """The runs of a stack's members, in order.

    Args:
        stack: whose weights are where the runs start.

    Raises:
        HyperparameterError: a member has what makes no sense for a minimizer.
    """

    def __init__(self, stack: Stack) -> None:
        rule = stack.members[0].optimizer
        assert isinstance(rule, Minimizer)
        for member in stack.members:
            _check(member)
        self._all = [
            MinimizerRun(rule, start) for start in _vectors(stack, stack.weights.parameters)
        ]

    @property
    def done(self) -> NDArray[np.bool_]:
        """The members whose runs have ended, (K,) booleans."""
        return np.array([run.done for run in self._all])

    def select(self, positions: Sequence[int]) -> None:
        """Keep only the runs at these positions."""
        for index, run in enumerate(self._all):
            if index not in positions:
                run.close()
        self._all = [self._all[index] for index in positions]

    def move(self, stack: Stack, losses: Sequence[float]) -> None:
        """Give every run its loss and gradient, and move the weights to the points it returns."""
        triples = zip(self._all, losses, _vectors(stack, stack.gradients), strict=True)
        _write(stack, [run.tell(loss, gradient) for run, loss, gradient in triples])

    def restore_best(self, stack: Stack, positions: NDArray[np.int64] | None = None) -> None:
        """Put members, by position, where their runs saw the lowest loss; all by default."""
        points = _vectors(stack, stack.weights.parameters)
        for index in range(len(points)) if positions is None else positions:
            points[index] = self._all[index].best
        _write(stack, points)

    def close(self) -> None:
        """End all runs."""
        for run in self._all:
            run.close()


class MinimizerStep(Step):
    """A step on all rows, by :class:`MinimizerRuns`."""

    def __init__(self, stack: Stack, batch: int, runs: MinimizerRuns, group: ProcessGroup) -> None:
        super().__init__(stack, batch, 1, group)
        self._stack, self._runs = stack, runs
        weights = stack.network.parameters.weights(stack.weights.parameters, stack.k)
        # Frozen layers' too: the loss of a member doesn't depend on what others learn.
        self._penalized = [
            [view for number, view in enumerate(weights) if covers(penalty, number)]
            for penalty in stack.members[0].penalties
        ]

    def refresh(self, step: int, steps: int) -> None:
        """Draw nothing: losses are compared, so that codes of categories stay as they are."""

    def __call__(
        self,
        logits: Tensor,
        values: StepValues,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Compute the loss and its gradient, and let the runs move."""
        self.compute(logits, values, x, target, weight)
        rows = self._loss.value(logits, target, self._loss_hypers)
        loss = (rows if weight is None else rows * weight.squeeze(-2)).double().mean(-1)
        self._share.add_up(loss)
        penalties = zip(self._stack.members[0].penalties, self._penalized, strict=True)
        for (penalty, views), strength in zip(penalties, values.strengths, strict=True):
            for view in views:
                loss += penalty.value(view, strength)
        self._runs.move(self._stack, loss.tolist())


def _check(member: Member) -> None:
    name = member.optimizer.name
    noisy = [layer.name for layer in member.network.layers if layer.training_only]
    decoupled = [penalty.name for penalty in member.penalties if penalty.decoupled]
    cannot = {
        "random layers": noisy,
        "decoupled penalties": decoupled,
        "constraints": [constraint.name for constraint in member.constraints],
        "gradient clipping": [clipping.name for clipping in member.gradient_clipping],
        "averaged weights": [str(member.ema_decay)] if member.ema_decay else [],
        "layer rates other than 0 and 1": []
        if _only_freezes(member.layer_rates)
        else [repr(member.layer_rates)],
    }
    for what, given in cannot.items():
        if given:
            raise HyperparameterError(
                f"{name} minimizes a fixed loss of all rows and takes no {what}; "
                f"given {', '.join(given)}"
            )


def _only_freezes(layer_rates: LayerRates) -> bool:
    """Return whether all rates are 0 or 1: a minimizer finds the size of its steps itself."""
    return set(layer_rates.rates) <= {0, 1} and set(layer_rates.start_epochs) <= {1}


def _vectors(stack: Stack, flat: Tensor) -> list[Vectors]:
    """Return each member's part of a flat buffer as one vector."""
    views = stack.network.parameters.views(flat, stack.k)
    rows = torch.cat([view.flatten(1) for view in views], dim=1)
    # SciPy's line searches compare losses in double precision.
    return list(rows.double().cpu().numpy())


def _write(stack: Stack, vectors: Sequence[Vectors]) -> None:
    """Write each member's vector to its weights, but to those of frozen layers."""
    views = stack.network.parameters.views(stack.weights.parameters, stack.k)
    rows = torch.from_numpy(np.stack(vectors)).to(stack.gradients)
    parts = torch.split(rows, [view[0].numel() for view in views], dim=1)
    # Frozen layers lie in no group: they aren't written at all, and keep their bits.
    for group in stack.step_schedule.groups:
        for layer in group.layers:
            view = views[layer][group.members]
            view.copy_(parts[layer][group.members].view_as(view))
