r"""Layers: what each holds, computes, and passes back.

A layer is a frozen description. Bound to K members and a batch of B rows (:meth:`Layer.bind`) it
becomes an :class:`Op`, whose buffers are allocated once and written over at every step.

Deltas are the rows' own derivatives, not yet divided by the batch: an op's parameter gradients
are means over the batch, so that nothing needs dividing on the way down.
"""

from wellfit.core.registry import discover
from wellfit.nn.layers.activate import Activate
from wellfit.nn.layers.base import Layer
from wellfit.nn.layers.batch_norm import BatchNorm
from wellfit.nn.layers.grouped import ConcatRows, GroupedLinear
from wellfit.nn.layers.linear import Linear
from wellfit.nn.layers.noise import AlphaDropout, Dropout, GaussianNoise, MaskingNoise
from wellfit.nn.layers.submodels import (
    RepeatRows,
    SubmodelLinear,
    SubmodelMean,
    SubmodelScale,
)
from wellfit.nn.ops import BindContext, Op, ParameterShape

__all__ = [
    "Activate",
    "AlphaDropout",
    "BatchNorm",
    "BindContext",
    "ConcatRows",
    "Dropout",
    "GaussianNoise",
    "GroupedLinear",
    "Layer",
    "Linear",
    "MaskingNoise",
    "Op",
    "ParameterShape",
    "RepeatRows",
    "SubmodelLinear",
    "SubmodelMean",
    "SubmodelScale",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
