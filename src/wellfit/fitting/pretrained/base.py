"""The base class of what an estimator's ``pretrained`` parameter takes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from wellfit.core.hyper import Config
from wellfit.fitting.trained import TrainedLayers
from wellfit.optim import LayerRates


class PretrainedLayers(Config):
    """What an estimator's ``pretrained`` may be: where a training starts, and what of it learns.

    :class:`wellfit.transfer.Pretrained` is one.
    """

    example: ClassVar[str] = "Pretrained(model)"  # in messages

    @abstractmethod
    def source(self) -> TrainedLayers:
        """Return the network to take layers from."""

    @abstractmethod
    def taken(self, source: TrainedLayers) -> int:
        """Return how many of its hidden layers are taken, from the lowest on."""

    @abstractmethod
    def keeps_head(self) -> bool:
        """Say whether its output layer is taken too."""

    @abstractmethod
    def frozen(self, taken: int) -> int | None:
        """Return how many layers stay frozen, from the lowest on; None to find out."""

    @abstractmethod
    def folds(self) -> int:
        """Return by how many folds to find out."""

    @abstractmethod
    def unfreezes(self) -> bool:
        """Say whether frozen layers learn some day."""

    @abstractmethod
    def layer_rates(self, frozen: int, layers: int) -> LayerRates:
        """Return how fast each of so many linear layers learns, and from when on."""

    @abstractmethod
    def encoding_key(self) -> Any:
        """Return what distinguishes one encoding of rows from another, hashable."""

    @abstractmethod
    def start_key(self) -> Any:
        """Return what distinguishes one start of a training: whose layers, and which."""
