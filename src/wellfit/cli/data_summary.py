"""Summaries of the data and the network that are printed before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellfit.cli.console import key_value_table, note, spinner
from wellfit.cli.settings import Model, resolved
from wellfit.cli.source import SplitData
from wellfit.core.words import percent, pluralize, short
from wellfit.datasets import Column, Summary, Target, describe, duplicates_across
from wellfit.diagnose import Report, check_data

_MOST_NAMED = 4
_MOST_COLUMNS = 100


def training_summary(model: Model, source: SplitData) -> Table:
    """Return a table about the data (size, types, missing values, duplicates) and the network."""
    data = source.data
    summary = describe(data.X, data.y, task=source.kind)
    table = key_value_table()
    table.add_row(
        "data",
        Text(data.name, "bold cyan") + (f": {data.description}" if data.description else ""),
    )
    test = 0 if data.X_test is None else len(data.X_test)
    table.add_row("rows", f"{len(data.X):,} training, {test:,} test ({source.split})")
    if data.X_val is not None:
        table.add_row("", f"{len(data.X_val):,} validation")
    table.add_row("columns", types(summary))
    table.add_row("missing", missing_values(summary))
    assert summary.target is not None
    table.add_row("target", f"{source.target}: {classes(summary.target)}")
    table.add_row("duplicates", _duplicates(source, summary))
    settings = resolved(model)
    table.add_row("network", _network(settings))
    table.add_row("training", _training(settings))
    return table


def show_data(model: Model, source: SplitData, console: Console, quiet: bool) -> Report:
    """Print a summary of the data and the network, check the data, and return the findings.

    With ``quiet``, only failed checks are printed, as notes.
    """
    data = source.data
    with spinner("checking the data"):
        shown = None if quiet else training_summary(model, source)
        report = source.relevant(
            check_data(model, data.X, data.y, X_test=data.X_test, y_test=data.y_test)
        )
    if shown is not None:
        console.print(shown)
        console.print(data_alarms(report))
        return report
    for one in report.alarms:
        if one.outcome == "fail":
            note(f"{one.observed}; {one.advice}")
    return report


def data_alarms(report: Report) -> RenderableType:
    """Return a table of the checks that warn or fail, with advice; empty if there are none.

    It omits duplicate rows, which :func:`training_summary` counts.
    """
    alarms = tuple(one for one in report.alarms if one.check != "duplicate_rows")
    if not alarms:
        return Group()
    return Group(Text(), Text("checks of the data", "bold"), Report(alarms).table())


def types(summary: Summary) -> str:
    """Return the number of columns of each type."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.kinds.items())
    return kinds if len(summary.kinds) == 1 else f"{len(summary.columns):,}: {kinds}"


def missing_values(summary: Summary) -> str:
    """Return the number of missing cells, and the columns with most of them."""
    if not summary.missing:
        return "none"
    holed = sorted((c for c in summary.columns if c.missing), key=lambda c: -c.missing)
    named = [f"{column.name} {column.missing:,}" for column in holed[:_MOST_NAMED]]
    more = ["…"] if len(holed) > _MOST_NAMED else []
    cells = pluralize(summary.missing, "cell")
    return f"{cells} in {pluralize(len(holed), 'column')}: {', '.join(named + more)}"


def classes(target: Target) -> str:
    """Return a summary of the target: classes with their fractions, or the range of numbers."""
    if target.kind == "regression":
        return f"a number from {_range(target)}"
    counts = target.classes
    noun = "label" if target.kind == "multilabel" else "class"
    if target.kind == "multilabel" or len(counts) > _MOST_NAMED:
        nouns = f"{noun}s" if noun == "label" else f"{noun}es"
        few, many = f"{min(counts.values()):,}", f"{max(counts.values()):,}"
        each = few if few == many else f"{few} to {many}"
        return f"{len(counts):,} {nouns} of {each} rows each"
    rows = sum(counts.values())
    return ", ".join(f"{name} {percent(count / rows)}" for name, count in counts.items())


