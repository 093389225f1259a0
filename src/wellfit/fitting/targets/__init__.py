"""One encoder for each kind of targets: classes, sets of labels, numbers, pairs, the rows."""

from wellfit.fitting.targets.base import TargetEncoder
from wellfit.fitting.targets.classes import ClassTargets, LabelSetTargets
from wellfit.fitting.targets.numbers import NumberTargets
from wellfit.fitting.targets.pairs import PairTargets
from wellfit.fitting.targets.reconstruction import ReconstructionTargets

__all__ = [
    "ClassTargets",
    "LabelSetTargets",
    "NumberTargets",
    "PairTargets",
    "ReconstructionTargets",
    "TargetEncoder",
]
