"""Curves of an ensemble's members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wellfit.core.metrics import Metric
from wellfit.report.figures import JUDGED, TRAINING, _lighten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Mapping[str, Sequence[float]]


def draw_members(axes: Axes, name: str, histories: Sequence[History]) -> None:
    """Draw one metric of several trainings by epoch, a thin line for each."""
    metric = Metric.of(name)
    for key, what, colour, style in (
        (name, "training", TRAINING, "-"),
        (f"val_{name}", "validation", JUDGED, "--"),
    ):
        curves = [history[key] for history in histories if history.get(key)]
        for place, values in enumerate(curves):
            axes.plot(
                range(1, len(values) + 1),
                np.multiply(values, metric.scale),
                style,
                color=colour,
                linewidth=1,
                alpha=0.6,
                marker="o" if len(values) == 1 else None,
                label=what if place == 0 else None,
            )
    axes.set_title(f"{name.capitalize()} of {len(histories)} members", wrap=True)
    axes.set(xlabel="epoch", ylabel=metric.label)
    axes.set_xlim(1, max(2, *(len(history[name]) for history in histories)))
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False)
    _lighten(axes)
