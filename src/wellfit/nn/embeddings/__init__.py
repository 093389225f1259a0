r"""Embeddings of columns: each becomes several numbers, by what a network learns of it.

A linear layer reads a feature by one slope. Where the effect of a feature jumps, or goes up and
down, as that of an hour of the day, layers that first embed it need far fewer rows and epochs.
A category of many levels would take a column of 0 and 1 for each; an embedding looks up a row of
numbers instead.

To add one, write a class here: its name, its parameters, its op, its source.
"""

from wellfit.core.registry import discover
from wellfit.nn.embeddings.base import NumericEmbedding
from wellfit.nn.embeddings.categorical import CategoricalEmbedding
from wellfit.nn.embeddings.entity import EntityEmbedding
from wellfit.nn.embeddings.periodic import Periodic
from wellfit.nn.embeddings.piecewise_linear import PiecewiseLinear
from wellfit.nn.embeddings.piecewise_with_jumps import PiecewiseWithJumps

__all__ = [
    "CategoricalEmbedding",
    "EntityEmbedding",
    "NumericEmbedding",
    "Periodic",
    "PiecewiseLinear",
    "PiecewiseWithJumps",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
