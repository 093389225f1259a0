"""Floor 1: what a network is made of, and how it computes and differentiates itself."""

from wellfit.nn.activations import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, Tanh
from wellfit.nn.initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LecunNormal,
    LecunUniform,
    Normal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from wellfit.nn.layers import Activate, BatchNorm, Dense, Dropout, Layer
from wellfit.nn.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from wellfit.nn.network import Layout, Network, mlp

__all__ = [
    "ELU",
    "Activate",
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "Layer",
    "Layout",
    "LeakyReLU",
    "LecunNormal",
    "LecunUniform",
    "Loss",
    "Network",
    "Normal",
    "ReLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Tanh",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
    "mlp",
]
