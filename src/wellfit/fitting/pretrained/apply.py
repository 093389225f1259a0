"""A training job made to start from another network's layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.pretrained.cutting import with_frozen_prefix
from wellfit.fitting.pretrained.depth import choose_frozen_depth
from wellfit.fitting.pretrained.start import first_weights, with_layer_rates, with_start
from wellfit.fitting.trained import TrainedLayers


def with_pretrained(
    job: TrainingJob,
    pretrained: PretrainedLayers,
    source: TrainedLayers | None,
    before: FittedNetwork | None,
    *,
    one_epoch: bool = False,
) -> TrainingJob:
    """Return a job that starts from what is borrowed, and computes frozen layers once.

    Args:
        job: whose layers are already those borrowed and its own.
        pretrained: which layers are frozen, and how fast the others learn.
        source: the network whose layers are borrowed; None where training goes on.
        before: the network that training goes on from, if it does.
        one_epoch: whether it trains for one more epoch, with the optimizer's memory.

    Raises:
        InputError: training goes on from weights that borrowed nothing.
        HyperparameterError: more frozen layers than are taken.
    """
    borrowed = job.borrowed
    if borrowed is None:
        raise InputError(
            "training goes on from this model's own weights, and pretrained was set since it "
            "began; expected a new estimator, such as one of transfer(freeze=…)"
        )
    if source is not None:
        weights = first_weights(source, borrowed, job.member)
        job = replace(job, start=with_start(job.member, weights))
    elif before is not None and not one_epoch:
        job = replace(job, start=with_start(job.member, before.weights))
    known = None if before is None else before.record.pretrained
    frozen, tried = _frozen(job, borrowed, pretrained, known, one_epoch)
    borrowed.check_frozen(frozen)
    job = replace(job, member=with_layer_rates(job.member, pretrained, frozen))
    if not pretrained.unfreezes() and not one_epoch:
        job = with_frozen_prefix(job, frozen)
    use = {
        "model": (known or {}).get("model", "") if source is None else source.name,
        "layers": borrowed.count,
        "head": "keep" if borrowed.head else "new",
        "frozen": frozen,
        "cached": job.prefix is not None,
        "tried": None if tried is None else dict(tried),
    }
    return replace(job, pretrained=use)


def _frozen(
    job: TrainingJob,
    borrowed: BorrowedLayers,
    pretrained: PretrainedLayers,
    known: Mapping[str, Any] | None,
    one_epoch: bool,
) -> tuple[int, Mapping[str, list[float]] | None]:
    """Return how many layers are frozen, and what was tried to find out."""
    frozen = pretrained.frozen(borrowed.count)
    if frozen is not None:
        return frozen, None
    if known is not None:  # found out when training began
        return known["frozen"], known["tried"]
    if one_epoch:
        raise HyperparameterError(
            "freeze is 'auto', which partial_fit can't find out from some of the rows; "
            "expected a whole number"
        )
    return choose_frozen_depth(job, pretrained, borrowed.count)
