"""A picture of the standings: mean rank against seconds to fit."""

from __future__ import annotations

from pathlib import Path

from benchmarks.tabular.report import title
from benchmarks.tabular.standing import Results, groups, standings

MIN_TABLES = 5  # mean ranks over fewer say little


def draw(results: Results, path: Path) -> None:
    """Draw the group with most sides of those on enough tables, else that with most places."""
    from matplotlib.figure import Figure

    first, *others = groups(results)
    group = [first, *(one for one in others if len(one.tables) >= MIN_TABLES)][-1]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    found = {
        side: (one.fit_seconds / len(group.places), one.rank)
        for side, one in standings(results, group).items()
    }
    for side, point in found.items():
        color = "teal" if side.startswith("wellfit") else "0.45"
        axes.plot(*point, "o", color=color)
        # Above the point or below it, so that neighbours of two kinds don't cross.
        place = (6, 4) if side.startswith("wellfit") else (6, -12)
        axes.annotate(title(side), point, xytext=place, textcoords="offset points", color=color)
    seconds = [point[0] for point in found.values()]
    axes.set_xscale("log")
    axes.set_xlim(min(seconds) / 3, max(seconds) * 6)  # room for the names, and a tick or two
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(y=0.12)
    axes.invert_yaxis()  # the best on top
    axes.set_xlabel("CPU seconds of a fit, mean")
    axes.set_ylabel("mean rank by log loss or RMSE")
    axes.set_title(f"tables: {len(group.tables)}, splits: {len(group.places)}")
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
