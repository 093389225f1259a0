"""Findings of the data checks in the verdict on a training."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from wellfit.core import registry
from wellfit.core.errors import InputError
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.running import check_data
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.result import Verdict
from wellfit.estimators.base import BaseMLP


def findings_of(estimator: BaseMLP, X: Any, y: Any) -> tuple[Finding, ...]:
    """Return the findings of the data checks; none for rows that can't be trained on."""
    if X is None:
        return ()
    with suppress(InputError):  # as where all rows are of one class
        return check_data(estimator, X, y).findings
    return ()


def with_data(verdict: Verdict, findings: Iterable[Finding]) -> Verdict:
    """Return a verdict that begins with the faults of the data.

    A failed check gives the verdict its name, since scores mean nothing then.

    Args:
        verdict: the verdict on the training.
        findings: of checks of data; those that don't bear on what scores mean are left out.
    """
    bad = [one for one in findings if one.outcome is not Outcome.PASS and _matters(one)]
    if not bad:
        return verdict
    bad.sort(key=lambda one: one.outcome is not Outcome.FAIL)
    name, message, suggestions = verdict.name, [_sentence(one) for one in bad], verdict.suggestions
    ill = bool(verdict.alarms)
    if bad[0].outcome is Outcome.FAIL:
        name, message = bad[0].check, ["The scores can't be trusted.", *message]
        # Advice on the training would rest on these scores.
        suggestions = (Suggestion("data", bad[0].advice, "the scores mean nothing until then"),)
        ill = ill and not _by_baselines(verdict.name)
    if name == verdict.name or ill:  # else a training that went well is no news
        message.append(verdict.sentence)
    findings = (*bad, *verdict.findings)
    sentence = " ".join(message)
    lost = verdict.scores.besides(f"{sentence} {verdict.sure}") if verdict.scores else ""
    sure = " ".join(filter(None, (lost, verdict.sure)))
    return replace(
        verdict,
        name=name,
        sentence=sentence,
        sure=sure,
        findings=findings,
        suggestions=suggestions,
    )


def _matters(finding: Finding) -> bool:
    if finding.check not in registry.names(Check.family):
        return False
    known: type[Check] = registry.lookup(Check.family, finding.check)
    return known.in_verdict


def _by_baselines(diagnosis: str) -> bool:
    """Return whether a diagnosis rests on baselines, which a fault of the data makes too good."""
    if diagnosis not in registry.names(Diagnosis.family):
        return False
    known: type[Diagnosis] = registry.lookup(Diagnosis.family, diagnosis)
    return known.by_baselines


def _sentence(finding: Finding) -> str:
    return f"{finding.observed[0].upper()}{finding.observed[1:]}."
