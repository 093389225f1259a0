"""Floor 1: how parameters move. Update rules, learning-rate schedules and penalties."""

from wellfit.optim.optimizers import SGD, Adam, AdamW, Optimizer
from wellfit.optim.penalties import L1, L2, Penalty
from wellfit.optim.schedules import Constant, Exponential, OneCycle, Schedule

__all__ = [
    "L1",
    "L2",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Exponential",
    "OneCycle",
    "Optimizer",
    "Penalty",
    "Schedule",
]
