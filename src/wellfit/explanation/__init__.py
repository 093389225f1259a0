"""Floor 5: explanations of fitted models, by the columns of their tables.

:func:`explain` shows the importance of columns and their effects; :func:`attribute` what each
column adds to single predictions.
"""

from wellfit.explanation.accumulated import AccumulatedEffects, accumulated_local_effects
from wellfit.explanation.attributions import Attributions, attribute
from wellfit.explanation.baselines import baseline_rows
from wellfit.explanation.effects import ColumnEffect, PartialDependence, partial_dependence
from wellfit.explanation.importance import PermutationImportance, permutation_importance
from wellfit.explanation.overview import Explanation, explain

__all__ = [
    "AccumulatedEffects",
    "Attributions",
    "ColumnEffect",
    "Explanation",
    "PartialDependence",
    "PermutationImportance",
    "accumulated_local_effects",
    "attribute",
    "baseline_rows",
    "explain",
    "partial_dependence",
    "permutation_importance",
]
