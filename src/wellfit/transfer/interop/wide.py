"""Networks with submodels for libraries whose layers know no rows of an example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellfit.fitting.side_by_side import side_by_side
from wellfit.nn import Linear, RepeatRows, SubmodelMean
from wellfit.transfer.interop.fitted_layers import FittedLayer, simplified


def wide(parts: Sequence[FittedLayer]) -> tuple[list[FittedLayer], SubmodelMean | None]:
    """Return the layers of one network that has all submodels' units side by side.

    What follows the mean of their predictions, a linear layer if anything, comes below it, once
    for each submodel: means of scaled numbers, or of probabilities of both classes, are the same.

    Args:
        parts: the layers from the input on.

    Returns:
        The layers, and the mean of neighbouring groups of outputs that is left to be computed;
        None where numbers are averaged as they are, which a linear layer does.
    """
    place = next((at for at, part in enumerate(parts) if isinstance(part.layer, RepeatRows)), None)
    if place is None:
        return list(parts), None
    means = [part.layer for part in parts if isinstance(part.layer, SubmodelMean)]
    above = [part for part in parts[place:] if not isinstance(part.layer, SubmodelMean)]
    learned = ((part.layer, part.parameters, part.statistics) for part in above)
    found = [*parts[:place], *(FittedLayer(*each) for each in side_by_side(learned))]
    (mean,) = means
    if mean.link == "identity":
        n, units = mean.submodels, len(found[-1].bias) // mean.submodels
        found.append(FittedLayer.linear(np.tile(np.eye(units) / n, (n, 1))))
    while isinstance(found[-2].layer, Linear):
        found[-2:] = simplified(found[-2:])
    return found, None if mean.link == "identity" else mean
