"""Callbacks: they see every epoch and may stop members, keep weights or scale rates."""

from wellfit.core.registry import discover
from wellfit.training.callbacks.base import (
    Callback,
    Decision,
    EpochLogs,
    Mask,
    Run,
    State,
    TrainingView,
)
from wellfit.training.callbacks.call import Call
from wellfit.training.callbacks.checkpoints import Checkpoint
from wellfit.training.callbacks.early_stopping import EarlyStopping
from wellfit.training.callbacks.files import CSVLog, JSONLines
from wellfit.training.callbacks.health import Health
from wellfit.training.callbacks.history import MetricHistory
from wellfit.training.callbacks.limits import StopOnDivergence, TimeLimit
from wellfit.training.callbacks.mlflow import MLflow
from wellfit.training.callbacks.plateau import PlateauCallback
from wellfit.training.callbacks.progress import Progress
from wellfit.training.callbacks.tensorboard import TensorBoard
from wellfit.training.callbacks.wandb import WandB

__all__ = [
    "CSVLog",
    "Call",
    "Callback",
    "Checkpoint",
    "Decision",
    "EarlyStopping",
    "EpochLogs",
    "Health",
    "JSONLines",
    "MLflow",
    "Mask",
    "MetricHistory",
    "PlateauCallback",
    "Progress",
    "Run",
    "State",
    "StopOnDivergence",
    "TensorBoard",
    "TimeLimit",
    "TrainingView",
    "WandB",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
