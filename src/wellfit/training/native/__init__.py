"""The compiled step: many steps of small networks in one call (see ``step.cpp``)."""

from wellfit.training.native.native_judge import NativeJudge
from wellfit.training.native.native_step import NativeStep
from wellfit.training.native.plan import obstacle
from wellfit.training.native.table_rows import TableRows
from wellfit.training.native.workers import Workers

__all__ = ["NativeJudge", "NativeStep", "TableRows", "Workers", "obstacle"]
