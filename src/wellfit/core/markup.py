"""HTML of results for notebooks: tables and paragraphs in which all data are escaped.

They set no colours, so that they follow the page around them, be it light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is markup already, and isn't escaped again.

    >>> cell(Markup("<b>1</b>")), cell("<b>1</b>")
    ('<b>1</b>', '&lt;b&gt;1&lt;/b&gt;')
    """

    __slots__ = ()


def cell(content: object) -> str:
    """Return what stands in a cell or a paragraph, escaped unless it is markup."""
    return content if isinstance(content, Markup) else escape(str(content))


def paragraph(content: object, *, bold: bool = False) -> Markup:
    """Return a paragraph; nothing where there is no content.

    >>> paragraph("a < b")
    '<p>a &lt; b</p>'
    """
    text = cell(content)
    inner = f"<b>{text}</b>" if bold else text
    return Markup(f"<p>{inner}</p>" if text else "")


def table(
    rows: Iterable[Sequence[object]],
    heads: Sequence[object] = (),
    *,
    caption: str = "",
    texts: Sequence[int] = (),
) -> Markup:
    """Return a table, the first cell of each row its head.

    Args:
        rows: the cells of each.
        heads: above the columns; none without.
        caption: above the table.
        texts: places of columns that hold texts, which begin on the left; numbers end on the
            right.

    >>> table([["loss", 0.5]], ["", "last"]).count("<tr>")
    2
    """
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    if heads:
        above += f"<thead><tr>{''.join(f'<th>{cell(head)}</th>' for head in heads)}</tr></thead>"
    body = "".join(_row(row, set(texts)) for row in rows)
    return Markup(f"<table>{above}<tbody>{body}</tbody></table>")


def _row(row: Sequence[object], texts: set[int]) -> str:
    parts = [f'<th style="text-align:left">{cell(row[0])}</th>']
    for place, content in enumerate(row[1:], 1):
        side = "left" if place in texts else "right"
        parts.append(f'<td style="text-align:{side}">{cell(content)}</td>')
    return f"<tr>{''.join(parts)}</tr>"
