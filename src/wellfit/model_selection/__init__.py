"""Floor 5: searches whose candidates and folds train together."""

from wellfit.model_selection.drop_in import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)

__all__ = ["GridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV"]
