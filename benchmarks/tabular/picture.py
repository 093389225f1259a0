"""A picture of the standings: mean rank against seconds to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.tabular.report import title
from benchmarks.tabular.standing import Group, Results, groups, standings


def draw(results: Results, path: Path) -> None:
    """Draw the group with most places, and beside it the one with most sides."""
    from matplotlib.figure import Figure

    found = groups(results)
    shown = found[:1] if len(found) == 1 else [found[0], found[-1]]
    figure = Figure(figsize=(6.5 * len(shown), 4.5), layout="constrained")
    for axes, group in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _draw_group(axes, results, group)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_group(axes: Any, results: Results, group: Group) -> None:
    for side, one in standings(results, group).items():
        point = (one.fit_seconds / len(group.places), one.rank)
        color = "teal" if side.startswith("wellfit") else "0.45"
        axes.plot(*point, "o", color=color)
        axes.annotate(
            title(side),
            point,
            xytext=(6, 4),
            textcoords="offset points",
            color=color,
        )
    axes.set_xscale("log")
    axes.margins(x=0.25, y=0.12)
    axes.invert_yaxis()  # the best on top
    axes.set_xlabel("CPU seconds of a fit, mean")
    axes.set_ylabel("mean rank by log loss or RMSE")
    axes.set_title(f"{len(group.tables)} tables, {len(group.places)} splits in all")
    axes.grid(alpha=0.3)
