"""Floor 2: the one loop, over stacks of members, streams of rows and callbacks."""

from wellfit.training.callbacks import (
    Call,
    Callback,
    Checkpoint,
    CSVLog,
    Decision,
    EarlyStopping,
    EpochLogs,
    Health,
    JSONLines,
    MetricHistory,
    MLflow,
    PlateauCallback,
    Progress,
    Run,
    StopOnDivergence,
    TensorBoard,
    TimeLimit,
    TrainingView,
    WandB,
)
from wellfit.training.checkpoint import (
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    write_checkpoint,
)
from wellfit.training.loop import train
from wellfit.training.member import Member, Scheduled
from wellfit.training.pairing import Pairing
from wellfit.training.plateau_schedule import ReduceLROnPlateau
from wellfit.training.prediction import predict
from wellfit.training.result import Result, Status
from wellfit.training.rows import Rows
from wellfit.training.splits import folds, fraction_of, split
from wellfit.training.stack import Stack, Weights
from wellfit.training.streams import Stream

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
    "Member",
    "MetricHistory",
    "Pairing",
    "PlateauCallback",
    "Progress",
    "ReduceLROnPlateau",
    "Result",
    "Rows",
    "Run",
    "Scheduled",
    "Stack",
    "Status",
    "StopOnDivergence",
    "Stream",
    "TensorBoard",
    "TimeLimit",
    "TrainingView",
    "WandB",
    "Weights",
    "folds",
    "fraction_of",
    "load_checkpoint",
    "predict",
    "read_checkpoint",
    "save_checkpoint",
    "split",
    "train",
    "write_checkpoint",
]
