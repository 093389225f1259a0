"""The base class of callbacks, what they see of a training, and what they may decide.

A callback is a frozen config; its state during a run is a dictionary that the loop holds for it.
Arrays, numbers, texts, and lists and dictionaries of these are saved with a checkpoint, so that a
resumed run goes on as if it had never stopped; anything else, an open file say, belongs under the
name ``live``, which is neither saved nor copied. Callbacks never change the members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from wellfit.core.arrays import declared_array
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, Hyper

if TYPE_CHECKING:
    from torch import Tensor

    from wellfit.training.member import Member
    from wellfit.training.result import Result
    from wellfit.training.stack import Weights

State = dict[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Run:
    """The facts of a training at its start: K members, epochs planned, steps of an epoch.

    ``first_epoch`` counts the epochs that are done already: 0, or more where a run resumes.
    Where members are judged ``in_steps``, an epoch is so many steps, and the last may have fewer;
    ``steps`` are those of the whole run, 0 where nobody knows.
    ``view`` looks at the members during the whole run. ``describe``, where it is known, returns
    what the only member is the training of, as plain data and arrays. ``part`` says which networks
    these are, of several that are trained one stack after another for one average.
    """

    members: Sequence[Member]
    epochs: int
    per_epoch: int
    first_epoch: int
    has_validation: bool
    view: TrainingView | None = None
    describe: Callable[[], Mapping[str, Any]] | None = None
    steps: int = 0
    in_steps: bool = False
    part: str = ""

    def progress(self, epoch: int, done: int | None = None) -> str:
        """Return how far the run is: in an epoch, from 1, of which so many steps are done.

        >>> Run([], 3, 500, 0, True).progress(2)
        'epoch 2/3'
        >>> Run([], 3, 500, 0, True, steps=1201, in_steps=True).progress(3)
        'step 1,201/1,201'
        >>> Run([], 3, 500, 0, True, part="networks 9-16 of 16").progress(2)
        'networks 9-16 of 16, epoch 2/3'
        """
        part = f"{self.part}, " if self.part else ""
        if not self.in_steps:
            return f"{part}epoch {epoch}/{self.epochs}"
        step = (epoch - 1) * self.per_epoch + (self.per_epoch if done is None else done)
        return f"{part}step {min(step, self.steps):,}/{self.steps:,}"

    def is_new(self, state: State) -> bool:
        """Return whether a callback with this state sees the beginning of the run."""
        # A run interrupted within its first epoch has no epoch behind it, but a state.
        return not self.first_epoch and not state

    @property
    def k(self) -> int:
        """The number of members."""
        return len(self.members)


class TrainingView(Protocol):
    """A callback's view of the members after an epoch; computed on demand."""

    def weights(self) -> Weights:
        """Return a copy of all K members' weights: those that would predict now."""

    def activations(self) -> list[tuple[str, Tensor]]:
        """Return the name and outputs (n, B, width) of each layer that is at work when predicting.

        They are of the n members that still train, in their order, and of up to 256 rows:
        validation rows if there are any, else training rows.
        """

    def result(self) -> Result:
        """Return a snapshot: training resumed from it ends as if it had never stopped."""


@dataclass(frozen=True)
class EpochLogs:
    """The metrics of one epoch (counted from 1).

    ``metrics`` maps names (``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``,
    ``learning_rate``; with penalties ``objective`` and ``val_objective``) to values (K,), NaN for
    members that no longer train; ``active`` (K,) says which do; ``seconds`` counts from the start
    of training. ``view`` looks at the members themselves, and is good until the next epoch begins.
    """

    epoch: int
    seconds: float
    active: Mask
    metrics: Mapping[str, NDArray[np.float64]]
    view: TrainingView | None = None

    def means(self) -> dict[str, float]:
        """Return each metric's mean over the members that train; NaN where it isn't computed.

        >>> EpochLogs(1, 0.5, np.array([True, True]), {"loss": np.array([2.0, 3.0])}).means()
        {'loss': 2.5}
        """
        return {name: float(values[self.active].mean()) for name, values in self.metrics.items()}


