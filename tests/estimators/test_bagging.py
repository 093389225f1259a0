"""Bagging of folds: networks that each leave out a fold, one stack, whose average predicts."""

import copy
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from hostile import reseal_model
from shortcuts import judge_by_few_trees
from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import HyperparameterError, ModelFileError
from wellfit.diagnose import UnprovenSkill, layer_values, verdict
from wellfit.diagnose.verdicts.out_of_fold import OutOfFoldTraining
from wellfit.estimators.bagging import fold_jobs
from wellfit.fitting.runner import run_alone
from wellfit.model_selection import GridSearchCV
from wellfit.training import folds

X, Y = make_regression(50, 4, noise=1.0, random_state=0)
XC, YC = make_classification(60, 4, random_state=0)


def fitted(kind=MLPRegressor, **params):
    given = {"bagging": 3, "epochs": 4, "random_state": 0, "precision": "float64", **params}
    rows = (X, Y) if kind is MLPRegressor else (XC, YC)
    return kind((8,), **given).fit(*rows)


def test_the_verdict_judges_the_average_by_all_rows_out_of_fold(monkeypatch):
    judge_by_few_trees(monkeypatch)
    clf = fitted(MLPClassifier, calibration="temperature")
    found = verdict(clf, XC, YC)
    oob = clf.oob_decision_function_
    assert found.scores.unseen == pytest.approx((oob.argmax(axis=1) == YC).mean())
    assert found.scores.training == pytest.approx(clf.score(XC, YC))
    assert (found.scores.unseen_rows, found.scores.training_rows) == (60, 60)
    losses = [log_loss(YC, chances) for chances in (clf.predict_proba(XC), oob)]
    told = "loss {:.3g} on training rows, {:.3g} on 60 out-of-fold rows".format(*losses)
    assert any(told in one.observed for one in found.findings)


def test_rows_that_all_judge_are_not_to_be_held_out_to_judge_more():
    """Bagging refuses ``validation_fraction``, and each row is cross-validated already."""
    noise = np.random.default_rng(0).permutation(YC)
    clf = MLPClassifier((8,), bagging=3, epochs=4, random_state=0).fit(XC, noise)
    training = OutOfFoldTraining(clf, XC, noise)
    (one,) = UnprovenSkill().suggestions(training)
    assert (one.name, one.change) == ("rows", "more of them")
    assert "cross-validation" not in UnprovenSkill().examine(training).advice


