"""The data and the network of a training, shown and checked before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellfit.cli.console import key_value_table, note, spinner
from wellfit.cli.data_summary import classes, missing_values, types
from wellfit.cli.settings import Model, resolved
from wellfit.cli.source import SplitData
from wellfit.core.errors import InputError
from wellfit.core.metrics import title_of
from wellfit.core.parameter import is_auto
from wellfit.core.words import percent, pluralize
from wellfit.datasets import Dataset, Summary, describe, duplicates_across
from wellfit.diagnose import Report, check_data
from wellfit.estimators.without_auto import without_auto


def training_summary(model: Model, source: SplitData) -> Table:
    """Return a table about the data (size, types, missing values, duplicates) and the network."""
    data = source.data
    summary = describe(data.X, data.y, task=source.kind)
    table = key_value_table()
    table.add_row(
        "data",
        Text(data.name, "bold cyan") + (f": {data.description}" if data.description else ""),
    )
    every = source.whole or data
    test = 0 if every.X_test is None else len(every.X_test)
    table.add_row("rows", f"{len(every.X):,} training, {test:,} test ({source.split})")
    if every.X_val is not None:
        table.add_row("", f"{len(every.X_val):,} validation")
    table.add_row("columns", types(summary))
    table.add_row("missing", missing_values(summary))
    assert summary.target is not None
    table.add_row("target", f"{source.target}: {classes(summary.target)}")
    table.add_row("duplicates", _duplicates(source, summary))
    settings = resolved(_as_fitted(model, data))
    table.add_row("network", _network(settings))
    table.add_row("training", _training(settings))
    return table


def _as_fitted(model: Model, data: Dataset) -> Model:
    """Return a model with what ``"auto"`` stands for; as it is where ``fit`` refuses the data."""
    with suppress(InputError):
        chosen: Model = without_auto(model, data.X, data.y, validated=data.X_val is not None)
        return chosen
    return model


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
    if is_auto(hidden):
        return f"hidden layers by default, {_names(settings['activation'])}{_extras(settings)}"
    sizes = (hidden,) if isinstance(hidden, int) else hidden
    if not sizes:
        return f"no hidden layer{_extras(settings)}"
    units = ", ".join(map(str, sizes))
    layers = "1 hidden layer" if len(sizes) == 1 else f"{len(sizes)} hidden layers"
    of = f"{n} submodels with " if isinstance(n := settings["n_submodels"], int) and n > 1 else ""
    return f"{of}{layers} of {units} units, {_names(settings['activation'])}{_extras(settings)}"


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
        open_ = is_auto(settings["learning_rate"]) and is_auto(settings["hidden_layer_sizes"])
        rate = "auto" if open_ else f"{optimizer['learning_rate']:g}"
        texts.append(f"learning rate {rate} ({schedule})")
        texts.append(f"batch size {settings['batch_size']}")
    if settings["augment"]:
        texts.append(f"augmented by {_names(settings['augment'])}")
    stopping = settings["early_stopping"]
    kept = f"; keeps the best by {title_of(stopping['monitor'])}" if stopping else ""
    return ", ".join([*texts, f"{at_most}{epochs}{kept}"])


def _extras(settings: Mapping[str, Any]) -> str:
    numbers = ("dropout", "input_dropout", "input_noise", "l1", "l2", "max_norm")
    names = ("batch_norm", *numbers, "ema_decay", "class_weight")
    given = {name: settings[name] for name in names if settings.get(name)}
    given = {name: value for name, value in given.items() if not is_auto(value)}
    texts = [
        name.replace("_", " ") + ("" if value is True else f" {_value_text(value)}")
        for name, value in given.items()
    ]
    if isinstance(settings.get("bagging"), int):
        others = settings.get("architectures") or ()
        each = f" of each of {1 + len(others)} architectures" if others else ""
        texts.append(f"the average of {settings['bagging']} networks{each}")
    return "".join(f", {item}" for item in texts)


def _value_text(value: Any) -> str:
    if isinstance(value, Mapping) and "strength" in value:  # a penalty
        return f"{value['strength']}{' decoupled' if value['decoupled'] else ''}"
    return _names(value) if isinstance(value, Mapping) and "name" in value else str(value)
