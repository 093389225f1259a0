"""Who is told what happened during training; one file per kind."""

from wellfit.core.registry import discover
from wellfit.training.observers.base import (
    Answer,
    Mask,
    Observer,
    Record,
    Run,
    State,
    View,
)
from wellfit.training.observers.call import Call
from wellfit.training.observers.checkpoints import Checkpoint
from wellfit.training.observers.early_stopping import EarlyStopping
from wellfit.training.observers.files import CSVLog, JSONLines
from wellfit.training.observers.health import Health
from wellfit.training.observers.history import History
from wellfit.training.observers.limits import StopOnDivergence, TimeLimit
from wellfit.training.observers.mlflow import MLflow
from wellfit.training.observers.plateau import Plateau
from wellfit.training.observers.progress import Progress
from wellfit.training.observers.tensorboard import TensorBoard

__all__ = [
    "Answer",
    "CSVLog",
    "Call",
    "Checkpoint",
    "EarlyStopping",
    "Health",
    "History",
    "JSONLines",
    "MLflow",
    "Mask",
    "Observer",
    "Plateau",
    "Progress",
    "Record",
    "Run",
    "State",
    "StopOnDivergence",
    "TensorBoard",
    "TimeLimit",
    "View",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