@pytest.mark.parametrize(("rows", "count"), [(50, 3), (9, 3), (5, 5), (7, 2), (11, 4)])
def test_folds_are_of_equal_size_and_hold_every_row(rows, count):
    found = folds(rows, count, seed=1)
    assert found.shape == (count, -(-rows // count))
    assert set(found.ravel().tolist()) == set(range(rows))
    assert all(len(set(fold.tolist())) == len(fold) for fold in found)
    np.testing.assert_array_equal(found, folds(rows, count, seed=1))


def test_folds_hold_each_class_in_its_share():
    strata = np.repeat(["a", "b", "c"], [30, 12, 6])
    for fold in folds(48, 6, seed=0, strata=strata):
        assert [int((strata[fold] == name).sum()) for name in "abc"] == [5, 2, 1]


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_the_average_of_the_networks_predicts(kind):
    model, rows = fitted(kind), (X if kind is MLPRegressor else XC)[:7]
    network = model.network_
    assert network.weights.members == 3
    alone = [network.weights.select(_index(place)) for place in range(3)]
    each = [_with_weights(model, weights).outputs(rows) for weights in alone]
    np.testing.assert_allclose(model.outputs(rows), np.mean(each, axis=0), rtol=1e-12)
    assert not np.allclose(each[0], each[1])


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_each_network_is_what_it_would_be_if_it_were_trained_alone(kind):
    model = fitted(kind)
    rows, y = (X, Y) if kind is MLPRegressor else (XC, YC)
    builder = model.job_builder(clone(model))
    jobs, _ = fold_jobs(builder, builder.job(rows, y), model.bagging)
    for place, job in enumerate(jobs):
        own = run_alone(job)
        kept = model.network_.weights.select(_index(place))
        np.testing.assert_allclose(own.weights.parameters, kept.parameters, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            own.record.history["val_loss"],
            model.network_.folds[place].record.history["val_loss"],
        )


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_out_of_fold_predictions_are_by_networks_that_have_not_seen_the_row(kind):
    model = fitted(kind, bagging=4)
    rows = X if kind is MLPRegressor else XC
    oob = model.oob_prediction_ if kind is MLPRegressor else model.oob_decision_function_
    total, counts = 0.0, np.zeros(len(rows))
    for place, fold in enumerate(model.network_.folds):
        assert not set(fold.split.train) & set(fold.split.held_out)
        assert len(fold.split.train) + len(fold.split.held_out) == len(rows)
        one = _with_weights(model, model.network_.weights.select(_index(place)))
        outputs = one.predict(rows) if kind is MLPRegressor else one.predict_proba(rows)
        mask = np.isin(np.arange(len(rows)), fold.split.held_out)
        total = total + np.where(mask.reshape(-1, *[1] * (outputs.ndim - 1)), outputs, 0.0)
        counts += mask
    expected = total / counts.reshape(-1, *[1] * (np.ndim(oob) - 1))
    np.testing.assert_allclose(oob, expected, rtol=1e-10)


def test_rows_of_weight_0_are_absent():
    weight = np.ones(len(Y))
    weight[[3, 17, 49]] = 0
    kept = np.flatnonzero(weight)
    given = MLPRegressor((8,), bagging=3, epochs=3, random_state=0, preprocess=None)
    model = clone(given).fit(X, Y, sample_weight=weight)
    without = clone(given).fit(X[kept], Y[kept], sample_weight=weight[kept])
    np.testing.assert_allclose(model.predict(X), without.predict(X), rtol=1e-5)
    assert np.isnan(model.oob_prediction_[[3, 17, 49]]).all()
    np.testing.assert_allclose(model.oob_prediction_[kept], without.oob_prediction_, rtol=1e-5)


def test_the_record_is_the_mean_of_the_networks():
    model = fitted(early_stopping=False)
    histories = [fold.record.history for fold in model.network_.folds]
    np.testing.assert_allclose(
        model.history_["val_loss"], np.mean([each["val_loss"] for each in histories], axis=0)
    )
    assert model.n_epochs_ == 4
    assert model.n_parameters_ == 3 * model.network_.weights.network.size
    assert model.status_ == "finished"


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_saved_loaded_and_predicted_the_same(kind, tmp_path):
    model, rows = fitted(kind), X if kind is MLPRegressor else XC
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.outputs(rows), model.outputs(rows))
    assert (loaded.bagging, loaded.n_parameters_) == (3, model.n_parameters_)
    assert loaded.history_ == model.history_
    again = load_model(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.outputs(rows), model.outputs(rows))


def test_a_column_of_two_values_in_some_folds_is_embedded_in_all():
    rows = X.copy()
    rows[:, 1] = 0.0
    rows[:2, 1] = 1.0, 2.0  # a fold that lacks one of these rows sees two values
    model = MLPRegressor(
        (8,), bagging=3, epochs=2, numeric_embedding="piecewise_linear", random_state=0
    ).fit(rows, Y)
    assert np.isfinite(model.oob_prediction_).all()


def test_repeatable_and_cloned():
    np.testing.assert_array_equal(fitted().predict(X), fitted().predict(X))
    assert clone(fitted()).bagging == 3


def test_fitted_anew_without_bagging_nothing_is_left_of_it():
    model = fitted()
    model.set_params(bagging=None, validation_folds=None).fit(X, Y)
    assert model.network_.weights.members == 1
    assert not hasattr(model, "oob_prediction_")


def test_searches_and_cross_validation_fit_it_one_by_one():
    model = MLPRegressor((8,), bagging=2, epochs=2, random_state=0)
    scores = cross_val_score(model, X, Y, cv=2)
    search = GridSearchCV(model, {"l2": [0.0]}, cv=2).fit(X, Y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], [scores.mean()], rtol=1e-5)
    assert search.best_estimator_.network_.weights.members == 2


