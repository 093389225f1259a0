"""Data: bundled, downloaded or from files; looked at, split, drawn."""

from __future__ import annotations

from wellfit.datasets.catalog import available, is_name, load
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.drawing import picture
from wellfit.datasets.duplicates import duplicate_rows, duplicates_across
from wellfit.datasets.entries import Entry
from wellfit.datasets.readers import read_features
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.splitting import hold_out
from wellfit.datasets.summary import Column, Summary, Target, look
from wellfit.datasets.tables import read_table
from wellfit.datasets.task import Task, infer_task

__all__ = [
    "Column",
    "Dataset",
    "Entry",
    "Summary",
    "TableSchema",
    "Target",
    "Task",
    "available",
    "duplicate_rows",
    "duplicates_across",
    "hold_out",
    "infer_task",
    "is_name",
    "load",
    "look",
    "picture",
    "read_features",
    "read_table",
]
