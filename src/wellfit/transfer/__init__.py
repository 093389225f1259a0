"""Floor 5: transfer learning, pretraining, export and import, model registries."""

from wellfit.inference import ModelRegistry, RegisteredModel, find_model
from wellfit.transfer.interop import (
    FittedLayer,
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
from wellfit.transfer.pretrained import GradualUnfreezing, Pretrained
from wellfit.transfer.pretraining import (
    AutoencoderPretraining,
    CorruptionPretraining,
    MLPAutoencoder,
    RBMPretraining,
)
from wellfit.transfer.siamese import SiamesePretraining

__all__ = [
    "AutoencoderPretraining",
    "CorruptionPretraining",
    "FittedLayer",
    "GradualUnfreezing",
    "MLPAutoencoder",
    "ModelRegistry",
    "Pretrained",
    "RBMPretraining",
    "RegisteredModel",
    "SiamesePretraining",
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
