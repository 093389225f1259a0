"""Data sets: bundled, downloaded or from files; summaries, splits, image figures."""

from __future__ import annotations

from wellfit.datasets.catalog import is_name, list_datasets, load
from wellfit.datasets.class_selection import select_classes
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.drawing import picture
from wellfit.datasets.duplicates import duplicate_rows, duplicates_across
from wellfit.datasets.named import DatasetInfo
from wellfit.datasets.readers import read_features
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.splitting import train_test_split
from wellfit.datasets.streamed import StreamedTable
from wellfit.datasets.summary import Column, Summary, Target, describe
from wellfit.datasets.tables import read_table
from wellfit.datasets.task import Task, infer_task

__all__ = [
    "Column",
    "Dataset",
    "DatasetInfo",
    "StreamedTable",
    "Summary",
    "TableSchema",
    "Target",
    "Task",
    "describe",
    "duplicate_rows",
    "duplicates_across",
    "infer_task",
    "is_name",
    "list_datasets",
    "load",
    "picture",
    "read_features",
    "read_table",
    "select_classes",
    "train_test_split",
]
