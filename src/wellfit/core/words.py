"""Numbers and names as people read them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence


def percent(share: float, digits: int = 1) -> str:
    """Return a share in per cent.

    >>> percent(0.9749)
    '97.5 %'
    """
    return f"{100 * share:.{digits}f} %"


def short(value: float, digits: int = 3) -> str:
    """Return a number with three significant digits, or so many; large ones in full.

    >>> short(0.014878), short(51234.5), short(999.96), short(0.014878, 4)
    ('0.0149', '51,234', '1,000', '0.01488')
    """
    rounded = abs(float(f"{value:.{digits}g}"))
    return f"{value:,.0f}" if 1000 <= rounded < 1e15 else f"{value:.{digits}g}"


def signed(value: float, digits: int = 3) -> str:
    """Return a number as :func:`short` does, with its sign.

    >>> signed(0.25), signed(-51234.5), signed(0)
    ('+0.25', '-51,234', '+0')
    """
    return f"{'' if value < 0 else '+'}{short(value, digits)}"


def wrapped(text: str) -> str:
    r"""Return text in lines of 80 letters at most, as a terminal shows them.

    >>> wrapped("a word " * 20).count("\n")
    1
    """
    return textwrap.fill(text, 80)


def moment(history: Mapping[str, Sequence[float]], epoch: int) -> str:
    """Return the words for an epoch, from 1; a step where a training was judged in steps.

    >>> moment({"loss": [2.0, 1.0]}, 2), moment({"step": [500.0, 1000.0]}, 2)
    ('epoch 2', 'step 1,000')
    """
    steps = history.get("step", ())
    return f"step {steps[epoch - 1]:,.0f}" if 0 < epoch <= len(steps) else f"epoch {epoch}"


def spent(history: Mapping[str, Sequence[float]], epochs: int) -> str:
    """Return how long a training went on, in epochs; in steps where it was judged in those.

    >>> spent({"loss": [2.0, 1.0]}, 2), spent({"step": [500.0, 1000.0]}, 2)
    ('2 epochs', '1,000 steps')
    """
    steps = history.get("step", ())
    if 0 < epochs <= len(steps):
        return pluralize(int(steps[epochs - 1]), "step")
    return pluralize(epochs, "epoch")


def duration(seconds: float) -> str:
    """Return a duration as text.

    >>> duration(0.25), duration(75), duration(7290)
    ('0.2 s', '1:15 min', '2:01 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, unit = (seconds, "min") if seconds < 3600 else (seconds / 60, "h")
    return f"{int(minutes // 60)}:{int(minutes % 60):02d} {unit}"


def pluralize(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> pluralize(1, "row"), pluralize(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def parameter_titles(names: Sequence[str]) -> list[str]:
    """Return the last words of parameters' names, or the whole names where these are the same.

    >>> parameter_titles(["optimizer__learning_rate", "l2"])
    ['learning rate', 'l2']
    >>> parameter_titles(["optimizer__momentum", "batch_norm__momentum"])
    ['optimizer momentum', 'batch norm momentum']
    """
    last = [name.rpartition("__")[2].replace("_", " ") for name in names]
    whole = [name.replace("__", " ").replace("_", " ") for name in names]
    return [a if last.count(a) == 1 else b for a, b in zip(last, whole, strict=True)]
