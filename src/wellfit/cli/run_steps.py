"""Steps that the runs of `wellfit train` and `wellfit search` share."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.text import Text

from wellfit.augment import augmentations
from wellfit.cli.console import note, spinner
from wellfit.cli.plan import Plan
from wellfit.cli.processes import launch_entry
from wellfit.cli.request import Request
from wellfit.cli.run_folder import RunFolder
from wellfit.cli.sampling import streaming_notes
from wellfit.cli.search_folder import read_fits
from wellfit.cli.settings import Model, estimator, resolved
from wellfit.cli.source import Learning, SplitData, open_source
from wellfit.cli.unusable import refuse_missing_values
from wellfit.core.errors import InputError
from wellfit.core.version import __version__
from wellfit.estimators.settings import refuse_scorers
from wellfit.training.checkpoint import latest


def prepare(plan: Plan) -> tuple[SplitData, Model]:
    """Return the data and the estimator for them."""
    with spinner(f"reading {plan.request.name}"):
        source = open_source(plan.request)
        model = build_estimator(plan, source.learning)
        if model.preprocess is None:
            refuse_missing_values(source.data)
    refuse_scorers(model, model.scoring, source.data.y)
    for doubt in (*streaming_notes(source.data), *source.notes):
        note(doubt)
    moving = [one.name for one in augmentations(model.augment) if one.needs_image]
    if moving and model.image_shape is None:
        if source.data.image_shape is None:
            raise InputError(
                f"{moving[0]!r} augments images, but the image shape of the "
                f"{source.data.X.shape[1]:,} columns of {source.data.name} is unknown; expected "
                "--image-shape HEIGHT,WIDTH, such as 28,28"
            )
        model.set_params(image_shape=source.data.image_shape)
    return source, model


def build_estimator(plan: Plan, learning: Learning) -> Model:
    """Return the estimator of a plan, for classes or for numbers."""
    # What checks and judges a training is a matter of one process; its fit is of all.
    own = {"random_state": plan.request.seed, "processes": None}
    return estimator(learning, {**plan.parameters, **own}, plan.extra)


def run_config(model: Model, source: SplitData, request: Request) -> dict[str, Any]:
    """Return everything needed to repeat a run."""
    data = source.data
    now = datetime.datetime.now(datetime.UTC)
    packages = ("torch", "numpy", "scikit-learn", "pandas")
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
            "schema": None if data.schema is None else data.schema.to_document(),
            "columns": list(data.X.columns) if hasattr(data.X, "columns") else data.X.shape[1],
            "training_rows": len(data.X),
            "validation_rows": 0 if data.X_val is None else len(data.X_val),
            "test_rows": 0 if data.X_test is None else len(data.X_test),
            "split": source.split,
        },
        "versions": {
            "python": platform.python_version(),
            "wellfit": __version__,
            **{package: version(package) for package in packages},
        },
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        **launch_entry(),
    }


def training_record(model: Model) -> dict[str, Any]:
    """Return the record of the training."""
    return {
        "status": model.status_,
        "epochs": model.n_epochs_,
        "best_epoch": model.best_epoch_,
        "seconds": round(training_seconds(model), 3),
        "parameters": model.n_parameters_,
        "networks": model.network_.n_networks,
        "batch_size": model.batch_size_,
    }


def training_seconds(model: Model) -> float:
    """Return how long the training took, of all networks; 0 without an epoch."""
    if (seconds := model.network_.record.seconds) is not None:
        return seconds
    return float(model.history_["seconds"][-1]) if model.history_ else 0.0


def print_resume_hint(error: BaseException, folder: RunFolder, command: str) -> None:
    """Print how to resume a run that a signal or a full disk has ended, and what of it is kept."""
    if folder.begun and isinstance(error, (KeyboardInterrupt, OSError)):
        resume = f"`wellfit {command} --resume {shlex.quote(str(folder.path))}`"
        if latest(folder.checkpoints) or read_fits(folder.path):
            note(f"finished work is kept; {resume} resumes the run")
        else:
            note(f"there is nothing to resume from yet; {resume} begins the run again")


def print_folder(folder: RunFolder, interrupted: bool, console: Console) -> None:
    """Print where the run is, and the commands that use or resume it."""
    path = shlex.quote(str(folder.path))
    console.print(
        Text.assemble("run folder  ", (f"{folder.path}{os.sep}", "bold cyan")), soft_wrap=True
    )
    console.print(
        f"predict     wellfit predict {path} NEW.csv --out predictions.csv", soft_wrap=True
    )
    if interrupted:
        console.print(f"resume      wellfit train --resume {path}", soft_wrap=True)
