"""HTML summary of a fitted estimator for notebooks."""

from __future__ import annotations

from html import escape
from typing import Any

from wellfit.core.lazy import public
from wellfit.core.metrics import Metric
from wellfit.core.words import moment, spent
from wellfit.fitting import FittedNetwork

_SHOWN = ("loss", "val_loss", "accuracy", "val_accuracy")


def with_summary(diagram: str, network: FittedNetwork | None) -> str:
    """Return scikit-learn's diagram, and below it how the training went."""
    return diagram if network is None else f"{diagram}<p>{escape(summary(network))}</p>"


def summary(network: FittedNetwork) -> str:
    """Return how a training went in a line."""
    size, record = f"{network.weights.network.size:,} parameters", network.record
    epochs, best = record.n_epochs, record.best_epoch
    if not epochs:  # imported: it was trained elsewhere
        return size
    line = f"{size}, {spent(record.history, epochs)} ({record.status})"
    if best != epochs:
        line += f", weights of {moment(record.history, best)}"
    # The figures of the epoch whose weights these are, not of the last one.
    known = {name: record.history.get(name, ())[best - 1 : best] for name in _SHOWN if best}
    shown = [
        f"{name} {Metric.of(name).format(value, more=1)}"
        for name, values in known.items()
        for value in values
    ]
    return f"{line}: {', '.join(shown)}" if shown else line


def model_plots(model: Any) -> Any:
    """Figures of the fitted model, such as ``plot.learning_curve()`` and ``plot.weights()``.

    See :class:`wellfit.report.plotting.ModelPlots`.
    """
    return public("ModelPlots")(model)
