"""Verdict: the diagnosis of a training, the evidence for it, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, Self

from wellfit.core import former
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.markup import paragraph
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.report import Report
from wellfit.diagnose.verdicts.base import Suggestion
from wellfit.diagnose.verdicts.scores import Scores

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Verdict:
    """The diagnosis of a training, the evidence for it, and suggestions of what to try next.

    Attributes:
        name: of the first diagnosis that raises an alarm, or of the failed data check;
            ``"well_fit"`` where none does, ``"too_soon"`` after fewer than three epochs,
            ``"well_so_far"`` while training goes on, ``"well_trained"`` where no rows were held
            out to show how it generalizes.
        sentence: the verdict in words.
        sure: the scores that the sentence lacks, and their confidence interval.
        findings: one for each diagnosis that could be judged.
        suggestions: up to three things to try next, the most promising first.
        unjudged: the diagnoses that couldn't be judged, and what was missing.
        scores: on training rows, on unseen rows, and of baselines; None where there are none.

    >>> from wellfit.diagnose import judge
    >>> verdict = judge({"loss": [2.3, 1.0, 0.4, 0.2, 0.15, 0.14]}, status="finished")
    >>> Verdict.from_dict(verdict.to_dict()) == verdict
    True
    """

    name: str
    sentence: str
    sure: str = ""
    findings: tuple[Finding, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    unjudged: Mapping[str, str] = field(default_factory=dict)
    scores: Scores | None = None

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The findings that raise an alarm; the one that speaks first is first."""
        return tuple(one for one in self.findings if one.outcome is not Outcome.PASS)

    def __getitem__(self, diagnosis: str) -> Finding:
        """Return a diagnosis's finding by its name.

        Raises:
            UnknownNameError: it couldn't be judged, or there is none of that name.
        """
        for finding in self.findings:
            if finding.check == diagnosis:
                return finding
        raise UnknownNameError("finding", diagnosis, [one.check for one in self.findings])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; :meth:`from_dict` is the way back."""
        plain = asdict(replace(self, scores=None))
        plain["findings"] = [finding.to_dict() for finding in self.findings]
        plain["suggestions"] = [asdict(one) for one in self.suggestions]
        return plain | {"scores": self.scores and self.scores.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the verdict that :meth:`to_dict` made plain data of.

        Raises:
            InputError: the data aren't a verdict's.
        """
        try:
            known = former.current_verdict(data)
            findings = tuple(Finding.from_dict(one) for one in known["findings"])
            suggestions = tuple(Suggestion(**one) for one in known["suggestions"])
            given = known.get("scores")  # verdicts written before there were any have none
            scores = None if given is None else Scores.from_dict(given)
            made = {"findings": findings, "suggestions": suggestions, "scores": scores}
            return cls(**{**known, **made})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{data!r:.80} is no verdict; expected the result of Verdict.to_dict"
            ) from error

    def __str__(self) -> str:
        lines = [self.sentence, *([self.sure] if self.sure else [])]
        text = self.sentence.lower()
        others = (one for one in self.alarms if one.observed.lower() not in text)
        lines += [f"- {one.check}: {one.observed}" for one in others]
        lines += [f"> {one.name}: {one.change}; {one.why}" for one in self.suggestions]
        return "\n".join([*lines, *missing(self.unjudged)])

    def __rich__(self) -> Group:
        """Return the sentence, all findings, the suggestions, and what couldn't be judged."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        colour = "bold yellow" if self.alarms else "bold green"
        parts: list[Any] = [Text(self.sentence, colour), Text(self.sure), Text()]
        parts += Report(self.findings).__rich__().renderables[:1]
        if self.suggestions:
            table = Table.grid(padding=(0, 2, 0, 0))
            for number, one in enumerate(self.suggestions, start=1):
                table.add_row(f"{number}.", Text(one.name, "bold"), f"{one.change}: {one.why}")
            parts += [Text(), Text("To try next", "bold"), table]
        return Group(*parts, *(Text(line, "dim") for line in missing(self.unjudged)))

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        tries = "".join(
            f"<li><b>{escape(one.name)}</b> {escape(one.change)}: {escape(one.why)}</li>"
            for one in self.suggestions
        )
        parts: list[str] = [paragraph(self.sentence, bold=True), paragraph(self.sure)]
        parts += [Report(self.findings).table_html()]
        parts += [f"{paragraph('To try next', bold=True)}<ol>{tries}</ol>"] if tries else []
        return "".join([*parts, *map(paragraph, missing(self.unjudged))])


def missing(unjudged: Mapping[str, str]) -> list[str]:
    """Return a line for each thing that was missing, with what needs it."""
    lacking: dict[str, list[str]] = {}
    for name, needs in unjudged.items():
        lacking.setdefault(needs, []).append(name.replace("_", " "))
    return [f"Not judged: {', '.join(names)} (needs {n})." for n, names in lacking.items()]
