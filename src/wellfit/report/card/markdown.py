"""Markdown: tables and texts in which a data set's own names do no harm."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def escaped(text: object) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    >>> print(escaped("a|b *c* <script>"))
    a\|b \*c\* \<script\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, *rows]
    return "\n".join(
        [_row(lines[0]), "|" + "---|" * len(head), *(_row(line) for line in lines[1:])]
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def bullets(texts: Sequence[str]) -> str:
    """Return a list, an item for each text."""
    return "\n".join(f"- {text}" for text in texts)


def to_fill_in(question: str) -> str:
    """Return a mark for what only people know.

    >>> to_fill_in("Who is it for?")
    '*To be filled in: who is it for?*'
    """
    return f"*To be filled in: {question[:1].lower()}{question[1:]}*"
