"""Seconds per epoch of every library on every workload, side by side in one run.

    python -m benchmarks.bench --data-dir DIR --out results.json

Each library trains in a process of its own, with the threads it takes by default; the libraries
take turns within a workload. Prints markdown; writes JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.workloads import WORKLOADS, Workload

# What the tables call each peer -> its module in benchmarks.peers.
PEERS = {
    "wellfit": "wellfit_mlp",
    "scikit-learn": "scikit_learn",
    "PyTorch loop": "torch_loop",
    "JAX by hand": "jax_scan",
    "skorch": "skorch_net",
    "Keras/JAX": "keras_jax",
    "Keras/TensorFlow": "keras_tensorflow",
    "Keras/PyTorch": "keras_torch",
}


def run_module(module: str, *args: str, timeout: float | None = None) -> dict[str, Any]:
    """Run ``python -m module`` and return the JSON of its last line, or {"error": why not}.

    The process doesn't see the environment's numbers of threads: each library takes its default.
    """
    command = [sys.executable, "-m", module, *args]
    environment = {k: v for k, v in os.environ.items() if k not in machine.THREAD_SETTINGS}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"error": f"more than {timeout:g} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        missing = lines[-1].startswith("ModuleNotFoundError")
        return {"error": "not installed" if missing else "failed", "why": lines[-1]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1] if done.stdout else "{}")
    return result


def run_workload(workload: Workload, args: argparse.Namespace) -> dict[str, Any]:
    """Return each peer's result on ``workload``, or {} where its data are missing."""
    with tempfile.TemporaryDirectory() as folder:
        made = run_module(
            "benchmarks.workloads", workload.name, folder, "--data-dir", str(args.data_dir)
        )
        if "error" in made:
            print(f"{workload.name}: skipped, {made['why']}", file=sys.stderr)
            return {}
        X, y, task = (Path(folder) / name for name in ("X.npy", "y.npy", "task.json"))
        task.write_text(json.dumps({"workload": asdict(workload), "X": str(X), "y": str(y)}))
        runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in args.only}
        for _ in range(args.repeats):
            for peer in args.only:
                runs[peer].append(run_peer(peer, task, args.time_limit))
                print(f"{workload.name}: {peer}: {summary(runs[peer][-1])}", file=sys.stderr)
    return {peer: combine(results) for peer, results in runs.items()}


def run_peer(peer: str, task: Path, timeout: float) -> dict[str, Any]:
    others = machine.Disturbance()
    result = run_module(f"benchmarks.peers.{PEERS[peer]}", str(task), timeout=timeout)
    return {**result, "disturbance": others.share()}


def summary(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"{result['error']} ({result.get('why', '')})"
    return f"{result['seconds_per_epoch']:.4g} s/epoch, loss {result['losses'][-1]:.4g}"


def combine(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the run whose seconds per epoch are the median, with those of all runs."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return runs[0]
    middle = statistics.median_low(run["seconds_per_epoch"] for run in good)
    chosen = next(run for run in good if run["seconds_per_epoch"] == middle)
    return {**chosen, "repeats": [run["seconds_per_epoch"] for run in good]}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--epochs", type=int, help="timed epochs, instead of each workload's own")
    parser.add_argument("--repeats", type=int, default=3, help="processes a peer and workload")
    parser.add_argument("--time-limit", type=float, default=300, help="seconds a process")
    return parser.parse_args(argv)


def main() -> None:
    args = parse()
    limit = run_module("benchmarks.machine")
    results: dict[str, Any] = {"machine": machine.describe(), "limit": limit, "workloads": {}}
    for name in args.workloads:
        workload = WORKLOADS[name]
        workload = replace(workload, epochs=args.epochs) if args.epochs else workload
        peers = run_workload(workload, args)
        if peers:
            results["workloads"][name] = {
                "title": workload.title,
                "flops_per_epoch": workload.flops_per_epoch,
                "peers": peers,
            }
            report.save(results, args.out)
    print(report.markdown(results))


if __name__ == "__main__":
    main()
