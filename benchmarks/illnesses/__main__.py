"""Train, ask for the verdict and the expert's opinion, count, and write the table.

    python -m benchmarks.illnesses --data-dir DIR                  # both halves
    python -m benchmarks.illnesses --data-dir DIR --half development

Without ``--data-dir`` or $WELLFIT_DATA the tables are left out. The output is the same each time
on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.illnesses import expert
from benchmarks.illnesses.data import GENERATED, NUMBERS, TABLES, Split, divide, halves, load
from benchmarks.illnesses.plans import HEALTHY, Plan, deal, train
from benchmarks.illnesses.report import markdown
from wellfit.diagnose import Verdict, judge, verdict

FIRST_SEED = 5000  # of the fifth run, whose rows no earlier run drew
HALVES = ("development", "unseen")


@dataclass(frozen=True)
class Judged:
    """One training: what was planted, what the verdict and the expert said.

    Attributes:
        right: whether the verdict is one of those that the expert calls right.
        blind: whether it is "well fit" where, by the very rows that the verdict was given, a
            baseline is clearly better or the gap is wide beyond chance.
    """

    half: str
    data: str
    plan: str
    healthy_plan: bool
    verdict: str
    also: list[str]
    kind: str
    says: list[str]
    right: bool
    blind: bool
    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)


def trainings(half: int) -> dict[str, list[tuple[int, str, Plan]]]:
    """Return the trainings of a half by data set, numbered: the same without the tables."""
    names, found = halves()[half], {}
    regression = {name: name in NUMBERS for name in names}
    for number, (name, called, plan) in enumerate(deal(names, regression)):
        found.setdefault(name, []).append((number, called, plan))
    return found


def judged(
    half: int, name: str, plans: list[tuple[int, str, Plan]], data_dir: Path | None
) -> list[Judged]:
    """Train and judge a data set's trainings, one after the other."""
    seed = FIRST_SEED + [*TABLES, *GENERATED].index(name)
    data = load(name, data_dir, seed)
    known: dict[Any, dict[str, np.ndarray]] = {}
    found = []
    for number, called, plan in plans:
        split = plan.change(divide(data, plan.rows, plan.held), np.random.default_rng(seed))
        key = plan.rows, plan.change, plan.held
        if key not in known:
            known[key] = expert.baselines(split, data.regression)
        start = perf_counter()
        trained = train(plan, split, data.regression, seed + number)
        verdict = told(split, trained)
        seconds = perf_counter() - start
        errors = errors_of(trained.estimator, split, data.regression)
        opinion = asked(plan, split, trained, errors, known[key], data.regression)
        ill = errors is not None and expert.evident(errors, known[key], len(split.unseen.y))
        found.append(compared(HALVES[half], name, called, verdict, opinion, ill, seconds))
    return found


def told(split: Split, trained: Any) -> Verdict:
    """Return wellfit's verdict."""
    if trained.estimator is None:
        return judge(trained.history, status="diverged")
    return verdict(trained.estimator, *split.training, *split.unseen)


def errors_of(
    estimator: Any, split: Split, regression: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the network's errors on training rows, and on all others; None without a network."""
    if estimator is None:
        return None
    first, other = (
        expert.row_errors(part.y, estimator.predict(part.X), regression)
        for part in (split.training, expert.joined(split.unseen, split.extra))
    )
    return first, other


def asked(
    plan: Plan,
    split: Split,
    trained: Any,
    errors: tuple[np.ndarray, np.ndarray] | None,
    known: dict[str, np.ndarray],
    regression: bool,
) -> expert.Opinion:
    """Return the expert's opinion."""
    y, clf = split.training.y, trained.estimator
    test, rows = expert.joined(split.unseen, split.extra), len(split.unseen.y)
    notes = expert.notes_on(clf, test, rows) if clf is not None else frozenset()
    _, counts = np.unique(y, return_counts=True)
    shares = counts / len(y)
    chance = 1.0 if regression else float(-(shares * np.log(shares)).sum())
    return expert.opinion(
        plan.named,
        trained.history,
        errors,
        known,
        getattr(clf, "best_epoch_", None),
        chance,
        regression,
        notes,
    )


def compared(
    half: str,
    name: str,
    called: str,
    found: Verdict,
    opinion: expert.Opinion,
    evident: bool,
    seconds: float,
) -> Judged:
    """Return whether verdict and expert agree."""
    well = {"well_fit", *opinion.notes}
    few = opinion.notes & {
        "noisy_validation",
        "unproven_skill",
    }  # nobody could tell by so few rows
    right = found.name in (opinion.right | few if opinion.right else well | opinion.border)
    return Judged(
        half,
        name,
        called,
        called in HEALTHY,
        found.name,
        [one.check for one in found.alarms[1:]],
        opinion.kind,
        sorted(opinion.right or opinion.border),
        right,
        evident and found.name in well - few,
        seconds,
        {key: round(value, 4) for key, value in opinion.numbers.items()},
    )


def line(one: Judged) -> str:
    """Return a line on a training for those who watch."""
    mark = "BLIND" if one.blind else "ok" if one.right else "WRONG"
    says = ", ".join(one.says) or "healthy"
    numbers = " ".join(f"{k} {v:.3g}" for k, v in one.numbers.items())
    return f"{mark:6}{one.data:20}{one.plan:28}{one.verdict:20}{one.kind}: {says} [{numbers}]"


def main() -> None:
    """Judge the halves that are asked for, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("WELLFIT_DATA"),
        help="folder of the real tables (default: $WELLFIT_DATA); without it they are left out",
    )
    parser.add_argument("--half", choices=HALVES, help="one half only")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a data set each")
    parser.add_argument("--json", type=Path, help="where to write every training as JSON")
    parser.add_argument("--out", type=Path, help="where to write the table, as Markdown")
    args = parser.parse_args()
    start, found = perf_counter(), []
    work = [
        delayed(judged)(half, name, plans, args.data_dir)
        for half, called in enumerate(HALVES)
        if args.half in (None, called)
        for name, plans in trainings(half).items()
        if name in GENERATED or args.data_dir is not None
    ]
    for some in Parallel(args.jobs, return_as="generator")(work):
        found += some
        print("\n".join(map(line, some)), flush=True)
    text = markdown(found)
    print(f"\n{text}\n{perf_counter() - start:.0f} seconds")
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    if args.out:
        args.out.write_text(text)


if __name__ == "__main__":
    main()
