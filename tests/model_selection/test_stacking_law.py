"""The score of a candidate and fold in a search is that of the estimator fitted alone on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, ParameterGrid

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core import memory
from wellfit.core.errors import WellfitError
from wellfit.fitting import runner
from wellfit.fitting.runner import JobGroup, grouped
from wellfit.model_selection import GridSearchCV, dispatch
from wellfit.model_selection.dispatch import Job, finished
from wellfit.nn import BatchNorm
from wellfit.training import EarlyStopping

# What it runs other tests run too; to watch every line of it costs as much again.
pytestmark = pytest.mark.no_cover

X, y = make_classification(119, 7, n_informative=5, n_classes=3, random_state=0)
FOLDS = KFold(2, shuffle=True, random_state=0)
LEARNING = {"optimizer__learning_rate": [1e-3, 1e-2]}
SPACES: dict[str, Any] = {
    "rates": {"optimizer__learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]},
    "penalties": {"l1": [0.001, 0.01], "l2": [0.001, 0.1], **LEARNING},
    "dropout": {"dropout": [0.1, 0.5], "input_dropout": [0.1, 0.2], **LEARNING},
    "momentum": {"optimizer": ["sgd"], "optimizer__momentum": [0.1, 0.9], **LEARNING},
    "batch norm": {"batch_norm": [True], **LEARNING},
    "its settings": {
        "batch_norm": [BatchNorm(output=True)],
        "batch_norm__momentum": [0.5, 0.95],
        "batch_norm__epsilon": [1e-5, 1e-1],
    },
    "epochs": {"epochs": [1, 4, 9], **LEARNING},
    "early stopping": {
        "early_stopping": [EarlyStopping(patience=1), EarlyStopping(patience=3)],
        "optimizer__learning_rate": [1e-3, 0.3],
        "epochs": [15],
    },
    "averages": {"ema_decay": [0.5, 0.9], "lr_schedule": ["constant"], **LEARNING},
    "constraints": {"max_norm": [0.5, 2.0], "gradient_clipping": [0.1, 1.0], **LEARNING},
    "initializers": {"initializer": ["he_normal", "zeros", "orthogonal"], **LEARNING},
    "augmentation": {"augment": ["noise"], "input_noise": [0.1, 0.3], **LEARNING},
    "weights": {"class_weight": [None, "balanced"], **LEARNING},
    "minimizers": {"optimizer": ["lbfgs"], "l2": [0.01, 0.1]},
}


def alone(estimator: Any, space: Any, scoring: str, x: Any, targets: Any) -> np.ndarray:
    """Return the scores (candidates, folds) of estimators fitted one by one."""
    scorer = get_scorer(scoring)
    estimator = clone(estimator).set_params(validation_folds=None)  # candidates hold rows out
    return np.array(
        [
            [
                scorer(clone(estimator).set_params(**each).fit(x[a], targets[a]), x[b], targets[b])
                for a, b in FOLDS.split(x)
            ]
            for each in ParameterGrid(space)
        ]
    )


def searched(estimator: Any, space: Any, scoring: str, x: Any, targets: Any) -> np.ndarray:
    search = GridSearchCV(estimator, space, cv=FOLDS, scoring=scoring, refit=False)
    results = search.fit(x, targets).cv_results_
    return np.stack([results[f"split{fold}_test_score"] for fold in range(2)], axis=1)


@pytest.mark.parametrize("kind", SPACES)
def test_scores_are_those_of_fits_alone(kind: str):
    clf = MLPClassifier(
        (8, 4), epochs=5, precision="float64", early_stopping=False, random_state=1
    )
    one, all_ = (score(clf, SPACES[kind], "neg_log_loss", X, y) for score in (alone, searched))
    np.testing.assert_allclose(all_, one, atol=1e-9, rtol=1e-9)
    assert len(np.unique(one)) > 3  # candidates and folds do differ


@pytest.mark.parametrize("kind", ["rates", "dropout", "early stopping"])
def test_in_float32_scores_agree_within_rounding(kind: str):
    clf = MLPClassifier((8, 4), epochs=5, early_stopping=False, random_state=1)
    one, all_ = (score(clf, SPACES[kind], "neg_log_loss", X, y) for score in (alone, searched))
    np.testing.assert_allclose(all_, one, atol=1e-4)


def test_regressors_too():
    x, targets = make_regression(100, 5, noise=1.0, random_state=0)
    reg = MLPRegressor((8,), epochs=5, precision="float64", early_stopping=True, random_state=1)
    space = {"scoring": [None, "r2"], **LEARNING}
    one, all_ = (score(reg, space, "r2", x, 9 * targets + 99) for score in (alone, searched))
    np.testing.assert_allclose(all_, one, atol=1e-9)


# Groups.


def prepared(count: int, rows: int = 60, **params: Any) -> list[Any]:
    """Return trainings on ``count`` tables each, of two learning rates."""
    work = []
    for table in range(count):
        clf = MLPClassifier((4,), epochs=1, random_state=0, early_stopping=False, l2=0.1, **params)
        first = clf.prepare(X[table : table + rows], y[table : table + rows])
        second = clone(clf).set_params(l2=0.2)
        work += [first, second.job_builder(second).job_like(first)]
    return work


def members(groups: list[JobGroup]) -> list[list[int]]:
    return [sorted(group.places) for group in groups]


def test_every_training_is_in_one_group(monkeypatch: pytest.MonkeyPatch):
    work = prepared(5)
    for most in (1, 2, 3, 7, 100):
        monkeypatch.setattr(runner, "_MOST_MEMBERS", most)
        groups = grouped(work)
        assert sorted(place for group in groups for place in group.places) == list(range(10))
        assert all(len(group.places) <= most for group in groups)


def test_folds_that_differ_by_a_row_share_a_stack():
    for params, stacks in (
        ({}, 1),
        ({"batch_norm": True}, 2),
        ({"augment": "noise"}, 2),
        ({"batch_size": 30}, 2),  # 60 rows are whole batches
        ({"batch_size": 59}, 2),
        ({"batch_size": 100}, 2),
    ):
        work = [*prepared(1, rows=60, **params), *prepared(1, rows=59, **params)]
        assert len(grouped(work)) == stacks, params


def test_those_that_share_a_table_stay_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner, "_MOST_MEMBERS", 4)
    work = prepared(3)
    mixed = work[::2] + work[1::2]
    tables = [{id(one.rows) for one in group.jobs} for group in grouped(mixed)]
    assert sorted(map(len, tables)) == [1, 2]


def test_tables_that_outgrow_the_memory_are_not_joined(monkeypatch: pytest.MonkeyPatch):
    work = prepared(4)
    assert len(grouped(work)) == 1
    two = 4.5 * work[0].rows.nbytes
    monkeypatch.setattr(runner, "_room", lambda one: two)
    assert members(grouped(work)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    monkeypatch.setattr(runner, "_room", lambda one: 1.0)
    assert members(grouped(work)) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_every_process_has_something_to_do():
    assert len(grouped(prepared(1), workers=2)) == 2
    assert sorted(len(group.places) for group in grouped(prepared(4), workers=4)) == [2] * 4
    # Three tables for two processes: the second is cut.
    assert [len(group.places) for group in grouped(prepared(3), workers=2)] == [3, 3]


def test_the_longest_come_first():
    groups = grouped([*prepared(1, rows=30), *prepared(1, rows=90)])
    assert members(groups) == [[2, 3], [0, 1]]


def test_containers_say_how_much_memory_there_is(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    limit = tmp_path / "memory.max"
    assert memory.container_limit(limit) > 1e18
    limit.write_text("max\n")
    assert memory.container_limit(limit) > 1e18
    limit.write_text("4096\n")
    assert memory.container_limit(limit) == 4096
    monkeypatch.setattr(memory, "container_limit", lambda: 4096)
    assert runner._room(prepared(1)[0]) == 1024


def test_a_stack_that_fails_is_halved_until_the_rest_trains(monkeypatch: pytest.MonkeyPatch):
    [group] = grouped(prepared(3))
    train, sizes = dispatch.train_group, []

    def fragile(group: JobGroup, *more: Any) -> Any:
        sizes.append(len(group.jobs))
        if 4 in group.places:
            raise WellfitError("place 4 can't be trained")
        return train(group, *more)

    monkeypatch.setattr(dispatch, "train_group", fragile)
    results = [(job.group.places, result) for job, result in finished([Job(group)], None)]
    failed = {places: result for places, result in results if isinstance(result, Exception)}
    assert [str(error) for error in failed.values()] == ["place 4 can't be trained"]
    assert set(failed) == {(4,)}
    whole = [place for places, _ in results if places not in failed for place in places]
    assert sorted(whole) == [0, 1, 2, 3, 5]
    assert sizes[0] == 6


def test_a_stack_that_outgrows_the_memory_is_halved(monkeypatch: pytest.MonkeyPatch):
    train = dispatch.train_group

    def small(group: JobGroup, *more: Any) -> Any:
        if len(group.jobs) > 2:
            raise RuntimeError("can't allocate memory")
        return train(group, *more)

    clf = MLPClassifier((4,), epochs=2, precision="float64", early_stopping=False, random_state=0)
    space = SPACES["rates"]
    whole = searched(clf, space, "neg_log_loss", X, y)
    monkeypatch.setattr(dispatch, "train_group", small)
    np.testing.assert_allclose(searched(clf, space, "neg_log_loss", X, y), whole, atol=1e-12)
