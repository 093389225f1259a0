"""Numbers as people read them."""

from __future__ import annotations


def percent(share: float, digits: int = 1) -> str:
    """Return a share in per cent.

    >>> percent(0.9749)
    '97.5 %'
    """
    return f"{100 * share:.{digits}f} %"


def short(value: float) -> str:
    """Return a number with three digits that count, large ones in full.

    >>> short(0.014878), short(51234.5)
    ('0.0149', '51,234')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"
