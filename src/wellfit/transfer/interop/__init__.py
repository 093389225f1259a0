"""Models from and to other libraries: Keras, PyTorch, scikit-learn, ONNX, plain NumPy."""

from wellfit.transfer.interop.estimator import from_parts
from wellfit.transfer.interop.export_spec import network_input
from wellfit.transfer.interop.files import EXPORTS, export, import_model
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.interop.from_keras import from_keras
from wellfit.transfer.interop.from_sklearn import from_sklearn
from wellfit.transfer.interop.from_torch import from_torch
from wellfit.transfer.interop.to_keras import to_keras
from wellfit.transfer.interop.to_numpy import to_numpy
from wellfit.transfer.interop.to_onnx import to_onnx
from wellfit.transfer.interop.to_sklearn import to_sklearn
from wellfit.transfer.interop.to_torch import to_torch, write_torch

__all__ = [
    "EXPORTS",
    "FittedLayer",
    "export",
    "from_keras",
    "from_parts",
    "from_sklearn",
    "from_torch",
    "import_model",
    "network_input",
    "to_keras",
    "to_numpy",
    "to_onnx",
    "to_sklearn",
    "to_torch",
    "write_torch",
]
