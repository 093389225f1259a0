"""Floor 1: how parameters move. Update rules, schedules, clipping, penalties and constraints."""

from wellfit.core.registry import discover
from wellfit.optim.clipping import ClipByLayerNorm, ClipByNorm, ClipByValue, Clipping
from wellfit.optim.constraints import Constraint, MaxNorm
from wellfit.optim.layer_rates import LayerRates
from wellfit.optim.minimizers import LBFGS, ConjugateGradient, Minimizer
from wellfit.optim.optimizers import (
    FTRL,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSProp,
)
from wellfit.optim.penalties import L1, L2, Penalty
from wellfit.optim.schedules import (
    ConstantSchedule,
    Cosine,
    Custom,
    Exponential,
    LogCosine,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    Power,
    Ramp,
    Schedule,
    TimeBased,
    WarmUp,
)

__all__ = [
    "FTRL",
    "L1",
    "L2",
    "LBFGS",
    "SGD",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ClipByLayerNorm",
    "ClipByNorm",
    "ClipByValue",
    "Clipping",
    "ConjugateGradient",
    "ConstantSchedule",
    "Constraint",
    "Cosine",
    "Custom",
    "Exponential",
    "LayerRates",
    "Lion",
    "LogCosine",
    "MaxNorm",
    "Minimizer",
    "Muon",
    "Nadam",
    "OneCycle",
    "Optimizer",
    "Penalty",
    "PiecewiseConstant",
    "Polynomial",
    "Power",
    "RMSProp",
    "Ramp",
    "Schedule",
    "TimeBased",
    "WarmUp",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
