"""Verdicts on trainings: each diagnosis is a class, the verdict a function of the evidence."""
