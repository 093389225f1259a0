"""What every peer's process does: read the task, train, print one line of JSON.

A peer is a module with ``fit(workload, X, y, epochs) -> Trained`` that trains the network as the
library's users would, and notes the time at the end of each epoch.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Workload

Array = NDArray[Any]


class Trained(NamedTuple):
    """What ``fit`` returns: per epoch the clock at its end and the loss, and the trained model.

    ``predict`` maps X (rows, inputs) to scores (rows, classes), logits or probabilities.
    """

    ends: list[float]
    losses: list[float]
    predict: Callable[[Array], Array]


Fit = Callable[[Workload, Array, Array, int], Trained]


def measure(fit: Fit, workload: Workload, X: Array, y: Array) -> dict[str, Any]:
    """Train one epoch more than is timed; the first (compilation, caches) is left out."""
    start = perf_counter()
    trained = fit(workload, X, y, workload.epochs + 1)
    if len(trained.ends) != workload.epochs + 1:
        raise RuntimeError(f"{len(trained.ends)} epochs instead of {workload.epochs + 1}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    seconds = np.diff(trained.ends).tolist()
    right = trained.predict(X[:10_000]).argmax(axis=1) == y[:10_000]
    return {
        "seconds_per_epoch": float(np.median(seconds)),
        "seconds": seconds,
        "until_first_epoch": trained.ends[0] - start,
        "losses": [float(loss) for loss in trained.losses],
        "training_accuracy": float(right.mean()),
        "peak_mb": round(peak / 1024),
    }


def main(fit: Fit) -> None:
    """Run the task in the JSON file that the command line names."""
    task = json.loads(Path(sys.argv[1]).read_text())
    workload = Workload(**task["workload"])
    X, y = np.load(task["X"]), np.load(task["y"])
    print(json.dumps(measure(fit, workload, X, y)))
