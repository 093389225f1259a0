"""The comparison of a verdict, which rests on validation rows, with the test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.base import Suggestion
from wellfit.diagnose.verdicts.baselines import difference
from wellfit.diagnose.verdicts.measured import metric_of
from wellfit.diagnose.verdicts.result import Verdict
from wellfit.diagnose.verdicts.scores import BEATEN, LEAST, Mean, RowMetric
from wellfit.diagnose.verdicts.training import WIDE, is_wide
from wellfit.estimators.base import BaseMLP

_WELL = ("well_fit", "well_trained")


def with_test_rows(
    verdict: Verdict, model: BaseMLP, y: NDArray[Any], predicted: NDArray[Any], constant: Any
) -> Verdict:
    """Return a verdict that isn't "well fit" where the test rows contradict it.

    They do where the score on them is lower than on validation rows beyond chance and by much,
    or below the baseline's beyond chance though all seemed well: then they are of another kind
    than the rows it was fitted to, whatever else the verdict says.

    Args:
        verdict: on validation rows.
        model: that was judged.
        y: the true targets of the test rows, (N,) or (N, T).
        predicted: the model's predictions of them, alike.
        constant: the best prediction that looks at no column, of the training rows; alike.
    """
    if len(y) < 2:
        return verdict
    metric = metric_of(model, model.network_.targets.loss)
    own, theirs = (
        metric.errors(y, each) for each in (predicted, np.broadcast_to(constant, y.shape))
    )
    test, floor = metric.score(own), metric.score(theirs).value
    lead, chance = difference(own - theirs, metric.is_share)
    known = verdict.scores.unseen if verdict.scores else None
    error = verdict.scores.error if verdict.scores else 0.0
    gap = Mean((known or 0.0) - test.value, float(np.hypot(error, test.error)), test.rows)
    far = known is not None and is_wide(gap)
    well = verdict.name in _WELL
    low = lead > BEATEN * chance or (gap.value >= WIDE and test.value < floor + LEAST)
    if not (far or (well and low)):
        return verdict
    finding = _finding(metric, test, floor, verdict)
    look = Suggestion("rows", "compare the columns and the target of the test and training rows",
                "another unit, time, place, or labels spelt differently")  # fmt: skip
    others = "" if well else f" {verdict.sentence}"
    return replace(
        verdict,
        name=finding.check,
        sentence=f"The test rows contradict the validation rows: {finding.observed}.{others}",
        findings=(finding, *verdict.findings),
        suggestions=(look,),
    )


def _finding(metric: RowMetric, test: Mean, floor: float, verdict: Verdict) -> Finding:
    text = f"{metric.name} {metric.format(test.value)} on {test.rows:,} test rows"
    if verdict.scores is not None and verdict.scores.unseen is not None:
        rows = f"{verdict.scores.unseen_rows:,} {verdict.scores.kind} rows"
        text += f", {metric.format(verdict.scores.unseen)} on {rows}"
    return Finding(
        "test_rows",
        Outcome.WARN,
        "compared the score on test rows with the baseline's and with that on validation rows",
        f"{text}; constant predictions: {metric.format(floor)} on the test rows",
        "find out how the test rows differ from the training rows",
        {"test": test.value, "baseline": floor},
    )
