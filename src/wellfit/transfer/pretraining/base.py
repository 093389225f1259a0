"""The base class of pretraining, which learns hidden layers from rows without labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.core.parameter import parameter
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.parameters import Parameters
from wellfit.estimators.undo import rollback_on_error
from wellfit.fitting import Compute, FeatureEncoder
from wellfit.fitting.features import dense_numbers
from wellfit.fitting.validation import validate_features
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.pretraining.encoding import computed, units_of

_SHARED = {
    *("hidden_layer_sizes", "activation", "batch_norm", "dropout", "optimizer", "lr_schedule"),
    *("batch_size", "epochs", "early_stopping", "preprocess", "precision", "device", "n_threads"),
    *("processes", "random_state", "verbose"),
}


@with_parameters(
    without=Parameters.declared_parameters.keys() - _SHARED,
    defaults={"epochs": 20, "early_stopping": False},
)
class Pretraining(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Parameters):  # type: ignore[misc]
    """Learns a network's hidden layers from rows without labels.

    Subclasses say how. What is learned is handed on by :meth:`parts`; a network that starts from
    it reads rows as this does.
    """

    hidden_layer_sizes: Sequence[int] | int = parameter(
        "units of each layer.", default=(256, 256), whole=True, each=True, low=1, kw_only=False
    )

    @abstractmethod
    def _learn(self, numbers: NDArray[np.floating], sizes: tuple[int, ...]) -> list[FittedLayer]:
        """Return the layers learned from rows (N, D) as a network sees them."""

    @rollback_on_error
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the layers.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: not used.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
        """
        for name, each in self.declared_parameters.items():
            each.check(name, getattr(self, name))
        x = validate_features(self, X)
        names = getattr(self, "feature_names_in_", None)
        self.features_ = FeatureEncoder.fit(x, self.preprocess, names=names)
        self._parts: list[FittedLayer] = self._learn(
            self._numbers(x), units_of(self.hidden_layer_sizes)
        )
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the last layer's outputs, (n_samples, its units).

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_parts")
        numbers = self._numbers(validate_features(self, X, self.features_))
        return computed(self._parts, numbers, Compute.of(self))

    def parts(self) -> list[FittedLayer]:
        """Return the layers with what they have learned, the first first.

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_parts")
        return list(self._parts)

    def _numbers(self, x: Any) -> NDArray[np.floating]:
        """Return checked rows as the first layer sees them."""
        numbers = self.features_.encode(x, Compute.of(self).numpy_dtype)
        return dense_numbers(numbers, self.features_.pixel_max)

    @property
    def _n_features_out(self) -> int:
        return units_of(self.hidden_layer_sizes)[-1]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_parts")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
