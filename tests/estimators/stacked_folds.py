"""Searches whose folds train as one stack, beside the same fits one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing

from wellfit.fitting import runner
from wellfit.model_selection import SearchCV

FOLDS = KFold(3)


def stack_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every training from here on adds how many networks it has."""
    sizes: list[int] = []

    def watched(members: Any, *rest: Any, real: Any = runner.train, **more: Any) -> Any:
        sizes.append(len(members))
        return real(members, *rest, **more)

    monkeypatch.setattr(runner, "train", watched)
    return sizes


def scores_of(search: SearchCV, candidate: int) -> list[float]:
    """Return a candidate's score on each of the FOLDS."""
    return [search.cv_results_[f"split{k}_test_score"][candidate] for k in range(3)]


def scores_alone(
    model: Any, params: Mapping[str, Any], X: Any, y: NDArray[np.generic]
) -> list[float]:
    """Return the scores of the same fits one by one."""
    one = clone(model).set_params(**params)
    return [
        one.fit(_safe_indexing(X, a), y[a]).score(_safe_indexing(X, b), y[b])
        for a, b in FOLDS.split(X)
    ]
