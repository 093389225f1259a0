"""Floor 2: the one loop, over stacks of members, streams of rows and observers."""

from wellfit.training.checkpoint import load_checkpoint, save_checkpoint
from wellfit.training.loop import train
from wellfit.training.observers import (
    Answer,
    EarlyStopping,
    History,
    Observer,
    Progress,
    Record,
    Run,
)
from wellfit.training.prediction import predict
from wellfit.training.result import Result, Status
from wellfit.training.stack import Member, Scheduled, Stack, Weights
from wellfit.training.streams import Rows, Stream, fraction_of, split

__all__ = [
    "Answer",
    "EarlyStopping",
    "History",
    "Member",
    "Observer",
    "Progress",
    "Record",
    "Result",
    "Rows",
    "Run",
    "Scheduled",
    "Stack",
    "Status",
    "Stream",
    "Weights",
    "fraction_of",
    "load_checkpoint",
    "predict",
    "save_checkpoint",
    "split",
    "train",
]
