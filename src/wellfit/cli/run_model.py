"""Loading the model of a run, or of its last checkpoint where it was killed before it had one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellfit.cli.console import note
from wellfit.cli.run_folder import CHECKPOINTS, read_config
from wellfit.core.words import moment, spent
from wellfit.datasets import TableSchema
from wellfit.estimators import load_model
from wellfit.inference.table_schema import record_schema


def load_run_model(run: Path, folder: Path) -> Any:
    """Return a run's model; a note says which epoch's weights a checkpoint has.

    Args:
        run: as the user gave it.
        folder: what :func:`~wellfit.cli.run_folder.model_folder` found of it.
    """
    model = load_model(folder)
    if folder.name != CHECKPOINTS or folder.parent != run:
        return model
    # A model records how its table was read when it is saved, which this one never was.
    document = read_config(run).get("data", {}).get("schema")
    record_schema(model, None if document is None else TableSchema.from_document(document))
    if model.n_epochs_:
        when = (
            f"of {moment(model.history_, model.best_epoch_)}, from its last checkpoint, after "
            f"{spent(model.history_, model.n_epochs_)}"
        )
    else:
        when = "from its last checkpoint, which is within the first epoch"
    note(
        f"the run {run} isn't finished: these are the weights {when}; "
        f"`wellfit train --resume {run}` resumes it"
    )
    return model
