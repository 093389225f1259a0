"""Estimators that several processes fit are the same in all, and those that one process fits."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from processes import in_group, launch_environment
from wellfit import MLPClassifier
from wellfit.core.errors import InputError
from wellfit.core.launch import launch_of
from wellfit.model_selection import SearchCV

X, Y = load_iris(return_X_y=True)
QUICK: dict[str, Any] = {"epochs": 3, "n_threads": 1, "precision": "float64"}


def fitted(**params: Any) -> np.ndarray:
    return MLPClassifier((8,), **QUICK, **params).fit(X, Y).predict_proba(X)


def both() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Folds validate each of the first two; the last is of one process."""
    alone = fitted(processes=None, random_state=int(os.environ["RANK"]), early_stopping=False)
    return fitted(), fitted(random_state=0), alone


def test_all_processes_fit_the_same_model() -> None:
    (drawn, seeded, first), (same, again, second) = in_group(both)
    np.testing.assert_array_equal(drawn, same)
    np.testing.assert_array_equal(seeded, again)
    np.testing.assert_allclose(seeded, fitted(random_state=0), rtol=1e-6)
    assert not np.allclose(first, second)


def test_a_search_and_other_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in launch_environment(0, 2, 1).items():
        monkeypatch.setenv(name, value)
    search = SearchCV(MLPClassifier((8,), **QUICK), {"l2": [0.0, 0.1]}, n_iter=2)
    with pytest.raises(InputError, match=r"a search isn't one network .* expected n_jobs"):
        search.fit(X, Y)
    # A process of joblib's, say, which inherits torchrun's variables.
    monkeypatch.setenv("WELLFIT_TORCHRUN_PID", "1")
    with pytest.raises(InputError, match=r"process 0 of 0 to 1, which torchrun started, has"):
        fitted()
    monkeypatch.delenv("WORLD_SIZE")
    with pytest.raises(InputError, match="variable WORLD_SIZE is ''; expected a whole number"):
        fitted()


def test_other_launchers_are_left_alone() -> None:
    known = launch_environment(1, 2, 1)
    assert launch_of({"RANK": "1", "WORLD_SIZE": "2"}) is None
    assert launch_of(known | {"WORLD_SIZE": "1"}) is None
    found = launch_of(known | {"TORCHELASTIC_RESTART_COUNT": "3"})
    assert found is not None
    assert (found.rank, found.size, found.restarts, found.is_first) == (1, 2, 3, False)
