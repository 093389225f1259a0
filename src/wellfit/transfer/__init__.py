"""Trained networks put to further use; from and to other libraries."""

from wellfit.transfer.interop import (
    Part,
    export,
    from_keras,
    from_parts,
    from_sklearn,
    from_torch,
    import_model,
    network_input,
    to_keras,
    to_numpy,
    to_onnx,
    to_sklearn,
    to_torch,
    write_torch,
)
from wellfit.transfer.pairs import PairsPretraining
from wellfit.transfer.pretraining import (
    AutoencoderPretraining,
    MLPAutoencoder,
    RBMPretraining,
)
from wellfit.transfer.reuse import Gradually, Reuse
from wellfit.transfer.shelf import Shelf, find_model
from wellfit.transfer.shelved import ShelvedModel

__all__ = [
    "AutoencoderPretraining",
    "Gradually",
    "MLPAutoencoder",
    "PairsPretraining",
    "Part",
    "RBMPretraining",
    "Reuse",
    "Shelf",
    "ShelvedModel",
    "export",
    "find_model",
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
