r"""Initializers of weights and biases.

``fan_in`` and ``fan_out`` are the numbers of units that a layer reads and writes. To add one,
write a class here: its name, its one method, its source.
"""

from wellfit.core.registry import discover
from wellfit.nn.initializers.base import Initializer
from wellfit.nn.initializers.fixed import Constant, Ones, Zeros
from wellfit.nn.initializers.plain import Identical, Normal, TruncatedNormal, Uniform
from wellfit.nn.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identical",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
