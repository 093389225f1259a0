"""How estimators and their histories show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any

import numpy as np

from wellfit.core.metrics import Metric

_WIDE, _TALL = 120, 24  # of a small curve, in pixels


class Epochs(dict[str, list[float]]):
    """Lists by name, a value for each epoch; in a notebook, a table with small curves.

    >>> history = Epochs(loss=[2.0, 1.5], accuracy=[0.25, 0.75])
    >>> history["loss"]
    [2.0, 1.5]
    >>> "<svg" in history._repr_html_()
    True
    """

    def _repr_html_(self) -> str:
        """Return a table: each name with its first and last value, and its curve."""
        heads = "".join(f"<th>{head}</th>" for head in ("", "first", "last", "least", "most", ""))
        rows = "".join(_row(name, values) for name, values in self.items() if len(values))
        epochs = max(map(len, self.values()), default=0)
        return (
            f"<table><caption>{epochs} epoch{'' if epochs == 1 else 's'}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _row(name: str, values: Sequence[float]) -> str:
    finite = [value for value in values if np.isfinite(value)] or [np.nan]
    told = (values[0], values[-1], min(finite), max(finite))
    cells = "".join(f"<td>{Metric.of(name).format(value, more=1)}</td>" for value in told)
    return f"<tr><th>{escape(name)}</th>{cells}<td>{_curve(values)}</td></tr>"


def _curve(values: Sequence[float]) -> str:
    """Return a line through the values that are finite, as SVG."""
    y = np.asarray(values, dtype=np.float64)
    known = np.isfinite(y)
    if known.sum() < 2:
        return ""
    low, high = y[known].min(), y[known].max()
    heights = _TALL - 2 - (_TALL - 4) * (y - low) / ((high - low) or 1)
    across = np.linspace(1, _WIDE - 1, len(y))
    points = " ".join(
        f"{a:.1f},{b:.1f}" for a, b in zip(across[known], heights[known], strict=True)
    )
    return (
        f'<svg width="{_WIDE}" height="{_TALL}" role="img"><polyline points="{points}" '
        'fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )


class Showing:
    """What a notebook shows of an estimator."""

    @property
    def plot(self) -> Any:
        """Figures of the fitted model, such as ``plot.learning_curve()`` and ``plot.weights()``.

        See :class:`wellfit.report.plotting.ModelPlots`.
        """
        # By name: figures stand above estimators, and take a while to import.
        return import_module("wellfit.report.plotting").ModelPlots(self)

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram, and below it what came of the training."""
        diagram: str = super()._html_repr()  # type: ignore[misc]
        return f"{diagram}<p>{escape(self._summary())}</p>" if self._summary() else diagram

    def _summary(self) -> str:
        """Return what came of the training in a line; nothing before there was one."""
        facts = vars(self)
        if "n_parameters_" not in facts:
            return ""
        said, epochs = f"{facts['n_parameters_']:,} parameters", facts.get("n_epochs_", 0)
        if not epochs:  # imported: it was trained elsewhere
            return said
        said += f", {epochs} epoch{'' if epochs == 1 else 's'} ({facts['status_']})"
        best, history = facts["best_epoch_"], facts["history_"]
        if best != epochs:
            said += f", weights of epoch {best}"
        # The figures of the epoch whose weights these are, not of the last one.
        known = {name: history.get(name, ())[best - 1 : best] for name in _TOLD if best}
        shown = [
            f"{name} {Metric.of(name).format(value, more=1)}"
            for name, values in known.items()
            for value in values
        ]
        return f"{said}: {', '.join(shown)}" if shown else said


_TOLD = ("loss", "val_loss", "accuracy", "val_accuracy")
