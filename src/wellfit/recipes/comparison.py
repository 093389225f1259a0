"""A recipe's results beside its reference values, in the words that terminal and pages share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from wellfit.recipes.base import Reference, Way
from wellfit.recipes.runner import Measured, Reproduction

MARKS = {
    "": " ",
    "not comparable": " ",
    "reached": "✓",
    "exceeded": "✓",
    "within tolerance": "≈",
    "explained": "≠",
    "missed": "✗",
}


@dataclass(frozen=True)
class Row:
    """A reference value with the results of both ways.

    Attributes:
        figure: the reference value.
        published: result of the source's experiment; None if it has none.
        better: result of the better way; None if it has none.
    """

    figure: Reference
    published: Measured | None = None
    better: Measured | None = None


def compare(done: Mapping[Way, Reproduction]) -> list[Row]:
    """Return a row for each reference value and each further measurement.

    >>> from wellfit.recipes import Reference, Measured, recipes, Reproduction, SeedRun
    >>> (recipe,) = recipes(["cs109b-beale"])
    >>> run = SeedRun(0, 0.1, 0.1, {one.what: one.value or 0.0 for one in recipe.figures})
    >>> row, *_ = compare({"published": Reproduction.of(recipe, "published", [run])})
    >>> row.figure.reference, result_text(row.published), verdict_text(row.published)
    ('published 68,891', '68,891', 'reached within ±1e-06')
    """
    found: dict[Reference, dict[Way, Measured]] = {}
    for way, reproduction in done.items():
        for one in reproduction.figures:
            found.setdefault(one.figure, {})[way] = one
    rows = [
        Row(figure, ways.get("published"), ways.get("better")) for figure, ways in found.items()
    ]
    return sorted(rows, key=lambda row: row.figure.value is None)  # stable: others come last


def result_text(one: Measured) -> str:
    """Return a result with the spread of its seeds.

    >>> result_text(Measured(Reference("test accuracy", 0.97, ""), (0.968, 0.974)))
    '97.10 % ± 0.42'
    """
    text = one.figure.format(one.result)
    return f"{text} ± {_amount(one, one.spread)}" if len(one.values) > 1 else text


def verdict_text(one: Measured) -> str:
    """Return how a result compares with its reference value; empty if it has none.

    >>> verdict_text(Measured(Reference("test accuracy", 0.97, "", slack=0.002), (0.969,)))
    'reached only within the tolerance of 0.20'
    """
    tolerance = _amount(one, one.tolerance)
    near = one.figure.better == "near"
    return {
        "": "",
        "not comparable": f"not comparable: {one.figure.not_comparable}",
        "reached": f"reached within ±{tolerance}" if near else "reached",
        "exceeded": f"better by more than the tolerance of {tolerance}",
        "within tolerance": f"reached only within the tolerance of {tolerance}",
        "explained": f"outside the seeds' interval of {tolerance}: {one.figure.outside}",
        "missed": "missed",
    }[one.verdict]


def time_text(done: Reproduction) -> str:
    """Return the time of a seed; of the oldest results only the clock on two cores is known.

    >>> from wellfit.recipes import recipes, Reproduction, SeedRun
    >>> (recipe,) = recipes(["cs109b-saved"])
    >>> run = SeedRun(0, 9.0, 2.5, {"predictions changed": 0.0})
    >>> time_text(Reproduction.of(recipe, "published", [run]))
    '2.5 s of CPU time'
    """
    if math.isfinite(done.cpu_seconds):
        return f"{done.cpu_seconds:.3g} s of CPU time"
    return f"{done.seconds:.3g} s on two cores"


def _amount(one: Measured, value: float) -> str:
    metric = one.figure.metric
    return f"{metric.scale * value:.2f}" if metric.is_share else f"{value:.2g}"
