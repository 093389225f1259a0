"""Samplers: which candidate of a space to try next."""

from wellfit.core.registry import discover
from wellfit.model_selection.samplers.base import Candidate, Sampler, SamplerRun
from wellfit.model_selection.samplers.bayesian import CMAES, TPE, GaussianProcess, Optuna
from wellfit.model_selection.samplers.growing import Grow
from wellfit.model_selection.samplers.plain import Grid, Random, Sobol

__all__ = [
    "CMAES",
    "TPE",
    "Candidate",
    "GaussianProcess",
    "Grid",
    "Grow",
    "Optuna",
    "Random",
    "Sampler",
    "SamplerRun",
    "Sobol",
]

# A sampler in a new file of this folder needs no line here.
discover(__name__)
