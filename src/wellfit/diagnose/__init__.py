"""Floor 5: checks of data and network before training, and verdicts on trainings."""

from wellfit.core.registry import discover
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.columns import ColumnScales, ConstantColumns, DuplicateColumns
from wellfit.diagnose.encoding import EncodedColumns
from wellfit.diagnose.initial import (
    Gradients,
    InitialLoss,
    PenaltyRaisesLoss,
    Signals,
    Symmetry,
)
from wellfit.diagnose.layer_values import LayerValues, layer_values
from wellfit.diagnose.leaks import LeakingColumns
from wellfit.diagnose.lr_range_test import RangeTest, learning_rate_range
from wellfit.diagnose.order import RepeatedEntities, RowOrder
from wellfit.diagnose.report import Report
from wellfit.diagnose.rows import DuplicateRows, Imbalance, Labels
from wellfit.diagnose.running import check, check_data
from wellfit.diagnose.trials import BeatsChance, LearningRate, OverfitsFew, ShuffledLabels
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.comparison import NoSkill, Outliers, Outperformed, UnprovenSkill
from wellfit.diagnose.verdicts.descent import (
    Diverging,
    LearningRateHigh,
    LearningRateLow,
    NoisyValidation,
    StillImproving,
)
from wellfit.diagnose.verdicts.fit import (
    Miscalibrated,
    OverFitting,
    OverRegularized,
    UnderFitting,
)
from wellfit.diagnose.verdicts.network import BatchNormOff, DeadUnits
from wellfit.diagnose.verdicts.result import Verdict
from wellfit.diagnose.verdicts.scores import Baseline, Scores
from wellfit.diagnose.verdicts.training import Training
from wellfit.diagnose.verdicts.verdict import diagnoses, judge, verdict

__all__ = [
    "Baseline",
    "BatchNormOff",
    "BeatsChance",
    "Check",
    "ColumnScales",
    "ConstantColumns",
    "DeadUnits",
    "Diagnosis",
    "Diverging",
    "DuplicateColumns",
    "DuplicateRows",
    "EncodedColumns",
    "Finding",
    "Gradients",
    "Imbalance",
    "InitialLoss",
    "Labels",
    "LayerValues",
    "LeakingColumns",
    "LearningRate",
    "LearningRateHigh",
    "LearningRateLow",
    "Miscalibrated",
    "NoSkill",
    "NoisyValidation",
    "Outcome",
    "Outliers",
    "Outperformed",
    "OverFitting",
    "OverRegularized",
    "OverfitsFew",
    "PenaltyRaisesLoss",
    "RangeTest",
    "RepeatedEntities",
    "Report",
    "RowOrder",
    "Scores",
    "ShuffledLabels",
    "Signals",
    "StillImproving",
    "Suggestion",
    "Symmetry",
    "Training",
    "UnderFitting",
    "UnprovenSkill",
    "Verdict",
    "check",
    "check_data",
    "diagnoses",
    "judge",
    "layer_values",
    "learning_rate_range",
    "verdict",
]

# A check in a new file of this folder needs no line here.
discover(__name__)
