"""Floor 2: the one loop, over stacks of members, streams of rows and observers."""

from wellfit.training.checkpoint import (
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    write_checkpoint,
)
from wellfit.training.loop import train
from wellfit.training.observers import (
    Answer,
    Call,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    Health,
    History,
    JSONLines,
    MLflow,
    Observer,
    Plateau,
    Progress,
    Record,
    Run,
    StopOnDivergence,
    TensorBoard,
    TimeLimit,
    View,
)
from wellfit.training.performance import ReduceOnPlateau
from wellfit.training.prediction import predict
from wellfit.training.result import Result, Status
from wellfit.training.rows import Rows
from wellfit.training.splits import fraction_of, split
from wellfit.training.stack import Member, Scheduled, Stack, Weights
from wellfit.training.streams import Stream

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
    "Member",
    "Observer",
    "Plateau",
    "Progress",
    "Record",
    "ReduceOnPlateau",
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
    "View",
    "Weights",
    "fraction_of",
    "load_checkpoint",
    "predict",
    "read_checkpoint",
    "save_checkpoint",
    "split",
    "train",
    "write_checkpoint",
]
