"""What a fitted estimator shows of its weights, and how it does without small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import HyperparameterError
from wellfit.nn import Linear
from wellfit.training.prediction import Predictor
from wellfit.training.sparse import SparsePredictor, pruned, zero_shares

if TYPE_CHECKING:
    from wellfit.training import Weights


class Pruning:
    """Weights as arrays; setting small ones to zero, and predicting without those."""

    _weights: Weights
    _sparse: bool

    @property
    def coefs_(self) -> list[NDArray[np.floating]]:
        """The linear layers' weights, from the input on, each (inputs, units)."""
        return [block[:-1].cpu().numpy() for block in self._linear_blocks()]

    @property
    def intercepts_(self) -> list[NDArray[np.floating]]:
        """The linear layers' biases, from the input on, each (units,)."""
        return [block[-1].cpu().numpy() for block in self._linear_blocks()]

    @property
    def sparsity_(self) -> float:
        """The share of weights (not biases) that are exactly zero."""
        check_is_fitted(self, "_weights")
        return float(zero_shares(self._weights)[0])

    def prune(self, *, threshold: float = 0.0, share: float = 0.0) -> Self:
        """Set small weights to zero, and predict by sparse matrices from here on.

        Args:
            threshold: weights up to this size become zero, at least 0.
            share: the smallest so many of all weights become zero, in [0, 1).

        Returns:
            The estimator itself. Saved and loaded, it predicts the same, by full matrices.

        Raises:
            HyperparameterError: a number out of its range.

        >>> from sklearn.datasets import load_iris
        >>> from wellfit import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPClassifier(random_state=0).fit(X, y).prune(share=0.9)
        >>> clf.score(X, y) > 0.9, round(clf.sparsity_, 2)
        (True, 0.9)
        """
        check_is_fitted(self, "_weights")
        if not threshold >= 0 or not 0 <= share < 1:
            raise HyperparameterError(
                f"threshold is {threshold!r} and share {share!r}; expected a threshold of at "
                "least 0 and a share in [0, 1)"
            )
        self._weights = pruned(self._weights, threshold=threshold, share=share)
        self._sparse = True
        return self

    def densify(self) -> Self:
        """Predict by full matrices again; weights that are zero stay zero."""
        self._sparse = False
        return self

    def _predictor(self) -> type[Predictor]:
        """Return how predictions are computed."""
        return SparsePredictor if getattr(self, "_sparse", False) else Predictor

    def _linear_blocks(self) -> list[Any]:
        check_is_fitted(self, "_weights")
        layers = self._weights.network.layers
        blocks = zip(layers, self._weights.blocks(0), strict=True)
        return [block for layer, block in blocks if isinstance(layer, Linear)]
