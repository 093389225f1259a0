"""Fit every side on every split of every table, and print how they compare.

    python -m benchmarks.tabular --data-dir DIR --out results.json

Each side runs in a process of its own with one thread. Results are kept cell by cell (a side on
a split of a table), and those that the file holds aren't measured again: a run may be
interrupted, and ``--sides``, ``--tables`` and ``--splits`` spread it over days. ``--again``
measures anew, ``--merge`` adds the cells of other files, ``--no-run`` only prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

from benchmarks.tabular.picture import draw
from benchmarks.tabular.report import markdown
from benchmarks.tabular.side import all_sides
from benchmarks.tabular.standing import BASELINE
from benchmarks.tabular.store import Cell, Store
from benchmarks.tabular.tables import N_SPLITS, load_tables

LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}
NUMBERS = range(N_SPLITS)


def missing_cells(side: str, args: argparse.Namespace) -> list[Cell]:
    """Return the cells of a side that are to be measured, small tables first."""
    tables = load_tables(args.data_dir)
    names = sorted(args.tables or tables, key=lambda name: tables[name]["rows"])
    wanted = [Cell(side, name, split) for split, name in product(args.splits, names)]
    known = {} if args.again else Store(args.out).read()
    return [cell for cell in wanted if cell not in known]


def run(side: str, args: argparse.Namespace) -> None:
    """Measure what is missing of a side; a library that fails costs the others nothing."""
    cells = [f"{cell.table}:{cell.split}" for cell in missing_cells(side, args)]
    if not cells:
        return
    command = [sys.executable, "-m", "benchmarks.tabular.measure", side, *cells]
    command += ["--data-dir", str(args.data_dir), "--out", str(args.out)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.DEVNULL)
    if done.returncode:
        print(f"{side}: failed, see above", file=sys.stderr)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, required=True, help="the file of results")
    sides = all_sides()
    parser.add_argument("--sides", nargs="+", choices=sides, default=list(sides), metavar="SIDE")
    parser.add_argument("--tables", nargs="+", help="names of tables, instead of all")
    parser.add_argument("--splits", nargs="+", type=int, choices=NUMBERS, default=list(NUMBERS))
    parser.add_argument("--again", action="store_true", help="measure known cells as well")
    parser.add_argument("--no-run", action="store_true", help="print what the file holds")
    parser.add_argument("--merge", nargs="+", type=Path, default=[], help="files to add")
    parser.add_argument("--picture", type=Path, help="where to draw rank against seconds")
    return parser.parse_args(argv)


def main() -> None:
    args = parse()
    store = Store(args.out)
    for path in args.merge:
        store.add(Store(path).read())
    for side in [] if args.no_run else dict.fromkeys([BASELINE, *args.sides]):
        run(side, args)
    print(markdown(store.read()))
    if args.picture:
        draw(store.read(), args.picture)


if __name__ == "__main__":
    main()
