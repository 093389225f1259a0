r"""Embeddings of numeric features: each feature becomes several numbers, by functions it learns.

A linear layer reads a feature by one slope. Where the effect of a feature jumps, or goes up and
down, as that of an hour of the day, layers that first embed it need far fewer rows and epochs.

To add one, write a class here: its name, its parameters, its op, its source.
"""

from wellfit.core.registry import discover
from wellfit.nn.embeddings.base import NumericEmbedding
from wellfit.nn.embeddings.periodic import Periodic
from wellfit.nn.embeddings.piecewise_linear import PiecewiseLinear

__all__ = ["NumericEmbedding", "Periodic", "PiecewiseLinear"]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
