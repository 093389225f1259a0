"""Verdicts on trainings: each diagnosis a class, the judgement a function of what is known."""
