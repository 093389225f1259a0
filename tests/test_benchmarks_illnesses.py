"""The bench of verdicts: its halves, its expert, its table; and its bars on a part of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is no installed package

from benchmarks.illnesses import expert, report
from benchmarks.illnesses.__main__ import Judged, judged, trainings
from benchmarks.illnesses.data import GENERATED, TABLES, divide, halves, load
from benchmarks.illnesses.plans import HEALTHY, ILL

RNG = np.random.default_rng(0)
FALLING = {"loss": [1.0, 0.6, 0.4, 0.3, 0.25, 0.22, 0.21, 0.2, 0.2, 0.2]}


def test_halves_are_those_of_the_rule() -> None:
    development, unseen = halves()
    assert sorted(development + unseen) == sorted((*TABLES, *GENERATED))
    assert (len(development), len(unseen)) == (18, 16)
    # A name that is added or renamed would move others to the other half.
    assert development[:4] == ["california_housing", "spambase", "bank_marketing", "adult"]
    assert {"digits", "iris", "bike_hour", "friedman1"} <= set(unseen)


def test_there_are_200_trainings_and_every_plan_is_in_both_halves() -> None:
    every = [trainings(half) for half in (0, 1)]
    assert sum(len(plans) for half in every for plans in half.values()) >= 200
    for half in every:
        called = {name for plans in half.values() for _, name, _ in plans}
        assert called == {*HEALTHY, *ILL}


def test_rows_are_trained_on_or_judged_by_and_never_both() -> None:
    data = load("wine", None, 0)
    for held in (False, True):
        split = divide(data, 60, held)
        assert sum(len(part.y) for part in split) == len(data.y)
        rows = np.vstack([part.X for part in split])
        assert len(np.unique(rows, axis=0)) == len(np.unique(data.X, axis=0))


def asked(seen: float, unseen: float, baseline: float, history: Any = None, n: int = 1000) -> Any:
    """Return the opinion on accuracies."""

    def errors(accuracy: float, seed: int) -> np.ndarray:
        wrong = np.zeros(n)
        wrong[: round(n * (1 - accuracy))] = 1
        return np.random.default_rng(seed).permutation(wrong)

    known = {"constant": errors(0.5, 2), "forest": errors(baseline, 3)}
    pair = errors(seen, 0), errors(unseen, 1)
    history = history or FALLING
    return expert.opinion(("dead_units",), history, pair, known, None, 1.0, False)


@pytest.mark.parametrize(
    ("numbers", "right"),
    [
        ((1.0, 0.75, 0.75), {"over_fitting", "dead_units"}),
        ((0.7, 0.7, 0.85), {"under_fitting", "outperformed", "dead_units"}),
        ((0.9, 0.88, 0.88), set()),
        (
            (0.46, 0.45, 0.5),
            {"no_skill", "unproven_skill", "outperformed", "under_fitting", "dead_units"},
        ),
    ],
)
def test_the_expert_reads_three_numbers(numbers: Any, right: set[str]) -> None:
    opinion = asked(*numbers)
    assert opinion.right == right
    assert opinion.kind == ("ill" if right else "healthy")


def test_the_expert_reads_curves() -> None:
    risen = {**FALLING, "val_loss": [1.0, 0.6, 0.4, 0.4, 0.5, 0.6, 0.7, 0.7, 0.8, 0.8]}
    assert "over_fitting" in asked(0.9, 0.88, 0.88, risen).right
    early = {"loss": [1.0, 0.9, 0.8, 0.6, 0.5, 0.3], "val_loss": [1.0, 0.9, 0.8, 0.65, 0.5, 0.35]}
    assert "still_improving" in asked(0.9, 0.88, 0.88, early).right
    apart = {"loss": [1.0, 0.6, 0.2, 0.15, 0.1], "val_loss": [1.0, 0.7, 0.5, 0.5, 0.5]}
    assert "over_fitting" in asked(0.9, 0.88, 0.88, apart).right
    near = {"loss": apart["loss"], "val_loss": [1.0, 0.7, 0.4, 0.4, 0.35]}
    assert asked(0.9, 0.88, 0.88, near).kind == "borderline"
    burst = {"loss": [1.0, 0.5, float("nan")]}
    assert "diverging" in asked(0.9, 0.88, 0.88, burst).right
    assert asked(0.93, 0.86, 0.86).kind == "borderline"


def test_few_rows_are_no_evidence() -> None:
    ours, theirs = np.zeros(60), np.zeros(60)
    ours[:3] = 1  # three rows that only the baseline has right: a sign test gives p = 0.25
    assert not expert.evident((np.zeros(60), ours), {"forest": theirs}, 60)
    ours[:9] = 1
    assert expert.evident((np.zeros(60), ours), {"forest": theirs}, 60)


def test_outliers_are_seen_by_the_expert() -> None:
    errors = RNG.normal(0, 0.3, 1000) ** 2
    errors[:5] = 200.0
    known = {"constant": errors + 0.9}
    found = expert.opinion((), FALLING, (np.full(1000, 0.1), errors), known, None, 1.0, True)
    assert "outliers" in found.right


def test_the_table_counts() -> None:
    def one(right: bool, kind: str, blind: bool = False) -> Judged:
        says = ["over_fitting"] if kind == "ill" else []
        return Judged("unseen", "d", "p", True, "well_fit", [], kind, says, right, blind, 1.0)

    text = report.markdown([one(True, "healthy"), one(False, "ill", True), one(True, "ill")])
    assert "| unseen | 1 | 3 | 1 of 2 (50.0%) | 1 of 1 (100.0%) | 0 of 0 | 1 |" in text
    assert "| unseen | d | p | well_fit | over_fitting |" in text


@pytest.mark.heavy
def test_verdicts_agree_with_the_expert_on_a_part() -> None:
    plans = trainings(0)
    names = ("five_classes", "noisy_classes", "line", "friedman2", "wine")
    found = [one for name in names for one in judged(0, name, plans[name], None)]
    assert len(found) == 30
    assert np.mean([one.right for one in found]) >= 0.9, [one for one in found if not one.right]
    assert not any(one.blind for one in found)
