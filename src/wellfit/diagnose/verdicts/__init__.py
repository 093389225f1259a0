"""Verdicts on trainings: each symptom a class, the judgement a function of what is known."""
