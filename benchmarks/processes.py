"""One network on several processes against one process: rows a second, and the same losses.

    python -m benchmarks.processes
    python -m benchmarks.processes --units 512 --batch 1024 --processes 2 --repeats 5

Each training is of its own Python, on as many threads as it has processes, or on one. Rows a
second are those of the epochs after the first, on the clock, which means little on a busy machine:
the load is written beside them. ``rows_a_cpu_second`` are by the processor time of the first
process, its threads together, of which a process has a core of its own to spend: other programs
disturb it least. It leaves out the time in which processes wait for each other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_FEATURES, _EPOCHS = 64, 4


def train(out: Path, rows: int, units: int, batch: int, precision: str) -> None:
    """Train in this process, together with those that torchrun has started; write the figures."""
    from wellfit import MLPClassifier
    from wellfit.training import Call

    clocks: list[float] = []
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, _FEATURES)).astype(np.float32)
    y = (X @ rng.normal(size=_FEATURES) + rng.normal(size=rows) > 0).astype(int)
    clf = MLPClassifier(
        (units, units), preset="fast", batch_size=batch, epochs=_EPOCHS, early_stopping=False,
        random_state=0, precision=precision, preprocess=None,
        callbacks=[Call(lambda _: clocks.append(time.process_time()))],
    )  # fmt: skip
    clf.fit(X, y)
    if os.environ.get("RANK", "0") == "0":
        seconds = clf.history_["seconds"]
        count = (_EPOCHS - 1) * rows
        figures = {
            "rows_a_second": count / (seconds[-1] - seconds[0]),
            "rows_a_cpu_second": count / (clocks[-1] - clocks[0]),
            "loss": clf.history_["loss"],
        }
        out.write_text(json.dumps(figures))


def measured(command: list[str], threads: int, given: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a training that a command starts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        options = [f"--{name}={value}" for name, value in given.items()]
        subprocess.run(
            [*command, "benchmarks.processes", "--train", str(out), *options],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        return {**json.loads(out.read_text()), "load": os.getloadavg()[0]}


def compare(processes: int, repeats: int, given: dict[str, Any]) -> dict[str, Any]:
    """Return the best of some repeats of each kind, which take turns."""
    together = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    kinds = {
        "one process, one thread": ([sys.executable, "-m"], 1),
        f"one process, {processes} threads": ([sys.executable, "-m"], processes),
        f"{processes} processes, one thread each": ([*together, "-m"], 1),
    }
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(repeats):
        for kind, (command, threads) in kinds.items():
            found[kind].append(measured(command, threads, given))
    fastest = {
        kind: max(each, key=lambda one: one["rows_a_second"]) for kind, each in found.items()
    }
    one, *_, several = fastest.values()
    difference = np.abs(np.array(several["loss"]) - one["loss"]) / np.abs(one["loss"])
    return {
        **given,
        "kinds": fastest,
        "speedup": several["rows_a_second"] / one["rows_a_second"],
        "speedup_by_cpu": several["rows_a_cpu_second"] / one["rows_a_cpu_second"],
        "largest_relative_difference_of_losses": float(difference.max()),
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    given = {name: getattr(asked, name) for name in ("rows", "units", "batch", "precision")}
    if asked.train is not None:
        train(asked.train, **given)
        return
    print(json.dumps(compare(asked.processes, asked.repeats, given), indent=1))


if __name__ == "__main__":
    main()
