"""Who is told what happened during training; one file per kind."""

from wellfit.training.observers.base import (
    Answer,
    Mask,
    Observer,
    Record,
    Run,
    State,
    View,
)
from wellfit.training.observers.early_stopping import EarlyStopping
from wellfit.training.observers.history import History
from wellfit.training.observers.progress import Progress

__all__ = [
    "Answer",
    "EarlyStopping",
    "History",
    "Mask",
    "Observer",
    "Progress",
    "Record",
    "Run",
    "State",
    "View",
]
