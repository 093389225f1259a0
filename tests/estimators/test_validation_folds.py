"""Fits that are validated by folds: one network on all rows, judged by networks without a fold."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from shortcuts import judge_by_few_trees
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DivergedError, HyperparameterError
from wellfit.diagnose import verdict
from wellfit.model_selection import GridSearchCV
from wellfit.training import Callback, Checkpoint, Decision, EarlyStopping

X, y = load_iris(return_X_y=True)
SMALL = {"hidden_layer_sizes": (16,), "epochs": 12, "random_state": 3}


class StopAfter(Callback):
    """Stops after an epoch, and keeps its weights."""

    epoch: int = 1

    def on_epoch_end(self, logs, state):
        """Keep and stop at once."""
        reached = logs.epoch >= self.epoch
        return Decision(stop=reached, keep=reached)


class CtrlC(Callback):
    """Presses Ctrl-C in the fourth epoch."""

    def on_epoch_end(self, logs, state):
        """Press it."""
        if logs.epoch == 4:
            signal.raise_signal(signal.SIGINT)


def test_the_network_is_that_of_a_training_on_all_rows_that_ends_with_the_best_epoch():
    clf = MLPClassifier(**SMALL, early_stopping=EarlyStopping(patience=3)).fit(X, y)
    plain = MLPClassifier(**SMALL, early_stopping=False, callbacks=[StopAfter(clf.best_epoch_)])
    plain.fit(X, y)
    assert len(clf.network_.split.train) == len(y)
    assert torch.equal(clf.network_.weights.parameters, plain.network_.weights.parameters)
    assert clf.history_["loss"][: plain.n_epochs_] == plain.history_["loss"]


@pytest.mark.parametrize(("estimator", "data"), [
    (MLPClassifier, (X, y)), (MLPRegressor, load_diabetes(return_X_y=True))
])  # fmt: skip
def test_it_is_judged_by_the_means_of_the_networks_that_bagging_trains(estimator, data):
    folds = estimator(**SMALL, early_stopping=False, validation_folds=4).fit(*data)
    bagged = estimator(**SMALL, early_stopping=False, bagging=4).fit(*data)
    for name in (name for name in bagged.history_ if name.startswith("val_")):
        np.testing.assert_allclose(folds.history_[name], bagged.history_[name], rtol=1e-9)
    np.testing.assert_array_equal(folds.network_.oob, bagged.network_.oob)


def test_out_of_fold_outputs_are_those_of_the_best_epoch():
    clf = MLPClassifier(**SMALL, early_stopping=EarlyStopping(patience=2)).fit(X, y)
    found = log_loss(y, clf.oob_decision_function_)
    # Folds of equal size: the mean of their losses is the loss of all rows.
    assert found == pytest.approx(clf.history_["val_loss"][clf.best_epoch_ - 1], rel=1e-4)
    assert clf.best_epoch_ == int(np.argmin(clf.history_["val_loss"])) + 1


def test_auto_means_folds_where_rows_are_few():
    for rows, expected in ((19, False), (20, True), (999, True), (1000, False)):
        data = make_classification(rows, 5, random_state=0)
        clf = MLPClassifier((4,), epochs=1, random_state=0).fit(*data)
        assert (clf.network_.split.held_out is None) == expected, rows
        assert "val_loss" in clf.history_


@pytest.mark.parametrize(("params", "fit"), [
    ({"validation_fraction": 0.2}, {}),
    ({"bagging": 3}, {}),
    ({"calibration": "temperature"}, {}),
    ({"warm_start": True}, {}),
    ({"max_steps": 30}, {}),
    ({"eval_every": "5 steps"}, {}),
    ({}, {"X_val": X[:30], "y_val": y[:30]}),
])  # fmt: skip
def test_what_says_otherwise_how_to_validate_comes_before_auto_and_contradicts_a_number(
    params, fit
):
    clf = MLPClassifier(**SMALL | params)
    name = next(iter(params), "X_val")
    assert clf.fit(X, y, **fit).network_.weights.members == params.get("bagging", 1)
    assert params.get("bagging") or clf.network_.oob is None
    with pytest.raises(HyperparameterError, match=f"validation_folds is 5 and {name} is"):
        clf.set_params(validation_folds=5).fit(X, y, **fit)


def test_without_early_stopping_auto_holds_nothing_out():
    clf = MLPClassifier(**SMALL, early_stopping=False).fit(X, y)
    assert "val_loss" not in clf.history_
    assert clf.network_.oob is None


@pytest.mark.parametrize("value", [1, 0, 2.5, "five", True])
def test_values_that_are_no_numbers_of_folds_are_refused(value):
    with pytest.raises(HyperparameterError, match="validation_folds is"):
        MLPClassifier(validation_folds=value).fit(X, y)


def test_more_folds_than_rows_are_refused():
    with pytest.raises(HyperparameterError, match="validation_folds is 5, and there are 4 rows"):
        MLPRegressor(validation_folds=5).fit(X[:4], X[:4, 0])


def test_rows_of_no_weight_are_in_no_fold():
    weight = np.ones(len(y))
    weight[::10] = 0
    clf = MLPClassifier(**SMALL).fit(X, y, sample_weight=weight)
    assert np.isnan(clf.oob_decision_function_[::10]).all()
    assert np.isfinite(clf.oob_decision_function_[weight > 0]).all()


def test_ctrl_c_among_the_folds_leaves_the_estimator_as_it_was():
    calls = []

    def interrupting(estimator, X, y):
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return 0.0

    clf = MLPClassifier(**SMALL, scoring=interrupting)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert not hasattr(clf, "network_")


def test_a_diverging_training_says_so():
    reg = MLPRegressor(**SMALL, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(DivergedError, match="the loss became"):
        reg.fit(X, X[:, 0])


def test_a_resumed_training_ends_as_if_it_had_never_stopped(tmp_path):
    whole = MLPClassifier(**SMALL).fit(X, y)
    clf = MLPClassifier(**SMALL, callbacks=[Checkpoint(str(tmp_path)), CtrlC()])
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(X, y)
    assert clf.n_epochs_ == 4
    clf = MLPClassifier(**SMALL, callbacks=[Checkpoint(str(tmp_path))])
    clf.fit(X, y, resume_from=tmp_path)
    assert clf.history_["val_loss"] == whole.history_["val_loss"]
    assert torch.equal(clf.network_.weights.parameters, whole.network_.weights.parameters)


def test_the_verdict_judges_by_all_rows_out_of_fold():
    clf = MLPClassifier((32,), random_state=0).fit(X, y)
    found = verdict(clf, X, y)
    right = clf.oob_decision_function_.argmax(axis=1) == y
    assert found.scores.unseen == pytest.approx(right.mean())
    assert found.scores.unseen_rows == len(y)
    assert "on 150 out-of-fold rows" in str(found)
    names = [each.name for each in found.scores.baselines]
    assert names == ["majority-class", "linear model", "random trees", "boosted trees"]
    # Trees that are scored on the rows they were grown on would have 1.0.
    assert found.scores.baselines[-1].score < 0.99


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "quantile"])
def test_the_verdict_measures_each_loss_out_of_fold(loss, monkeypatch):
    judge_by_few_trees(monkeypatch)
    data, numbers = load_diabetes(return_X_y=True)
    reg = MLPRegressor((16,), loss=loss, epochs=10, random_state=0).fit(data, numbers)
    found = verdict(reg, data, numbers)
    assert found.scores.unseen_rows == len(numbers)
    assert np.isfinite(found.scores.unseen)


def test_candidates_of_a_search_hold_rows_out_and_the_refit_is_validated_by_folds():
    search = GridSearchCV(MLPClassifier(**SMALL), {"learning_rate": [0.001, 0.01]}, cv=3).fit(X, y)
    assert len(search.best_estimator_.network_.split.train) == len(y)
    assert search.best_estimator_.network_.oob is not None


def test_the_time_of_a_fit_is_that_of_the_folds_too():
    X, y = load_diabetes(return_X_y=True)
    began = time.perf_counter()
    reg = MLPRegressor((8,), epochs=4, random_state=0).fit(X[:60], y[:60])
    passed = time.perf_counter() - began
    assert reg.network_.oob is not None  # folds validate
    assert reg.history_["seconds"][-1] < reg.network_.record.seconds <= passed
    alone = MLPRegressor((8,), epochs=4, validation_folds=None, random_state=0)
    alone.fit(X[:60], y[:60])
    assert alone.network_.record.seconds is None
