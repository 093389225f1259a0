"""Shortcuts in what commands compute and draw, for tests that look at something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def judge_by_few_trees(patch: pytest.MonkeyPatch) -> None:
    """Compare networks with small models in verdicts: whole forests take longer than a training.

    Boosting has few rounds, and two classes at the most, since each round grows a tree a class;
    where folds validate, two of them score the models.
    """
    from wellfit.diagnose.verdicts import baselines  # with torch, which most of a session needs

    patch.setattr(baselines, "_TREES", 5)
    patch.setattr(baselines, "_ROUNDS", 30)
    patch.setattr(baselines, "_FEW_CLASSES", 2)
    patch.setattr(baselines, "_FOLDS", 2)


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Leave a word where a picture would be: drawing takes longer than a small training."""
    from matplotlib.figure import Figure  # which reads the backend that conftest.py sets

    from wellfit.charts import to_matplotlib

    def leave_out(figure: Figure, file: Any, **_: object) -> None:
        (file.write if hasattr(file, "write") else Path(file).write_bytes)(b"not drawn")

    patch.setattr(Figure, "savefig", leave_out)
    patch.setattr(to_matplotlib, "draw", lambda *_, **__: None)
