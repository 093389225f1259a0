"""CS109B lab 3 (Harvard, 2019): optimization, on Beale's function and with a 64-64 network."""

from wellfit.recipes.cs109b import exercises, trainings

__all__ = ["exercises", "trainings"]
