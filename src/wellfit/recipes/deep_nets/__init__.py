"""Notes on training deep networks: batch norm, dropout, pretrained layers, three exercises."""

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
