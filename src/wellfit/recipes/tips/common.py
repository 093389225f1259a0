"""Shared parts of the tips' recipes: the source, and experiments that test its claims."""

from __future__ import annotations

from typing import ClassVar, Literal

from wellfit.recipes.base import Publication, Recipe, Reference

TIPS = Publication("tips", "Neural network tips, after Nielsen's chapter 3", "nntools on Theano")

CLAIMS = "The source describes no experiment: network, rates and rows are chosen here."
NO_BETTER = "None: the experiment tests what the source says."


def claim(
    what: str, place: str, value: float, better: Literal["higher", "lower"] = "higher"
) -> Reference:
    """Return a comparison that the source makes in words."""
    return Reference(what, value, place, better, origin="claimed")


class Claim(Recipe):
    """An experiment of our own that tests what the source says."""

    source: ClassVar[Publication] = TIPS
    data: ClassVar[str] = "mnist"
    differs: ClassVar[str] = CLAIMS
    better_way: ClassVar[str] = NO_BETTER
