"""The report of all checks, and its display in a terminal or notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import UnknownNameError
from wellfit.core.markup import Markup, cell, paragraph, table
from wellfit.diagnose.base import Finding, Outcome

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_STYLES = {Outcome.PASS: "green", Outcome.WARN: "yellow", Outcome.FAIL: "bold red"}
_MARKS = {Outcome.PASS: "✓", Outcome.WARN: "!", Outcome.FAIL: "✗"}


@dataclass(frozen=True)
class Report:
    """The findings of all checks.

    Attributes:
        findings: one for each check that applies, those of the data first.
        notes: remarks on how the checks were run, such as rows that were left out.

    >>> from wellfit.diagnose import Finding, Outcome
    >>> report = Report((Finding("scale", Outcome.WARN, "compared columns", "one is large"),))
    >>> report.outcome, report["scale"].observed
    (<Outcome.WARN: 'warn'>, 'one is large')
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of all outcomes."""
        outcomes = {finding.outcome for finding in self.findings}
        return next((worst for worst in reversed(Outcome) if worst in outcomes), Outcome.PASS)

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The findings that didn't pass, failures first."""
        return tuple(
            finding
            for outcome in (Outcome.FAIL, Outcome.WARN)
            for finding in self.findings
            if finding.outcome is outcome
        )

    def __getitem__(self, check: str) -> Finding:
        """Return a check's finding by the check's name.

        Raises:
            UnknownNameError: the check doesn't apply, or doesn't exist.
        """
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise UnknownNameError("finding", check, [finding.check for finding in self.findings])

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the findings as plain data that JSON can hold."""
        return [finding.to_dict() for finding in self.findings]

    def __str__(self) -> str:
        lines = [f"{finding.outcome:4}  {finding.check}: {finding.observed}" for finding in self]
        return "\n".join([*lines, *self.notes])

    def __rich__(self) -> Group:
        """Return a table of all findings, what to do about those that didn't pass, and notes."""
        from rich.console import Group
        from rich.text import Text

        notes = [Text(note, style="dim") for note in self.notes]
        return Group(self.table(), Text(), *notes, Text(self.summary, style="bold"))

    def table(self) -> Table:
        """Return all findings as a table for a terminal."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for finding in self.findings:
            text = Text(finding.observed)
            if finding.advice:
                text.append(f"\n→ {finding.advice}", style=_STYLES[finding.outcome])
            mark = Text(finding.outcome, style=_STYLES[finding.outcome])
            table.add_row(mark, finding.check.replace("_", " "), text)
        return table

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        notes = "".join(map(paragraph, self.notes))
        return f"{self.table_html()}{notes}{paragraph(self.summary, bold=True)}"

    def table_html(self) -> Markup:
        """Return all findings as a table in HTML."""
        rows = []
        for finding in self:
            text = cell(finding.observed)
            text += f"<br>→ {cell(finding.advice)}" if finding.advice else ""
            mark = f"{_MARKS[finding.outcome]} {finding.outcome}"
            rows.append([finding.check.replace("_", " "), mark, Markup(text)])
        return table(rows, texts=(1, 2))

    @property
    def summary(self) -> str:
        """One line: how many checks passed, warned and failed."""
        counts = {
            outcome: sum(finding.outcome is outcome for finding in self.findings)
            for outcome in Outcome
        }
        words = zip(counts.values(), ("passed", "warned", "failed"), strict=True)
        return f"{len(self)} checks: " + ", ".join(f"{count} {word}" for count, word in words)
