"""Schedules: the factor on the learning rate, or on another hyper-parameter, at every step.

Steps are counted from 0 over the whole run; ``total`` is the number of steps planned for each
member, ``per_epoch`` those of one epoch.
"""

from wellfit.core.registry import discover
from wellfit.optim.schedules.base import ConstantSchedule, Schedule
from wellfit.optim.schedules.custom import Custom
from wellfit.optim.schedules.cycles import Cosine, OneCycle
from wellfit.optim.schedules.decay import (
    Exponential,
    PiecewiseConstant,
    Polynomial,
    Power,
    Ramp,
    TimeBased,
)
from wellfit.optim.schedules.log_cosine import LogCosine
from wellfit.optim.schedules.warm_up import WarmUp

__all__ = [
    "ConstantSchedule",
    "Cosine",
    "Custom",
    "Exponential",
    "LogCosine",
    "OneCycle",
    "PiecewiseConstant",
    "Polynomial",
    "Power",
    "Ramp",
    "Schedule",
    "TimeBased",
    "WarmUp",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
