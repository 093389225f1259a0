"""Floor between engine and estimators: encoded rows, training jobs and fitted networks as values.

A fit is four steps, each of which takes a value and returns one: *encode* the table
(:class:`FeatureEncoder`, :class:`TargetEncoder`), make a *job* (:class:`TrainingJob`), *run* jobs
(:func:`run`), keep a *fitted network* (:class:`FittedNetwork`).
"""

from wellfit.fitting.encoded import EncodedRows
from wellfit.fitting.features import FeatureEncoder
from wellfit.fitting.job import Compute, TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.runner import run
from wellfit.fitting.targets import (
    ClassTargets,
    LabelSetTargets,
    NumberTargets,
    PairTargets,
    ReconstructionTargets,
    TargetEncoder,
)

__all__ = [
    "ClassTargets",
    "Compute",
    "EncodedRows",
    "FeatureEncoder",
    "FittedNetwork",
    "LabelSetTargets",
    "NumberTargets",
    "PairTargets",
    "ReconstructionTargets",
    "TargetEncoder",
    "TrainingJob",
    "run",
]
