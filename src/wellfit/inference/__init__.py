"""Models without PyTorch: read, listed in registries, and tables predicted by NumPy alone."""

from __future__ import annotations

from wellfit.inference.model import NumpyModel, read_numpy_model
from wellfit.inference.model_registry import ModelRegistry, find_model
from wellfit.inference.registry_index import RegisteredModel

__all__ = ["ModelRegistry", "NumpyModel", "RegisteredModel", "find_model", "read_numpy_model"]
