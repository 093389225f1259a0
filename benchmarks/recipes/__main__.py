"""The sources' recipes in Keras and scikit-learn, and ours to the same accuracy, in turn.

    python -m benchmarks.recipes --data-dir DIR --out benchmarks/results/recipes.json

Every training is a process of its own, with the threads that its library takes by default. What
``--out`` holds already isn't run again, unless ``--again``; each run is written as it ends.
``--only indaba:keras cs109b:wellfit`` picks runs, ``--epochs 2`` cuts them short.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import machine
from benchmarks.recipes.report import OURS, lines
from benchmarks.recipes.task import TASKS, Run

# What the tables call a tool -> its module; scikit-learn has no other first weights than Glorot's.
TOOLS = {OURS: "wellfit_mlp", "keras": "keras_tensorflow", "scikit-learn": "scikit_learn"}
RUNS = [
    f"{task}:{tool}"
    for task in TASKS
    for tool in TOOLS
    if tool != "scikit-learn" or task == "indaba-glorot"
]
SEEDS = {OURS: 3}  # ours are short; one each of the others


def process(name: str, epochs: int | None, seed: int, data_dir: Path | None) -> Run:
    """Run a training in a process of its own."""
    task, tool = name.split(":")
    own = TASKS[task].ours["epochs"] if tool == OURS else TASKS[task].epochs
    count = min(own, epochs or own)
    module = f"benchmarks.recipes.{TOOLS[tool]}"
    options = ["--epochs", str(count), "--seed", str(seed)]
    if data_dir is not None:
        options += ["--data-dir", str(data_dir)]
    print(f"{name}, seed {seed}, {count} epochs", file=sys.stderr, flush=True)
    start = perf_counter()
    command = [sys.executable, "-m", module, task, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    run = Run(**json.loads(done.stdout.splitlines()[-1]))
    run.process = perf_counter() - start - run.scoring
    return run


def read(path: Path | None) -> dict[str, Any]:
    """Return what has been measured before."""
    if path is not None and path.exists():
        document: dict[str, Any] = json.loads(path.read_text())
        return document
    return {"machine": machine.describe(), "runs": {}}


def write(path: Path | None, document: dict[str, Any]) -> None:
    """Keep what has been measured so far."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")


def missing(known: list[dict[str, Any]], seeds: int, epochs: int | None) -> bool:
    """Whether runs are lacking; those cut short don't count where the whole is asked for."""
    return len(known) < seeds or (epochs is None and not all(run["complete"] for run in known))


def tables(document: dict[str, Any]) -> list[str]:
    """Return the tables of what has been measured."""
    measured: dict[str, dict[str, list[Run]]] = {}
    for name in RUNS:
        if name in document["runs"]:
            task, tool = name.split(":")
            runs = [Run(**run) for run in document["runs"][name]["runs"]]
            measured.setdefault(task, {})[tool] = runs
    return list(lines(measured))


def main() -> None:
    """Measure what is asked for and lacking, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--out", type=Path, help="a file for the runs as JSON")
    parser.add_argument("--only", nargs="*", choices=RUNS, default=RUNS, metavar="TASK:TOOL")
    parser.add_argument("--epochs", type=int, help="at most so many, to try it out")
    parser.add_argument("--again", action="store_true", help="measure what is there as well")
    args = parser.parse_args()
    document = read(args.out)
    for name in args.only:
        seeds = SEEDS.get(name.split(":")[1], 1)
        known = document["runs"].get(name, {}).get("runs", [])
        if not (args.again or missing(known, seeds, args.epochs)):
            continue
        others = machine.Disturbance()
        runs = [process(name, args.epochs, seed, args.data_dir) for seed in range(seeds)]
        disturbance = round(others.share(), 3)
        document["runs"][name] = {"disturbance": disturbance, "runs": [asdict(r) for r in runs]}
        write(args.out, document)
    print(machine.one_line(document["machine"]))
    print("\n".join(tables(document)))


if __name__ == "__main__":
    main()
