"""Floor 5: whether all is well with data, network and learning rate before training."""

from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.columns import ConstantColumns, DuplicateColumns, LeakingColumns, Scale
from wellfit.diagnose.initial import (
    Gradients,
    InitialLoss,
    PenaltyRaisesLoss,
    Signals,
    Symmetry,
)
from wellfit.diagnose.rates import LearningRate, RangeTest, learning_rate_range
from wellfit.diagnose.report import Report
from wellfit.diagnose.rows import DuplicateRows, Imbalance, Labels
from wellfit.diagnose.running import check
from wellfit.diagnose.trials import BeatsChance, OverfitsFew, ShuffledLabels

__all__ = [
    "BeatsChance",
    "Check",
    "ConstantColumns",
    "DuplicateColumns",
    "DuplicateRows",
    "Finding",
    "Gradients",
    "Imbalance",
    "InitialLoss",
    "Labels",
    "LeakingColumns",
    "LearningRate",
    "Outcome",
    "OverfitsFew",
    "PenaltyRaisesLoss",
    "RangeTest",
    "Report",
    "Scale",
    "ShuffledLabels",
    "Signals",
    "Symmetry",
    "check",
    "learning_rate_range",
]
