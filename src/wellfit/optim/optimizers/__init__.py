"""Update rules, written for many members with hyper-parameters of their own.

A rule works on segments: a flat stretch of parameters that all share their coefficients, or K
rows (K, n) with coefficients (K, 1). What depends on the step but not on the gradient is computed
ahead (:meth:`Optimizer.coefficients`), so that an update is a handful of fused operations.
"""

from wellfit.core.registry import discover
from wellfit.optim.optimizers.adam import Adam, Adamax, AdamW, AMSGrad, Nadam
from wellfit.optim.optimizers.adaptive import AdaDelta, AdaGrad, RMSProp
from wellfit.optim.optimizers.base import Coefficients, LayerwiseOptimizer, Optimizer, Slots
from wellfit.optim.optimizers.ftrl import FTRL
from wellfit.optim.optimizers.lion import Lion
from wellfit.optim.optimizers.muon import Muon
from wellfit.optim.optimizers.sgd import SGD

__all__ = [
    "FTRL",
    "SGD",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Coefficients",
    "LayerwiseOptimizer",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Slots",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
