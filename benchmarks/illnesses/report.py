"""The table of verdicts with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


def share(some: int, all_: int) -> str:
    return f"{some} of {all_} ({some / all_:.1%})" if all_ else "0 of 0"


def markdown(found: Sequence[Any]) -> str:
    """Return the counts by half, by plan and by verdict, and every disagreement."""
    parts = ["# Verdicts against an expert's\n", *halves_table(found)]
    parts += ["\n## By training\n", *plans_table(found)]
    parts += ["\n## By verdict\n", *verdicts_table(found)]
    parts += ["\n## Where they disagree\n", *disagreements(found)]
    return "\n".join(parts) + "\n"


def halves_table(found: Sequence[Any]) -> Iterable[str]:
    yield "| half | data sets | trainings | ill: right diagnosis | healthy: called healthy | " \
          "borderline: right | well fit against clear evidence |"  # fmt: skip
    yield "|---|---|---|---|---|---|---|"
    for half in dict.fromkeys(one.half for one in found):
        some = [one for one in found if one.half == half]
        sides = [
            share(sum(one.right for one in some if one.kind == kind),
                  sum(one.kind == kind for one in some))
            for kind in ("ill", "healthy", "borderline")
        ]  # fmt: skip
        blind = sum(one.blind for one in some)
        sets = len({one.data for one in some})
        yield f"| {half} | {sets} | {len(some)} | {' | '.join(sides)} | {blind} |"


def plans_table(found: Sequence[Any]) -> Iterable[str]:
    yield "| training | trainings | right | by the expert | verdicts |"
    yield "|---|---|---|---|---|"
    for plan in dict.fromkeys(one.plan for one in sorted(found, key=lambda o: not o.healthy_plan)):
        some = [one for one in found if one.plan == plan]
        kinds = counted(one.kind for one in some)
        right = sum(one.right for one in some)
        verdicts = counted(one.verdict for one in some)
        yield f"| {plan} | {len(some)} | {right} | {kinds} | {verdicts} |"


def verdicts_table(found: Sequence[Any]) -> Iterable[str]:
    yield "| verdict | ill | borderline | healthy | right |"
    yield "|---|---|---|---|---|"
    for name, count in Counter(one.verdict for one in found).most_common():
        some = [one for one in found if one.verdict == name]
        kinds = Counter(one.kind for one in some)
        cells = " | ".join(str(kinds[kind]) for kind in ("ill", "borderline", "healthy"))
        yield f"| {name} | {cells} | {sum(one.right for one in some)} of {count} |"


def disagreements(found: Sequence[Any]) -> Iterable[str]:
    yield "| half | data | training | verdict | expert | training | unseen | best baseline |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in found:
        if not one.right:
            numbers = [one.numbers.get(key) for key in ("training", "unseen", "baseline")]
            told = " | ".join("" if value is None else f"{value:.3f}" for value in numbers)
            says = ", ".join(one.says) or "healthy"
            yield f"| {one.half} | {one.data} | {one.plan} | {one.verdict} | {says} | {told} |"


def counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(names).most_common())
