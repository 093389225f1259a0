"""What all pretraining shares: rows in, layers out."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import HyperparameterError
from wellfit.estimators import settings
from wellfit.estimators.inputs import Inputs, checked
from wellfit.estimators.nesting import NestedConfigs
from wellfit.estimators.undo import whole_or_not_at_all
from wellfit.training.precision import dtype_of
from wellfit.transfer.interop.parts import Part
from wellfit.transfer.pretraining.coding import computed, dense


class Coding(ClassNamePrefixFeaturesOutMixin, TransformerMixin):  # type: ignore[misc]
    """A transformer whose columns are the units of its last layer."""

    hidden_layer_sizes: Any

    @abstractmethod
    def parts(self) -> list[Part]:
        """Return the layers with what they have learned, the first first.

        Raises:
            NotFittedError: before ``fit``.
        """

    @property
    def _n_features_out(self) -> int:
        return self._sizes()[-1]

    def _sizes(self) -> tuple[int, ...]:
        """Return the units of each layer.

        Raises:
            HyperparameterError: there are none.
        """
        sizes = settings.hidden_sizes(self.hidden_layer_sizes)
        if not sizes:
            raise HyperparameterError("hidden_layer_sizes is empty; expected one layer at least")
        return sizes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class Pretraining(Coding, NestedConfigs):
    """Learns a network's hidden layers from rows without labels.

    Subclasses say how. What is learned is handed on by :meth:`parts`; a network that starts from
    it reads rows as this does.
    """

    preprocess: Any
    precision: str = "float32"
    device: str = "auto"
    n_threads: int | None = None

    _inputs: Inputs
    _parts: list[Part]

    @abstractmethod
    def _learn(self, numbers: NDArray[np.floating], sizes: tuple[int, ...]) -> list[Part]:
        """Return the layers learned from rows (N, D) as a network sees them."""

    @whole_or_not_at_all
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the layers.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: not used.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
        """
        x = checked(self, X, reset=True)
        self._inputs = Inputs.fit(x, self.preprocess)
        self._parts = self._learn(self._numbers(x), self._sizes())
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the last layer's outputs, (n_samples, its units).

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_parts")
        numbers = self._numbers(checked(self, X, reset=False))
        return computed(self._parts, numbers, self)

    def parts(self) -> list[Part]:
        """Return the layers with what they have learned, the first first.

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "_parts")
        return list(self._parts)

    def _numbers(self, x: Any) -> NDArray[np.floating]:
        """Return checked rows as the first layer sees them."""
        kind = np.dtype(str(dtype_of(self.precision)).removeprefix("torch."))
        return dense(self._inputs.numbers(x, kind), self._inputs.brightest)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_parts")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.preprocess == "auto"
        return tags
