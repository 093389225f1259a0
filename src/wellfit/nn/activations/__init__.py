r"""Activation functions with their derivatives, written into buffers that already exist.

To add one, write a class here: its name, its two methods, its source.
"""

from wellfit.core.registry import discover
from wellfit.nn.activations.base import Activation
from wellfit.nn.activations.rectified import ELU, SELU, LeakyReLU, PReLU, ReLU
from wellfit.nn.activations.saturating import HardSigmoid, Identity, Sigmoid, Softsign, Tanh
from wellfit.nn.activations.smooth import GELU, Mish, SiLU, Softplus

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "HardSigmoid",
    "Identity",
    "LeakyReLU",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
