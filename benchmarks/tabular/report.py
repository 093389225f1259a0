"""The tables that the benchmark prints: where each side stands, and every score."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.report import markdown_table
from benchmarks.tabular.side import all_sides
from benchmarks.tabular.standing import (
    BASELINE,
    Group,
    Results,
    accuracy,
    groups,
    loss,
    mean_over_splits,
    standings,
    wins,
)
from benchmarks.tabular.store import Result

OURS = "wellfit"


def markdown(results: Results) -> str:
    """Return a section for each group of sides, and the versions that were measured."""
    sections = [section(results, group) for group in groups(results)]
    return "\n\n".join([*sections, versions(results)])


def section(results: Results, group: Group) -> str:
    """Return the standings of a group and two tables of scores."""
    title = (
        f"## Tables: {len(group.tables)}, splits: {len(group.places)}, sides: {len(group.sides)}"
    )
    return "\n\n".join(
        [
            title,
            summary(results, group),
            "Log loss or RMSE (lower is better), mean of the splits:",
            scores(results, group, loss, best=min),
            "Accuracy or R² (higher is better), mean of the splits:",
            scores(results, group, accuracy, best=max),
        ]
    )


def summary(results: Results, group: Group) -> str:
    """Return the standings as a table, the best mean rank first."""
    head = ["", "mean rank", "normalised score", "CPU s to fit", "CPU s to predict"]
    compared = OURS in group.sides
    head += ["tables on which wellfit's default is better"] if compared else []
    rows = []
    for side, one in standings(results, group).items():
        row = [title(side), f"{one.rank:.2f}", f"{one.score:.3f}"]
        row += [f"{one.fit_seconds:,.0f}", f"{one.predict_seconds:,.1f}"]
        if compared:
            won = wins(results, OURS, side, group)
            row.append("" if side == OURS else f"{won} of {len(group.tables)}")
        rows.append(row)
    return markdown_table(head, rows)


def scores(
    results: Results, group: Group, of: Callable[[Result], float], best: Callable[..., float]
) -> str:
    """Return a table of one score: tables down, sides across, the best of each row in bold."""
    rows = []
    for table in group.tables:
        values = [mean_over_splits(results, side, table, group, of) for side in group.sides]
        cells = [f"{value:.4g}" for value in values]
        bold = f"{best(values):.4g}"
        rows.append([table, *(f"**{cell}**" if cell == bold else cell for cell in cells)])
    return markdown_table(["", *map(title, group.sides)], rows)


def versions(results: Results) -> str:
    """Return what was measured when, and the number of its cells."""
    lines: dict[str, list[str]] = {}
    for cell, result in results.items():
        lines.setdefault(cell.side, []).append(f"{result['library']}, {result['day']}")
    rows = [
        [title(side), "; ".join(sorted(set(origins))), str(len(origins))]
        for side, origins in lines.items()
        if side != BASELINE
    ]
    return markdown_table(["", "measured", "cells"], rows)


def title(side: str) -> str:
    """Return a side's title, or its name where no module declares it any more."""
    declared = all_sides()
    return declared[side].title if side in declared else side
