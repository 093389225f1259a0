"""Predictions by NumPy alone: small files are predicted before PyTorch would be imported."""

from __future__ import annotations

from wellfit.inference.model import NumpyModel, read_numpy_model

__all__ = ["NumpyModel", "read_numpy_model"]
