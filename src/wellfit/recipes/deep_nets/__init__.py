"""Notes on training deep nets: batch norm to dropout, reuse of layers, and three exercises."""

from wellfit.recipes.deep_nets import (
    auxiliary,
    comparing,
    digits,
    labelless,
    regularizing,
    reusing,
    transferring,
)

__all__ = [
    "auxiliary",
    "comparing",
    "digits",
    "labelless",
    "regularizing",
    "reusing",
    "transferring",
]