@dataclass(frozen=True)
class Decision:
    """A decision on each member: one value for all, or (K,).

    Attributes:
        stop: train it no further.
        keep: its weights of this moment are its best.
        scale: multiply its learning rate by this from the next step on, on top of what earlier
            decisions asked for.
    """

    stop: Mask | bool = False
    keep: Mask | bool = False
    scale: NDArray[np.float64] | float = 1.0


def combined(
    decisions: Sequence[Decision], k: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Return which of ``k`` members to keep and to stop, and the factors on their rates (k,)."""
    keep, stop, scale = np.zeros(k, dtype=bool), np.zeros(k, dtype=bool), np.ones(k)
    for decision in decisions:
        # Any callback may stop or keep a member, and factors multiply.
        keep, stop, scale = keep | decision.keep, stop | decision.stop, scale * decision.scale
    return keep, stop, scale


class Callback(Config, family="callback"):
    """Sees what happens during training, and may stop members, keep weights or scale rates.

    >>> class StopAtOnce(Callback, name="stop_at_once"):
    ...     def on_epoch_end(self, logs, state):
    ...         return Decision(stop=logs.active)
    """

    exclusive_files: ClassVar[bool] = False  # whether its files take a single training only
    # The arrays (K,) in its state by name: "f" for floats, "i" for whole numbers. The state of a
    # resumed run comes from a file and is compared with this declaration.
    state_arrays: ClassVar[Mapping[str, str]] = {}

    def check_state(self, run: Run, state: State) -> None:
        """Compare the state that a resumed run left with :attr:`state_arrays`.

        Raises:
            ModelFileError: an array of another type, or of another number of members.
        """
        for name, kind in self.state_arrays.items():
            if name in state:
                declared_array(state, name, (run.k,), kind, finite=False)

    def on_train_begin(self, run: Run, state: State) -> None:
        """React to the start of training; ``state`` is empty, or what a resumed run left.

        Settings that can't work are best refused here, before any time is lost.
        """

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> Decision | None:
        """React to some batches: ``done`` of the ``total`` steps of the epoch are over.

        A decision takes effect when the epoch is over.
        """
        return None

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """React to the end of an epoch; may return a decision."""
        return None

    def on_decisions_applied(self, logs: EpochLogs, state: State) -> None:
        """React to an epoch on which the decisions of all callbacks have taken effect.

        Only now does ``logs.view.result()`` hold all that the epoch brought: the other
        callbacks' counters, and the weights that they asked to keep.
        """

    def on_train_end(self, state: State) -> None:
        """React to the end of training, whatever its reason."""

    def numbers(self, key: str, k: int) -> NDArray[np.float64]:
        """Return a hyper-parameter for each member (K,), infinity where it is None.

        Raises:
            HyperparameterError: it was given for another number of members.
        """
        value = getattr(self, key)
        values = value if isinstance(value, tuple) else (value,) * k
        if len(values) != k:
            raise HyperparameterError(
                f"{key} of {self.name} has {len(values)} values; expected one, or one for each "
                f"of {k} members"
            )
        # None means never (a patience without end): infinity compares so without a special case.
        return np.array([np.inf if one is None else one for one in values], dtype=np.float64)

    def _check(self, key: str, value: Any, declaration: Hyper) -> None:
        """Check a number, or a sequence of one for each member, which becomes a tuple."""
        if not declaration.per_member or not isinstance(value, (tuple, list, np.ndarray)):
            super()._check(key, value, declaration)
            return
        for one in value:
            super()._check(key, one, declaration)
        # Plain numbers in a tuple: the config stays hashable, and its JSON readable.
        plain = (one.item() if isinstance(one, np.generic) else one for one in value)
        object.__setattr__(self, key, tuple(plain))
