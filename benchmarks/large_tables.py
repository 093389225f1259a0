"""Tables larger than memory: peak memory and rows a second, from a disk and from memory.

    python -m benchmarks.large_tables make DIR --rows 20000000
    python -m benchmarks.large_tables measure DIR
    python -m benchmarks.large_tables measure DIR --steps disk predict

The table has 35 columns: 20 of numbers, of which 5 have gaps, 12 of categories (of 3 to 60
levels), 2 of True and False, and dates; and a target of two classes, which depends on some of
them. Each step is a process of its own, so that its peak memory is its own. ``cpu_seconds`` are of
the processor (user and system), which other programs disturb least; ``seconds`` on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow.parquet import read_metadata

_PART = 250_000  # rows of a file
_LEVELS = (3, 3, 5, 5, 8, 8, 12, 12, 20, 20, 40, 60)
STEPS = ("disk", "memory", "predict")


def part_of(number: int, rows: int) -> pd.DataFrame:
    """Return one file's rows, a function of its number."""
    rng = np.random.default_rng(number)
    table = pd.DataFrame({f"n{at}": rng.normal(size=rows) * 10.0 ** (at % 4) for at in range(20)})
    for at in range(5):
        table[f"n{at}"] = table[f"n{at}"].mask(rng.random(rows) < 0.05 * (at + 1))
    for at, levels in enumerate(_LEVELS):
        names = np.array([f"level {level}" for level in range(levels)])
        table[f"c{at}"] = pd.Categorical.from_codes(rng.integers(0, levels, rows), names).astype(
            str
        )
    for at in range(2):
        table[f"b{at}"] = rng.random(rows) < 0.3
    days = rng.integers(0, 1000, rows)
    table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    score = table["n5"] + table["b0"] * table["n8"].to_numpy() - 0.3
    score += (table["c2"] == "level 1") + rng.normal(size=rows)
    return table.assign(clicked=np.where(score > 0, "yes", "no"))


def make(folder: Path, rows: int) -> None:
    """Write the table, file by file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, _PART)):
        path = folder / f"part-{number:04}.parquet"
        part_of(number, min(_PART, rows - start)).to_parquet(path, index=False)
        print(path, end="\r", flush=True)
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    print(f"{rows:,} rows in {folder}, {size / 1e9:.2f} GB")


def step(name: str, folder: Path, model: Path, max_steps: int | None = None) -> dict[str, Any]:
    """Run one step in this process, and return what it took."""
    if name == "predict":
        return _predict(folder, model)
    from wellfit import MLPClassifier
    from wellfit.datasets import Dataset, load
    from wellfit.fitting.runner import run_alone

    began = _clocks()
    data = Dataset.from_parquet(folder, target="clicked", store=model.parent / "store")
    if name == "memory":
        data = load(folder, target="clicked", memory=1 << 62)
    clf = MLPClassifier((256, 256), epochs=1, random_state=0, early_stopping=False, batch_size=256)
    clf.set_params(max_steps=max_steps)
    job = clf.prepare(data, None)
    prepared, began = _since(began), _clocks()
    clf.keep(run_alone(job))
    trained = _since(began)
    if name == "disk":
        clf.save(model)
    loss = clf.history_["loss"][-1]
    rows = min(len(job.rows), (max_steps or 1 << 62) * 256)
    return {
        "rows": len(job.rows),
        "trained_rows": rows,
        "preparing": prepared,
        "training": trained,
        "loss": loss,
    }


def _predict(folder: Path, model: Path) -> dict[str, Any]:
    """Run ``wellfit predict``, which reads, predicts and writes file by file."""
    from wellfit.cli.app import app

    began = _clocks()
    with tempfile.TemporaryDirectory(dir=model.parent) as out, redirect_stdout(sys.stderr):
        app(["predict", str(model), str(folder), "--out", out], standalone_mode=False)
    count = sum(read_metadata(path).num_rows for path in folder.glob("*.parquet"))
    return {"rows": count, "predicting": _since(began)}


def measure(name: str, folder: Path, model: Path, max_steps: int | None = None) -> dict[str, Any]:
    """Run one step in a process of its own; return what it took and its peak memory."""
    words = [sys.executable, "-m", "benchmarks.large_tables", "step", str(folder)]
    words += ["--max-steps", str(max_steps)] if max_steps else []
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen([*words, "--steps", name, "--model", str(model)], stdout=out)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        told = out.read()
    if child.returncode:
        return {"failed": child.returncode, "peak_mb": used.ru_maxrss // 1024}
    return {**json.loads(told), "peak_mb": used.ru_maxrss // 1024}


def _clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _since(began: tuple[float, float]) -> dict[str, float]:
    cpu, wall = (now - then for now, then in zip(_clocks(), began, strict=True))
    return {"cpu_seconds": round(cpu, 1), "seconds": round(wall, 1)}


def main() -> None:
    """Make the table, measure, or run one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "measure", "step"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=STEPS)
    parser.add_argument("--model", type=Path, help="where the model goes, and the store beside it")
    parser.add_argument("--max-steps", type=int, help="of 256 rows; default: one epoch")
    parser.add_argument("--out", help="where to write the figures as JSON")
    args = parser.parse_args()
    if args.what == "make":
        make(args.folder, args.rows)
        return
    if args.what == "step":
        print(json.dumps(step(args.steps[0], args.folder, args.model, args.max_steps)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder.parent) as place:
        figures = {}
        for name in args.steps:
            model = args.model or Path(place) / "model"
            figures[name] = measure(name, args.folder, model, args.max_steps)
            print(name, json.dumps(figures[name]), flush=True)
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
