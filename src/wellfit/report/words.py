"""Numbers as people read them."""

from wellfit.core.words import percent, short

__all__ = ["percent", "short"]
