"""Deep Learning Indaba 2017, practical 2: from first checks to a deeper model, on MNIST."""

from wellfit.recipes.indaba import checks, networks, search

__all__ = ["checks", "networks", "search"]
