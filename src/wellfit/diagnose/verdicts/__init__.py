"""Verdicts on trainings: each diagnosis is a class, the verdict a function of the evidence."""

from wellfit.core.registry import discover

# A diagnosis in a new file of this folder needs no line here.
discover(__name__)
