"""HTML summary of a fitted estimator for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from wellfit.core.lazy import public
from wellfit.core.markup import Markup, paragraph, table
from wellfit.core.metrics import Metric
from wellfit.core.words import moment, pluralize, spent
from wellfit.estimators.architectures import OWN
from wellfit.fitting import FittedNetwork
from wellfit.fitting.record import TrainingRecord

_SHOWN = ("loss", "val_loss", "accuracy", "val_accuracy")
_MOST_MEMBERS = 10


def with_summary(diagram: str, network: FittedNetwork | None) -> str:
    """Return scikit-learn's diagram, and below it how the training went."""
    if network is None:
        return diagram
    heads, rows = architecture_rows(network)
    below = table(rows, heads) + paragraph(own_architecture_note(network)) if rows else ""
    return f"{diagram}<p>{escape(summary(network))}</p>{below}"


def architecture_rows(network: FittedNetwork) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the texts of a table of a network's architectures; often none."""
    known = network.architectures
    if not known:
        return [], []
    metric = Metric.of(known[0].metric)
    heads = ["architecture", "weight", f"out-of-fold {metric.title}"]
    return heads, [
        [each.name, f"{each.weight:.2f}", metric.format(each.oob, more=1)] for each in known
    ]


def own_architecture_note(network: FittedNetwork) -> str:
    """Return which of several architectures curves and epochs are of; empty of a single one."""
    first, *others = network.architectures or (None,)
    if first is None:
        return ""
    # One of whose networks diverged has no score; then it is the one that counts most.
    kept = (one for one in (first, *others) if one.name == OWN and np.isfinite(one.oob))
    shown = next(kept, first)
    left_out = "" if shown.weight else ", which the average leaves out"
    return f"Curves and epochs are those of {shown.name!r}{left_out}."


def summary(network: FittedNetwork) -> str:
    """Return how a training went in a line."""
    size, record = f"{network.n_parameters:,} parameters", network.record
    several = network.n_networks > 1
    if several:
        size += f" of {network.n_networks} networks"
    epochs, best = record.n_epochs, record.best_epoch
    if not epochs:  # imported: it was trained elsewhere
        return size
    line = f"{size}, {spent(record.history, epochs)} ({record.status})"
    if best != epochs:
        where = moment(record.history, best)
        each = f", each with the weights of its own best epoch (median: {where})"
        line += each if several else f", weights of {where}"
    # The figures of the epoch whose weights these are, not of the last one.
    shown = [
        f"{name} {Metric.of(name).format(value, more=1)}"
        for name, value in kept_metrics(network).items()
    ]
    return f"{line}: {'means: ' if several else ''}{', '.join(shown)}" if shown else line


def average_of(network: FittedNetwork) -> str:
    """Return how many networks predict by their mean, and what they are of."""
    folds, architectures = network.weights.members, len(network.stacks)
    of = f", one for each of {folds} folds"
    if architectures > 1:
        of += f" in each of {architectures} architectures"
    return f"the average of {network.n_networks} networks{of}"


def kept_metrics(network: FittedNetwork) -> dict[str, float]:
    """Return the metrics of the epoch whose weights were kept, those that there are.

    Of several networks, each of which has an epoch of its own, they are means; none where only
    their average is known, as of a model that was loaded.
    """
    if network.n_networks > 1:
        records = [fold.record for fold in network.folds]
    else:
        records = [network.record]
    each = [_at_best(record) for record in records]
    return {
        name: float(np.mean([one[name] for one in each]))
        for name in (each[0] if each else ())
        if all(name in one for one in each)
    }


def _at_best(record: TrainingRecord) -> dict[str, float]:
    best = record.best_epoch
    known = {name: record.history.get(name, ())[best - 1 : best] for name in _SHOWN if best}
    return {name: values[0] for name, values in known.items() if len(values)}


def members_table(members: Sequence[Any], weights: Any) -> Markup:
    """Return an ensemble's members as a table: weight, epochs and metrics of each.

    Args:
        members: fitted estimators.
        weights: (M,) how much each counts.
    """
    networks = [member.network_ for member in members]
    names = [name for name in _SHOWN if any(name in kept_metrics(each) for each in networks)]
    heads = ["member", "weight", "epochs", "kept", *(name.replace("_", " ") for name in names)]
    rows = []
    for place in np.argsort(-np.asarray(weights), kind="stable")[:_MOST_MEMBERS].tolist():
        record, known = networks[place].record, kept_metrics(networks[place])
        figures = [Metric.of(name).format(known.get(name), more=1) for name in names]
        rows.append(
            [place, f"{weights[place]:.3f}", record.n_epochs, record.best_epoch or "–", *figures]
        )
    size = sum(each.n_parameters for each in networks)
    more = len(members) - len(rows)
    count = sum(each.n_networks for each in networks)
    of = f" of {count} networks" if count > len(members) else ""
    text = f"{pluralize(len(members), 'member')}{of}, {size:,} parameters in all"
    below = paragraph(f"and {more:,} more" if more else "")
    return Markup(f"{paragraph(text)}{table(rows, heads)}{below}")


def model_plots(model: Any) -> Any:
    """Figures of the fitted model, such as ``plot.learning_curve()`` and ``plot.weights()``.

    See :class:`wellfit.report.plotting.ModelPlots`.
    """
    return public("ModelPlots")(model)
