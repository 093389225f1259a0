"""Layers that stay frozen throughout, computed once for all rows; the rest trains on that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from wellfit.core.memory import machine_memory
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.reusing import top
from wellfit.estimators.tables import Table
from wellfit.nn import Layer, Linear, Network
from wellfit.optim import Constraint, LayerRates, Penalty
from wellfit.training import Member, Result, Weights, predict
from wellfit.training.precision import device_of, dtype_of, threads

_ROOM = 0.25  # share of the memory that outputs of frozen layers may take
Rule = TypeVar("Rule", Penalty, Constraint)

# Outputs of the same layers for the same rows, as candidates of a search share them.
_kept: WeakKeyDictionary[Table, dict[str, Table]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Below:
    """The layers under a cut, as they go back under what was trained above it.

    Attributes:
        member: the training of the whole network.
        parameters: what the layers have learned, flat.
        statistics: what they have tracked, flat.
    """

    member: Member
    parameters: Tensor
    statistics: Tensor

    def joined(self, result: Result) -> Result:
        """Return the result of the whole network: nothing below has moved."""
        best = None if result.best is None else self._under(result.best)
        return replace(result, members=[self.member], last=self._under(result.last), best=best)

    def _under(self, above: Weights) -> Weights:
        own, tracked = self.parameters.to(above.parameters), self.statistics.to(above.statistics)
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


def cached(work: Prepared, frozen: int) -> tuple[Prepared, Below] | None:
    """Return a training of what is above the lowest hidden layers, on their outputs.

    It ends where the whole training would. There is none where something below changes from one
    epoch to the next, or where the outputs would take too much memory.

    Args:
        work: a training that starts from given weights, its frozen layers without dropout.
        frozen: how many hidden layers stay as they are.
    """
    network, start = work.member.network, work.start
    end = top(network, frozen) if frozen else 0
    if start is None or not end or not _steady(work, network.layers[:end]):
        return None
    # One member's numbers lie layer after layer.
    learned, tracked = _sizes(network, end)
    below = Below(work.member, start.parameters[:learned], start.statistics[:tracked])
    upper = Network(network.widths[end], network.layers[end:])
    slots = {name: slot[learned:] for name, slot in start.slots.items()}
    above = Weights(upper, 1, start.parameters[learned:], start.statistics[tracked:], slots)
    member = _above(work.member, frozen, end, upper)
    table = _outputs(work, below, Network(network.inputs, (*network.layers[:end], _same(upper))))
    return replace(work, table=table, member=member, start=above, uncut=work), below


def _steady(work: Prepared, layers: Sequence[Layer]) -> bool:
    """Say whether layers put out the same at every epoch, and not too much of it."""
    if work.stream.augment or any(map(_disturbs, layers)):
        return False
    width = Network(work.member.network.inputs, (*layers, Linear(1))).widths[-2]
    return work.table.x.shape[0] * width * 8 < _ROOM * machine_memory()


def _disturbs(layer: Layer) -> bool:
    strengths = [value for key, value in layer.values() if key in ("rate", "std")]
    return layer.training_only and (not strengths or any(strengths))


def _sizes(network: Network, end: int) -> tuple[int, int]:
    """Return how many numbers the lowest layers have learned, and how many they track."""
    learned, tracked = (
        sum(block.rows * block.columns for block in layout.shapes[:end])
        for layout in (network.parameters, network.statistics)
    )
    return learned, tracked


def _same(upper: Network) -> Linear:
    """Return the linear layer that a network must end with; it is to change nothing."""
    return Linear(upper.inputs)


def _above(member: Member, frozen: int, end: int, upper: Network) -> Member:
    """Return what of a training is above the cut."""
    rates = member.layer_rates
    left = LayerRates(rates.rates[frozen:], rates.start_epochs[frozen:])
    return member.replace(
        network=upper,
        layer_rates=LayerRates()
        if set(left.rates) <= {1.0} and set(left.start_epochs) <= {1}
        else left,
        penalties=tuple(_shifted(member.penalties, frozen)),
        constraints=tuple(_shifted(member.constraints, frozen)),
        below=member.below + end,
    )


def _shifted(rules: Sequence[Rule], frozen: int) -> Iterator[Rule]:
    """Yield the rules that are for layers above the cut, which count from there."""
    for rule in rules:
        only = tuple(layer - frozen for layer in rule.only if layer >= frozen)
        if only or not rule.only:
            yield rule.replace(only=only)


def _outputs(work: Prepared, below: Below, network: Network) -> Table:
    """Return the table that the layers above read, computed once for the same layers and rows."""
    precision = work.estimator.precision
    eye = torch.eye(network.outputs + 1, network.outputs).to(below.parameters)
    learned = torch.cat([below.parameters, eye.flatten()])
    weights = Weights(network, 1, learned, below.statistics, {})
    key = _digest(precision, network, learned, below.statistics)
    known = _kept.setdefault(work.table, {})
    if key not in known:
        here = weights.to(dtype_of(precision), device_of(work.estimator.device))
        with threads(work.estimator.n_threads):
            x = predict(
                here,
                work.table.x,
                lambda z: z,
                precision="float32" if precision == "auto" else precision,
                brightest=work.brightest,
            )[0]
        known[key] = Table(x, work.table.y, work.table.weight)
    return known[key]


def _digest(precision: str, network: Network, *numbers: Tensor) -> str:
    digest = hashlib.blake2b(f"{precision}{network!r}".encode(), digest_size=16)
    for each in numbers:
        digest.update(np.ascontiguousarray(each.cpu().numpy()).data)
    return digest.hexdigest()
