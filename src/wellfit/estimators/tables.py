"""Numbers, encoded targets and weights on their way from the estimator to the device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wellfit.estimators.inputs import Numbers


class Table:
    """Rows to train or judge on: numbers (N, D), targets (N, …) and weights (N,) or None."""

    def __init__(self, x: Numbers, y: NDArray[Any], weight: NDArray[np.float64] | None) -> None:
        self.x, self.y, self.weight = x, y, weight

    def with_more(self, x: Numbers, y: NDArray[Any]) -> Table:
        """Return these rows with others below, of weight 1."""
        stack = sparse.vstack if sparse.issparse(self.x) else np.concatenate
        weight = self.weight
        if weight is not None:
            weight = np.concatenate([weight, np.ones(len(y))])
        return Table(stack([self.x, x]), np.concatenate([self.y, y]), weight)
