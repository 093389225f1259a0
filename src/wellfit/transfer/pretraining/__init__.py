"""Layers learned from rows without labels, for a network to start from."""

from wellfit.transfer.pretraining.autoencoder import MLPAutoencoder
from wellfit.transfer.pretraining.boltzmann import RBMPretraining
from wellfit.transfer.pretraining.corruption import CorruptionPretraining
from wellfit.transfer.pretraining.stacked import AutoencoderPretraining

__all__ = ["AutoencoderPretraining", "CorruptionPretraining", "MLPAutoencoder", "RBMPretraining"]
