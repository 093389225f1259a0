"""Tips for training networks, after chapter 3 of Nielsen's book."""

from wellfit.recipes.tips import chapter, claims

__all__ = ["chapter", "claims"]
