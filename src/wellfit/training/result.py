"""Results of a training: weights, status, and all that is needed to resume it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wellfit.core import former
from wellfit.training.member import Member
from wellfit.training.stack import Weights

CallbackState = dict[str, Any]


class Status(StrEnum):
    """The status of a member's training: running, or the way it ended.

    >>> str(Status.FINISHED)
    'finished'
    """

    RUNNING = "running"
    FINISHED = "finished"
    EARLY_STOPPED = "early_stopped"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"

    @classmethod
    def _missing_(cls, value: object) -> Status | None:
        """Take the word that files written before 0.1.0 have for an early stop."""
        current = former.current_status(value)
        return None if current == value else cls(current)


@dataclass
class Result:
    """Trained members, and all that is needed to go on training them.

    ``last`` are the weights after the last step, ``best`` those that a callback asked to keep
    (where ``kept``); ``weights()`` are the ones to use. ``scale`` (K,) is what callbacks made of
    the learning rates; ``data`` in a snapshot is the fingerprint of its data; ``position`` counts
    the steps of an epoch that is not over, and ``metric_sums`` (3, K) are the sums over its rows.
    ``trained_by`` is the kind of step that took the last ones: resumed by the other kind, a
    training ends in numbers that differ in their last digits.
    """

    members: list[Member]
    last: Weights
    best: Weights | None
    kept: NDArray[np.bool_]
    best_epoch: NDArray[np.int64]
    epochs: NDArray[np.int64]
    status: list[Status]
    epoch: int
    step: int
    scale: NDArray[np.float64]
    data: str = ""
    position: int = 0
    metric_sums: NDArray[np.float64] | None = None
    trained_by: str = ""
    callbacks: list[CallbackState] = field(default_factory=list)

    @classmethod
    def beginning(cls, members: Sequence[Member], weights: Weights) -> Result:
        """Return where training starts: these weights, and nothing done yet."""
        k = len(members)
        return cls(
            members=list(members),
            last=weights,
            best=None,
            kept=np.zeros(k, dtype=bool),
            best_epoch=np.zeros(k, dtype=np.int64),
            epochs=np.zeros(k, dtype=np.int64),
            status=[Status.RUNNING] * k,
            epoch=0,
            step=0,
            scale=np.ones(k),
        )

    def copy(self) -> Result:
        """Return a copy that can be trained on without changing this one."""
        # What is live (open files, threads) can't be copied, and belongs to the running process.
        kept = [{k: v for k, v in state.items() if k != "live"} for state in self.callbacks]
        copied = copy.deepcopy(replace(self, callbacks=kept, members=[]))
        copied.members = list(self.members)  # which are frozen
        return copied

    def weights(self) -> Weights:
        """Return every member's kept weights, or its last where none were kept."""
        if self.best is None:
            return self.last.for_prediction()
        merged = self.last.select(
            torch.arange(len(self.members), device=self.last.parameters.device)
        )
        chosen = torch.as_tensor(np.flatnonzero(self.kept), device=self.last.parameters.device)
        # Members whose weights nobody kept predict with their last ones.
        merged.put(chosen, self.best.select(chosen))
        return merged.for_prediction()

    @classmethod
    def join(cls, several: Sequence[Result]) -> Result:
        """Return the members of several results, paused after the same epoch, as one.

        Where all members of a result have ended, it may have fewer epochs.
        """
        longest = max(several, key=lambda each: each.epoch)
        bests = [each.last if each.best is None else each.best for each in several]
        some_best = any(each.best is not None for each in several)
        return replace(
            longest,
            members=[member for each in several for member in each.members],
            last=Weights.join([each.last for each in several], slots=True),
            best=Weights.join(bests, slots=True) if some_best else None,
            kept=np.concatenate([each.kept for each in several]),
            best_epoch=np.concatenate([each.best_epoch for each in several]),
            epochs=np.concatenate([each.epochs for each in several]),
            status=[status for each in several for status in each.status],
            scale=np.concatenate([each.scale for each in several]),
            data="",
            metric_sums=None,
            callbacks=[
                {
                    key: _together(
                        value, [each.callbacks[number].get(key) for each in several], number
                    )
                    for key, value in state.items()
                    if key != "live"
                }
                for number, state in enumerate(longest.callbacks)
            ],
        )

    def select(self, chosen: Sequence[int]) -> Result:
        """Return some members' results (indices), in that order, as if the others never were.

        Training goes on from it with the members chosen.
        """
        where = torch.as_tensor(list(chosen), device=self.last.parameters.device)
        index = where.tolist()
        first, *others = self.callbacks or [{}]
        return replace(
            self,
            members=[self.members[place] for place in index],
            last=self.last.select(where),
            best=None if self.best is None else self.best.select(where),
            kept=self.kept[index],
            best_epoch=self.best_epoch[index],
            epochs=self.epochs[index],
            status=[self.status[place] for place in index],
            scale=self.scale[index],
            data="",  # whose fingerprint is all members'
            metric_sums=None if self.metric_sums is None else self.metric_sums[:, index],
            callbacks=[
                {name: _taken(values, index, 2) for name, values in first.items()},
                *(
                    {k: _taken(v, index, 1) for k, v in state.items() if k != "live"}
                    for state in others
                ),
            ],
        )

    def member(self, index: int) -> Result:
        """Return one member's result, as if it had been trained alone."""
        return self.select([index])

    def history(self, member: int = 0) -> Mapping[str, list[float]]:
        """Return one member's metrics by name, a value for each epoch that it trained."""
        epochs = int(self.epochs[member])
        table = self.callbacks[0]
        return {
            name: values[:epochs].tolist()
            if values.ndim == 1
            else values[:epochs, member].tolist()
            for name, values in table.items()
        }


def _taken(value: Any, index: list[int], least: int) -> Any:
    """Return the members' share of what a callback remembers: arrays have them on the last axis.

    Those of fewer than ``least`` axes, such as a history's seconds, are everybody's.
    """
    if isinstance(value, np.ndarray) and value.ndim >= least:
        return value[..., index]
    return copy.deepcopy(value)


def _together(value: Any, parts: Sequence[Any], callback: int) -> Any:
    """Return several results' members' shares of what a callback remembers as one.

    Histories (callback 0) that ended earlier are filled with NaN. Their seconds, and what isn't
    an array, are everybody's.
    """
    shared = callback == 0 and np.ndim(value) < 2
    if shared or not all(isinstance(part, np.ndarray) for part in parts):
        return copy.deepcopy(value)
    if value.ndim < 2:
        return np.concatenate(parts)
    rows = max(len(part) for part in parts)
    padded = [np.full((rows, part.shape[1]), np.nan) for part in parts]
    for whole, part in zip(padded, parts, strict=True):
        whole[: len(part)] = part
    return np.concatenate(padded, axis=1)