def _duplicates(source: SplitData, summary: Summary) -> Text:
    data = source.data
    text = Text("none" if not summary.duplicate_rows else f"{summary.duplicate_rows:,}")
    text.append(" in the training set")
    if data.X_test is None:
        return text
    across = duplicates_across(data.X, data.X_test)
    if not across:
        return text.append("; no test row occurs in the training set")
    share = percent(across / len(data.X_test))
    verb = "occurs" if across == 1 else "occur"
    sentence = f"; {pluralize(across, 'test row')} ({share}) also {verb} in the training set"
    text.append(sentence, "yellow")
    return text


def _network(settings: Mapping[str, Any]) -> str:
    if settings["layers"] is not None:
        listed = ", ".join(map(_layer, settings["layers"]))
        return f"hidden layers {listed or 'none'}{_extras(settings)}"
    hidden = settings["hidden_layer_sizes"]
    sizes = (hidden,) if isinstance(hidden, int) else hidden
    if not sizes:
        return f"no hidden layer{_extras(settings)}"
    units = ", ".join(map(str, sizes))
    layers = "1 hidden layer" if len(sizes) == 1 else f"{len(sizes)} hidden layers"
    return f"{layers} of {units} units, {_names(settings['activation'])}{_extras(settings)}"


def _layer(layer: Any) -> str:
    """Return the description of a hidden layer given one by one."""
    if not isinstance(layer, Mapping):
        return str(layer)
    kept = {k: v for k, v in layer.items() if k not in ("family", "name") and v is not None}
    texts = [f"{k} {_names(v) if isinstance(v, Mapping) else v}" for k, v in kept.items()]
    return f"{layer['name']} ({', '.join(texts)})" if texts else str(layer["name"])


def _names(given: Any) -> str:
    several = given if isinstance(given, (list, tuple)) else [given]
    return ", ".join(str(one["name"]) for one in several)


def _training(settings: Mapping[str, Any]) -> str:
    optimizer, schedule = settings["optimizer"], settings["lr_schedule"]["name"]
    at_most = "at most " if settings["early_stopping"] else ""
    steps = settings.get("max_steps")
    epochs = pluralize(steps, "step") if steps else pluralize(settings["epochs"], "epoch")
    texts = [optimizer["name"]]
    if "learning_rate" in optimizer:  # full-batch optimizers have no learning rate
        texts.append(f"learning rate {optimizer['learning_rate']:g} ({schedule})")
        texts.append(f"batch size {settings['batch_size']}")
    if settings["augment"]:
        texts.append(f"augmented by {_names(settings['augment'])}")
    return ", ".join([*texts, f"{at_most}{epochs}"])


def _extras(settings: Mapping[str, Any]) -> str:
    numbers = ("dropout", "input_dropout", "input_noise", "l1", "l2", "max_norm")
    names = ("batch_norm", *numbers, "ema_decay", "class_weight")
    given = {name: settings[name] for name in names if settings.get(name)}
    texts = [
        name.replace("_", " ") + ("" if value is True else f" {_value_text(value)}")
        for name, value in given.items()
    ]
    return "".join(f", {item}" for item in texts)


def _value_text(value: Any) -> str:
    return _names(value) if isinstance(value, Mapping) and "name" in value else str(value)


def columns(summary: Summary) -> Table:
    """Return a table with a line for every column."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("column", overflow="fold", max_width=28)
    for name in ("type", "missing", "distinct"):
        table.add_column(name, justify="right" if name != "type" else "left", no_wrap=True)
    table.add_column("values", overflow="fold")
    for column in summary.columns[:_MOST_COLUMNS]:
        missing = Text(f"{column.missing:,}", "yellow") if column.missing else Text("-", "dim")
        table.add_row(column.name, column.kind, missing, f"{column.distinct:,}", _values(column))
    if len(summary.columns) > _MOST_COLUMNS:
        table.add_row(f"… {len(summary.columns) - _MOST_COLUMNS:,} more")
    return table


def _values(column: Column) -> str:
    if column.low is not None:
        return _range(column)
    shown: Sequence[tuple[str, int]] = column.top[:_MOST_NAMED]
    text = ", ".join(f"{level} {count:,}" for level, count in shown)
    return text + (", …" if column.distinct > len(shown) else "")


def _range(of: Column | Target) -> str:
    low, mean, high = (np.nan if f is None else f for f in (of.low, of.mean, of.high))
    return f"{short(low)} to {short(high)}, mean {short(mean)}"
