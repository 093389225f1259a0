"""The expected calibration error of confidences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def calibration_errors(
    given: NDArray[np.float64], hits: NDArray[np.float64], bins: int
) -> NDArray[np.float64]:
    """Return the expected calibration error (draws,) of confidences in each draw of hits.

    Args:
        given: (n,) confidences.
        hits: (draws, n), 1 where the prediction was right, else 0.
        bins: number of bins of equal width.

    >>> calibration_errors(np.array([0.9, 0.9]), np.array([[1.0, 0.0]]), 15)
    array([0.4])
    """
    place = np.clip(np.ceil(given * bins).astype(int) - 1, 0, bins - 1)
    member = np.eye(bins)[place]
    errors: NDArray[np.float64] = np.abs((hits - given) @ member).sum(axis=1) / len(given)
    return errors
