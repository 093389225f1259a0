"""Temperature scaling: one number that makes a classifier's confidence agree with its accuracy.

Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from wellfit.fitting.targets import ClassTargets

_PRIOR_ROWS = 0.1  # of no class in particular
_WIDEST = 3.0  # of log T: temperatures from 0.05 to 20


def temperature(
    targets: ClassTargets,
    logits: NDArray[np.floating],
    encoded: NDArray[np.generic],
    weight: NDArray[np.float64] | None = None,
    *,
    shares: NDArray[np.float64] | None = None,
) -> float:
    """Return the T for which the mean log loss of the outputs of logits / T is least.

    Targets are smoothed as if a tenth of a row more were of no class in particular: where few rows
    are all classified correctly, nothing else would keep T from 0. A whole row, as by Laplace's
    rule, would count for much where a network is nearly always right, and sure of it.

    Args:
        targets: the encoder, whose loss makes outputs of logits.
        logits: (n_networks, n_rows, n_logits) of rows that the networks weren't trained on, or
            (n_rows, n_logits) of a single one.
        encoded: their targets, as the encoder encodes them.
        weight: (n_rows,) or None.
        shares: (n_networks,) how much each one's outputs count in their mean; None for all alike.

    >>> targets = ClassTargets.fit(["no", "yes"])
    >>> right, sure = np.repeat([0, 0, 0, 1], 25), np.array([[4.0, 0.0]] * 100)
    >>> round(temperature(targets, sure, right), 2)  # a probability of 0.75, not of 0.98
    3.65
    """
    smoothing = _PRIOR_ROWS / (logits.shape[-2] + 1)
    several = logits if logits.ndim == 3 else logits[np.newaxis]
    z = torch.from_numpy(several.astype(np.float64)).transpose(1, 2)

    def loss(log_temperature: float) -> float:
        outputs = targets.loss.predict(z / np.exp(log_temperature)).numpy()
        mean = np.average(outputs, axis=0, weights=shares).T
        losses = targets.log_loss(encoded, mean, smoothing)
        return float(np.average(losses, weights=weight))

    found = minimize_scalar(loss, bounds=(-_WIDEST, _WIDEST), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0
