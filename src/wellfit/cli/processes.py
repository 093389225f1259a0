"""Several processes of ``wellfit train``, of which the first tells the others what to train.

The first process reads the command, writes the run folder and prints. The others get its plan,
read the same data and train with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wellfit.cli.plan import Plan
from wellfit.core.launch import launched
from wellfit.core.memory import available_memory
from wellfit.training.processes import process_group


@dataclass(frozen=True)
class TrainingOrder:
    """What the first process tells the others to train.

    Attributes:
        plan: the data, the parameters and the options.
        run: the run folder; None for a new one.
        begun: the checkpoint to go on from; None for a beginning.
    """

    plan: Plan
    run: Path | None
    begun: Path | None = None


def tell(order: TrainingOrder | None) -> None:
    """Tell the other processes, if there are some, what to train; None for nothing at all."""
    process_group().from_first(order)


def told() -> TrainingOrder | None:
    """Return what the first process wants this one to train, once it says so."""
    return process_group().from_first(None)


def with_shared_memory(plan: Plan) -> Plan:
    """Return a plan by which the processes of a machine share the memory that a table may take."""
    launch = launched()
    if launch is None:
        return plan
    memory = plan.request.memory
    every = available_memory() // 2 if memory is None else memory
    return replace(plan, request=replace(plan.request, memory=every // launch.local_size))


def process_notes() -> Iterator[str]:
    """Yield a note on the processes that train together, where there are several."""
    launch = launched()
    if launch is not None:
        yield f"{launch.size} processes train one network, each by its share of a batch"


def launch_entry() -> dict[str, Any]:
    """Return what a run's settings say of the processes that train it: nothing of one alone."""
    launch = launched()
    return {} if launch is None else {"processes": launch.size, "launch": launch.by}