def test_a_candidate_of_a_stack_cannot_have_folds_of_its_own():
    search = GridSearchCV(
        MLPRegressor((8,), epochs=2), {"bagging": [None, 2]}, cv=2, error_score="raise"
    )
    with pytest.raises(HyperparameterError, match=r"bagging is 2.*search's estimator"):
        search.fit(X, Y)


def test_rows_given_to_validate_on_serve_all_networks():
    model = MLPRegressor((8,), bagging=3, epochs=3, random_state=0).fit(
        X[:40], Y[:40], X_val=X[40:], y_val=Y[40:]
    )
    assert model.oob_prediction_.shape == (40,)
    assert np.isfinite(model.oob_prediction_).all()


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"bagging": 1}, "bagging is 1"),
        ({"bagging": 2.5}, "bagging is 2.5"),
        ({"bagging": "8"}, "bagging is '8'"),
        ({"bagging": 99}, "bagging is 99, and there are 50 rows"),
        ({"warm_start": True}, "warm_start is True, and bagging is 3"),
        ({"validation_fraction": 0.2}, "validation_fraction is 0.2"),
    ],
)
def test_what_cannot_be_meant_is_refused(params, named):
    with pytest.raises(HyperparameterError, match=named):
        MLPRegressor((8,), **{"bagging": 3, "epochs": 2, **params}).fit(X, Y)


def test_what_takes_a_single_network_is_refused():
    model = fitted()
    before = model.predict(X)
    with pytest.raises(HyperparameterError, match="partial_fit is called, and bagging is 3"):
        clone(model).partial_fit(X, Y)
    with pytest.raises(HyperparameterError, match=r"3 networks.*fit trains it with bagging=None"):
        model.partial_fit(X, Y)
    with pytest.raises(HyperparameterError, match=r"pretrained is given.*bagging=None"):
        model.transfer(epochs=1).fit(X, Y)
    with pytest.raises(HyperparameterError, match=r"3 networks.*warm_start=False"):
        model.set_params(bagging=None, warm_start=True).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_the_first_network_stands_for_all_where_one_is_looked_at():
    model = fitted()
    assert len(model.coefs_) == 2
    own = copy.copy(model).keep(model.network_.first)
    assert str(layer_values(model, X[:5])) == str(layer_values(own, X[:5]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert verdict(model, X, Y).name
    transferred = model.transfer(freeze=1, bagging=None, epochs=1).fit(X, Y)
    np.testing.assert_allclose(transferred.coefs_[0], model.coefs_[0])


def test_pruned_networks_are_still_averaged():
    model = fitted()
    model.prune(share=0.5)
    assert model.sparsity_ == pytest.approx(0.5, abs=0.02)
    assert model.predict(X).shape == (50,)


def _index(place):
    return torch.tensor([place])


def _with_weights(model, weights):
    network = replace(model.network_, weights=weights, folds=(), oob=None)
    return copy.copy(model).keep(network)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_networks": 0}, "n_networks"),
        ({"n_networks": "3"}, "n_networks"),
        ({"n_networks": 2}, "parameters"),
        ({"n_networks": 10**9}, "parameters"),
        ({"learned": {"temperature_": "1"}}, "temperature_"),
        ({"targets": {"range": [[0.0]]}}, "range"),
        ({"targets": {"range": [[0.0, 1.0], [2.0, 3.0]]}}, "range"),
        ({"targets": {"range": [[2.0], [1.0]]}}, "range"),
        ({"targets": {"range": [[float("nan")], [1.0]]}}, "range"),
    ],
)
def test_a_changed_file_is_refused_by_the_name_of_the_field(change, named, tmp_path):
    folder = fitted(clip_predictions=True).save(tmp_path / "model")

    def changed(document):
        for key, value in change.items():
            document[key] = {**document[key], **value} if isinstance(value, dict) else value

    reseal_model(folder, changed)
    with pytest.raises(ModelFileError, match=named):
        load_model(folder)
