"""Frozen layers computed once for all rows; the rest trains on their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from wellfit.core.digests import blake2b
from wellfit.core.memory import machine_memory
from wellfit.fitting.encoded import EncodedRows
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.pretrained.prefix import FrozenPrefix, frozen_output_index
from wellfit.nn import Layer, Linear, Network
from wellfit.optim import Constraint, LayerRates, Penalty
from wellfit.training import Member, Weights, predict
from wellfit.training.precision import threads

_ROOM = 0.25  # share of the memory that outputs of frozen layers may take
Rule = TypeVar("Rule", Penalty, Constraint)

# Outputs of the same layers for the same rows, as candidates of a search share them.
_kept: WeakKeyDictionary[EncodedRows, dict[str, EncodedRows]] = WeakKeyDictionary()


def with_frozen_prefix(job: TrainingJob, frozen: int) -> TrainingJob:
    """Return the training of what is above the lowest hidden layers, on their outputs.

    It ends where the whole training would. The job itself is returned where something below
    changes from one epoch to the next, or where the outputs would take too much memory.

    Args:
        job: a training that starts from given weights, its frozen layers without dropout.
        frozen: how many hidden layers stay as they are.
    """
    network, start = job.member.network, job.start
    end = frozen_output_index(network, frozen) if frozen else 0
    if start is None or not end or not _is_steady(job, network.layers[:end]):
        return job
    # One member's numbers lie layer after layer.
    learned, tracked = _sizes(network, end)
    prefix = FrozenPrefix(job.member, start.parameters[:learned], start.statistics[:tracked])
    upper = Network(network.widths[end], network.layers[end:])
    slots = {name: slot[learned:] for name, slot in start.slots.items()}
    above = Weights(upper, 1, start.parameters[learned:], start.statistics[tracked:], slots)
    # A network ends in a linear layer: this one changes nothing.
    lower = Network(network.inputs, (*network.layers[:end], Linear(upper.inputs)))
    return replace(
        job,
        rows=_outputs(job, prefix, lower),
        member=_member_above(job.member, frozen, end, upper),
        start=above,
        prefix=prefix,
        full_job=job,
    )


def _is_steady(job: TrainingJob, layers: Sequence[Layer]) -> bool:
    """Say whether layers' outputs are the same at every epoch, and fit in memory."""
    if job.stream.augment or any(map(_adds_noise, layers)):
        return False
    width = Network(job.member.network.inputs, (*layers, Linear(1))).widths[-2]
    return len(job.rows) * width * 8 < _ROOM * machine_memory()


def _adds_noise(layer: Layer) -> bool:
    strengths = [value for key, value in layer.values() if key in ("rate", "std")]
    return layer.training_only and (not strengths or any(strengths))


def _sizes(network: Network, end: int) -> tuple[int, int]:
    """Return how many numbers the lowest layers have learned, and how many they track."""
    learned, tracked = (
        sum(block.rows * block.columns for block in layout.shapes[:end])
        for layout in (network.parameters, network.statistics)
    )
    return learned, tracked


def _member_above(member: Member, frozen: int, end: int, upper: Network) -> Member:
    """Return what of a training is above the cut."""
    rates = member.layer_rates
    left = LayerRates(rates.rates[frozen:], rates.start_epochs[frozen:])
    alike = set(left.rates) <= {1.0} and set(left.start_epochs) <= {1}
    return member.replace(
        network=upper,
        layer_rates=LayerRates() if alike else left,
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


def _outputs(job: TrainingJob, prefix: FrozenPrefix, network: Network) -> EncodedRows:
    """Return the rows that the layers above read, computed once for the same layers and rows."""
    compute = job.compute
    eye = torch.eye(network.outputs + 1, network.outputs).to(prefix.parameters)
    learned = torch.cat([prefix.parameters, eye.flatten()])
    weights = Weights(network, 1, learned, prefix.statistics, {})
    key = _digest(compute.precision, network, learned, prefix.statistics)
    known = _kept.setdefault(job.rows, {})
    if key not in known:
        here = weights.to(compute.dtype, compute.torch_device)
        with threads(compute.n_threads):
            x = predict(
                here,
                job.rows.x,
                lambda z: z,
                precision="float32" if compute.precision == "auto" else compute.precision,
                pixel_max=job.features.pixel_max,
            )[0]
        known[key] = replace(job.rows, x=x)
    return known[key]


def _digest(precision: str, network: Network, *numbers: Tensor) -> str:
    return blake2b([f"{precision}{network!r}", *(each.cpu().numpy() for each in numbers)])
