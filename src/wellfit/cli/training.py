"""The steps of ``wellfit train`` once it is known what to train on what."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from wellfit.cli import outcome, overview
from wellfit.cli.console import counted, duration, note, screen, waiting
from wellfit.cli.run_folder import RunFolder, refuse_foreign
from wellfit.cli.settings import Model, estimator, resolved
from wellfit.cli.source import Request, Source, open_source
from wellfit.cli.watching import Journal, Lines, Show
from wellfit.core.errors import DataError, InputError
from wellfit.report import Curves, learning_curve, png
from wellfit.report.scores import positions
from wellfit.store import is_model
from wellfit.training import Observer


def run_training(
    request: Request,
    parameters: Mapping[str, Any],
    extra: Sequence[str],
    *,
    run: Path | None,
    quiet: bool,
) -> None:
    """Train a model, judge it, and write all of it into a run folder.

    Args:
        request: what to train on.
        parameters: the estimator's, by name, as far as given.
        extra: more of them, as ``name=value``.
        run: the folder; None for a new one.
        quiet: print the figures only.
    """
    # What is wrong with the command shows before the data are read.
    if run is not None:
        refuse_foreign(run)
    parameters = {**parameters, "random_state": request.seed}
    estimator("classification", parameters, extra)
    console = screen()
    with waiting(f"reading {request.name}"):
        source = open_source(request)
        model = estimator(source.learning, parameters, extra)
        look = None if quiet else overview.before_training(model, source)
    if look is not None:
        console.print(look)
        console.print()
    judged = "validation" if _validates(model, source) else "test"
    folder = RunFolder(run, source.data.name)
    journal = Journal(folder, _config(model, source, request), judged)
    try:
        _fit(model, source, judged, [journal, *_shows(console, judged, quiet)], folder)
    except BaseException:
        if folder.begun and is_model(folder.model):
            note(f"{folder.model} is still the model of an earlier run")
        raise
    # Before anything else: from here on nothing is lost, whatever happens.
    model.save(folder.model)
    _conclude(model, source, folder, judged, console, quiet)


def _validates(model: Model, source: Source) -> bool:
    """Say whether some rows are there to choose the model by."""
    held_out = bool(model.early_stopping) or model.validation_fraction is not None
    return held_out or source.data.X_val is not None


def _shows(console: Console, judged: str, quiet: bool) -> list[Observer]:
    if quiet:
        return []
    return [Show(console, judged) if console.is_terminal else Lines(console, judged)]


def _fit(
    model: Model, source: Source, judged: str, observers: list[Observer], folder: RunFolder
) -> None:
    """Train; warnings become notes, and what scikit-learn finds wrong with data a DataError."""
    data = source.data
    X_val, y_val = data.X_val, data.y_val
    if judged == "test" and _knows_all(source):
        # The test rows draw a curve and nothing more: no weights are chosen by them.
        X_val, y_val = data.X_test, data.y_test
    model.set_params(observers=observers)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(data.X, data.y, X_val=X_val, y_val=y_val)
        except InputError:
            raise
        except ValueError as error:
            if folder.begun:
                raise
            raise DataError(str(error)) from error
    model.set_params(observers=())
    said = (str(w.message) for w in caught if issubclass(w.category, UserWarning))
    for message in dict.fromkeys(said):
        note(message)


def _knows_all(source: Source) -> bool:
    """Say whether every class of the test rows is among those of the training rows."""
    y, y_test = np.asarray(source.data.y), np.asarray(source.data.y_test)
    if source.learning == "regression" or y.ndim > 1:
        return True
    return bool((positions(y_test, np.unique(y)) >= 0).all())


def _config(model: Model, source: Source, request: Request) -> dict[str, Any]:
    """Return all that it takes to repeat a run."""
    data = source.data
    now = datetime.datetime.now(datetime.UTC)
    packages = ("wellfit", "torch", "numpy", "scikit-learn", "pandas")
    return {
        "command": shlex.join(["wellfit", *sys.argv[1:]]),
        "started": now.isoformat(timespec="seconds"),
        "estimator": type(model).__name__,
        "settings": resolved(model),
        "seed": request.seed,
        "data": {
            "given": request.name,
            "name": data.name,
            "source": data.source,
            "task": source.kind,
            "target": data.target,
            "columns": list(data.X.columns) if hasattr(data.X, "columns") else data.X.shape[1],
            "training_rows": len(data.X),
            "validation_rows": 0 if data.X_val is None else len(data.X_val),
            "test_rows": 0 if data.X_test is None else len(data.X_test),
            "split": source.split,
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
    }


def _conclude(
    model: Model, source: Source, folder: RunFolder, judged: str, console: Console, quiet: bool
) -> None:
    """Judge the model, tell how good it is, and write that and the pictures."""
    history = model.history_
    if not quiet:
        _tell_training(model, judged, console)
    result = outcome.judge(model, source)
    folder.finish({**_training(model), **result.plain()})
    console.print(outcome.scores(result))
    if not quiet:
        outcome.show(result, source, console)
    if history:
        title = f"{source.data.name}: learning curve"
        figure = learning_curve(history, best_epoch=model.best_epoch_, judged=judged, title=title)
        folder.picture("learning_curve.png", png(figure))
    for name, picture in outcome.pictures(result, source):
        folder.picture(name, picture)
    folder.check()
    _tell_folder(folder, console)


def _training(model: Model) -> dict[str, Any]:
    """Return how training went."""
    return {
        "status": model.status_,
        "epochs": model.n_epochs_,
        "best_epoch": model.best_epoch_,
        "seconds": round(_seconds(model), 3),
        "parameters": model.n_parameters_,
    }


def _seconds(model: Model) -> float:
    return float(model.history_["seconds"][-1]) if model.history_ else 0.0


def _tell_training(model: Model, judged: str, console: Console) -> None:
    """Draw the curves, unless the terminal shows them already, and say how training ended."""
    if model.history_ and not console.is_terminal:
        console.print(Curves(model.history_, judged))
    how = {"stopped": "stopped early", "interrupted": "interrupted"}.get(model.status_, "finished")
    kept = "" if model.best_epoch_ == model.n_epochs_ else f", kept epoch {model.best_epoch_}"
    console.print(
        f"\n{how} after {counted(model.n_epochs_, 'epoch')} in {duration(_seconds(model))}{kept}; "
        f"{counted(model.n_parameters_, 'parameter')}\n"
    )


def _tell_folder(folder: RunFolder, console: Console) -> None:
    path = shlex.quote(str(folder.path))
    console.print(
        Text.assemble("run folder  ", (f"{folder.path}{os.sep}", "bold cyan")), soft_wrap=True
    )
    console.print(
        f"predict by  wellfit predict {path} NEW.csv --out predictions.csv", soft_wrap=True
    )
