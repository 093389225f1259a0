"""Prediction intervals and sets of estimators, calibrated by rows of their own."""

import importlib.util
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError

from hostile import reseal_model
from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import (
    DataError,
    HyperparameterError,
    InputError,
    ModelFileError,
    UnknownNameError,
)
from wellfit.estimators.bagging import fold_jobs
from wellfit.fitting import Compute
from wellfit.model_selection import GridSearchCV
from wellfit.nn import MeanAndQuantiles, Quantile
from wellfit.transfer import to_numpy, to_onnx, to_torch

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (1200, 3))
NOISE = 0.2 + 2 * np.abs(X[:, 0])
Y = X[:, 1] + NOISE * RNG.normal(size=1200)
XC, YC = make_classification(900, 6, n_informative=4, n_classes=3, random_state=0)
NAMES = np.array(["ant", "bee", "cat"])[YC]


def regressor(**params):
    given = {"epochs": 15, "random_state": 0, "conformal": "split", "n_threads": 1} | params
    return MLPRegressor((32,), **given)


def classifier(**params):
    given = {"epochs": 5, "random_state": 0, "conformal": "split", "n_threads": 1, **params}
    return MLPClassifier((16,), **given)


def coverage(intervals, y):
    return ((intervals[..., 0] <= y) & (y <= intervals[..., 1])).mean()


CROSS = {"bagging": 4, "conformal": "cross"}


@pytest.mark.parametrize(
    "params", [{}, {"bagging": 3}, {"n_submodels": 3}, {"loss": "huber"}, CROSS]
)
def test_intervals_hold_the_share_of_new_rows_that_was_asked_for(params):
    model = regressor(**params).fit(X[:800], Y[:800])
    for level in (0.5, 0.9):
        found = model.predict_interval(X[800:], level)
        assert found.shape == (400, 2)
        # 160 rows calibrate, and 400 count: four standard errors of both.
        assert coverage(found, Y[800:]) == pytest.approx(level, abs=0.13 if level < 0.9 else 0.1)


@pytest.mark.parametrize(
    ("activation", "scale", "low", "high"),
    [("sigmoid", 1, 0.0, 1.0), ("relu", 1, 0.0, np.inf), ("tanh", 2, -1.0, 1.0)],
)
def test_no_bound_lies_beyond_what_the_output_activation_puts_out(
    activation, scale, low, high, tmp_path
):
    y = low + scale * (X[:200, 1] + RNG.normal(size=200) > 0)
    loose = regressor(epochs=4, loss="squared_error")
    model = clone(loose).set_params(output_activation=activation).fit(X[:200], y)
    found = model.predict_interval(X[200:], 0.95)
    assert found.min() == pytest.approx(low)
    assert found.max() <= high
    again = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_interval(X[200:], 0.95), found)
    assert loose.fit(X[:200], y).predict_interval(X[200:], 0.95).min() < low


def test_intervals_are_wide_where_the_target_is_noisy():
    model = regressor(learning_rate=0.01, validation_fraction=0.1).fit(X[:800], Y[:800])
    assert isinstance(model.network_.targets.loss, MeanAndQuantiles)
    widths = np.diff(model.predict_interval(X[800:]))[:, 0]
    assert np.corrcoef(widths, NOISE[800:])[0, 1] > 0.6
    constant = regressor(loss="squared_error").fit(X[:800], Y[:800])
    assert np.ptp(np.diff(constant.predict_interval(X[800:]))) < 1e-6


def test_rows_that_calibrate_are_neither_trained_nor_validated_on():
    model = regressor(conformal_fraction=0.25, validation_fraction=0.1).fit(X[:800], Y[:800])
    split = model.network_.split
    assert len(split.conformal) == 200
    everyone = np.concatenate([split.train, split.held_out, split.conformal])
    assert sorted(everyone) == list(range(800))
    # Their targets change the scores, and nothing that was learned.
    other = Y[:800].copy()
    other[split.conformal] += 100.0
    moved = regressor(conformal_fraction=0.25, validation_fraction=0.1).fit(X[:800], other)
    np.testing.assert_array_equal(moved.predict(X), model.predict(X))
    assert moved.predict_interval(X).mean() != model.predict_interval(X).mean()


def test_scores_are_of_the_rows_set_apart():
    model = regressor().fit(X[:300], Y[:300])
    rows = model.network_.split.conformal
    again = clone(model).set_params(conformal=None, loss=model.network_.targets.loss)
    keep = np.setdiff1d(np.arange(300), rows)
    again.fit(X[keep], Y[keep]).conformalize(X[rows], Y[rows])
    assert again.network_.conformal.residuals.shape == model.network_.conformal.residuals.shape
    same = model.conformalize(X[rows], Y[rows]).network_.conformal.residuals
    np.testing.assert_allclose(same[:, 0, 0], model.predict_quantiles(X[rows])[:, 0] - Y[rows])


def test_a_fold_of_bagging_holds_no_row_that_calibrates():
    clear = 5 * X[:300, 1]
    model = regressor(bagging=3).fit(X[:300], clear)
    apart = set(model.network_.split.conformal.tolist())
    assert len(apart) == 60
    for fold in model.network_.folds:
        assert not apart & {*fold.split.train.tolist(), *fold.split.held_out.tolist()}
    assert np.flatnonzero(np.isnan(model.oob_prediction_)).tolist() == sorted(apart)
    known = np.setdiff1d(np.arange(300), list(apart))  # each row's prediction is its own
    assert np.corrcoef(model.oob_prediction_[known], clear[known])[0, 1] > 0.8


@pytest.mark.parametrize("rows", [120, 121])
def test_a_fold_that_calibrates_is_neither_trained_nor_validated_on(rows):
    model = regressor(**CROSS, epochs=1)
    builder = model.job_builder(model)
    jobs, held_out = fold_jobs(builder, model.prepare(X[:rows], Y[:rows]), model.bagging)
    dealt, counts = np.unique(np.concatenate(held_out), return_counts=True)
    twice = dealt[counts > 1]
    assert len(twice) == (0 if rows == 120 else 3)
    for job, fold in zip(jobs, held_out, strict=True):
        seen = {*job.stream.train.tolist(), *job.stream.validation.tolist()}
        assert not seen & set(np.setdiff1d(fold, twice).tolist())
        assert not set(job.stream.train.tolist()) & set(job.stream.validation.tolist())
    assert len({len(job.stream.train) for job in jobs}) == 1  # one stack
    scores = model.fit(X[:rows], Y[:rows]).network_.conformal
    assert len(scores.residuals) == rows - len(twice)
    assert np.isfinite(model.oob_prediction_).all()


def test_intervals_of_folds_follow_their_own_networks():
    model = regressor(**CROSS).fit(X[:200], Y[:200])
    network, scores = model.network_, model.network_.conformal
    assert np.bincount(scores.folds).tolist() == [50] * 4
    each = [network.targets.estimates(n.outputs(X[200:210], Compute())) for n in network.members]
    low, high = (np.stack([one[:, 0, place] for one in each]) for place in (1, -2))  # 5 %, 95 %
    missed = np.maximum(scores.residuals[:, 0, 1], -scores.residuals[:, 0, -2])
    upper = np.sort(high[scores.folds] + missed[:, None], axis=0)[180]  # the 181st of 200
    lower = -np.sort(missed[:, None] - low[scores.folds], axis=0)[180]
    found = model.predict_interval(X[200:210], 0.9)
    np.testing.assert_allclose(found, np.column_stack([lower, upper]), rtol=1e-5)


def test_rows_of_weight_zero_calibrate_nothing():
    weight = np.ones(300)
    weight[::3] = 0.0
    model = regressor(epochs=2).fit(X[:300], Y[:300], sample_weight=weight)
    assert len(model.network_.conformal.residuals) == 40
    assert weight[model.network_.split.conformal].all()


def test_several_targets_have_an_interval_each():
    both = np.column_stack([Y, 100 + 10 * X[:, 2]])
    model = regressor().fit(X[:800], both[:800])
    found = model.predict_interval(X[800:], 0.9)
    assert found.shape == (400, 2, 2)
    for target in (0, 1):
        assert coverage(found[:, target], both[800:, target]) == pytest.approx(0.9, abs=0.1)


def test_conformalize_calibrates_models_that_were_trained_without():
    plain = MLPRegressor((16,), epochs=10, random_state=0).fit(X[:500], Y[:500])
    before = plain.predict(X)
    assert plain.conformalize(X[500:800], Y[500:800]) is plain
    np.testing.assert_array_equal(plain.predict(X), before)
    assert coverage(plain.predict_interval(X[800:]), Y[800:]) == pytest.approx(0.9, abs=0.08)
    quantiles = MLPRegressor((16,), loss=Quantile((0.1, 0.5, 0.9)), epochs=10, random_state=0)
    quantiles.fit(X[:500], Y[:500]).conformalize(X[500:800], Y[500:800])
    assert np.ptp(np.diff(quantiles.predict_interval(X))) > 0.1


def test_partial_fit_leaves_calibration_to_rows_that_come_apart():
    model = regressor()
    for first in range(0, 500, 100):
        model.partial_fit(X[first : first + 100], Y[first : first + 100])
    with pytest.raises(InputError, match=r"isn't calibrated for intervals; .* conformalize"):
        model.predict_interval(X)
    model.conformalize(X[500:800], Y[500:800])
    assert coverage(model.predict_interval(X[800:]), Y[800:]) == pytest.approx(0.9, abs=0.08)
    model.partial_fit(X[:100], Y[:100])  # other weights: the scores are of the former ones
    with pytest.raises(InputError, match="isn't calibrated"):
        model.predict_interval(X)


def test_pruning_drops_scores_of_other_weights():
    model = regressor(epochs=2).fit(X[:300], Y[:300])
    model.prune(share=0.5)
    with pytest.raises(InputError, match="isn't calibrated"):
        model.predict_interval(X)


def test_the_networks_of_a_search_are_calibrated_when_the_best_is_refitted():
    search = GridSearchCV(regressor(epochs=2), {"l2": [0.0, 0.01]}, cv=2).fit(X[:300], Y[:300])
    assert search.predict(X).shape == (1200,)
    assert search.best_estimator_.predict_interval(X).shape == (1200, 2)


# Classes


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("params", [{}, {"bagging": 3, "calibration": "temperature"}, CROSS])
def test_sets_hold_the_share_of_new_rows_that_was_asked_for(method, params):
    model = classifier(**params).fit(XC[:600], NAMES[:600])
    sets = model.predict_set(XC[600:], 0.9, method=method)
    assert sets.shape == (300, 3)
    assert sets.dtype == bool
    codes = np.searchsorted(model.classes_, NAMES[600:])
    assert sets[np.arange(300), codes].mean() == pytest.approx(0.9, abs=0.1)
    assert sets[np.arange(300), model.predict_proba(XC[600:]).argmax(axis=1)].all()


def test_conformalize_calibrates_classifiers():
    model = MLPClassifier((16,), epochs=5, random_state=0).fit(XC[:400], NAMES[:400])
    sets = model.conformalize(XC[400:600], NAMES[400:600]).predict_set(XC[600:])
    codes = np.searchsorted(model.classes_, NAMES[600:])
    assert sets[np.arange(300), codes].mean() == pytest.approx(0.9, abs=0.1)
    with pytest.raises(DataError, match="labels unseen in training: 'dog'"):
        model.conformalize(XC[:2], ["ant", "dog"])


def test_several_labels_a_row_have_no_sets():
    labels = (X[:200] > 0).astype(int)
    with pytest.raises(InputError, match="prediction sets are of classes, of which a row has one"):
        classifier(epochs=1).fit(X[:200], labels)


# What can't be


def test_intervals_are_of_numbers_and_sets_of_classes():
    reg = regressor(epochs=1).fit(X[:100], Y[:100])
    clf = classifier(epochs=1).fit(XC[:100], YC[:100])
    with pytest.raises(AttributeError, match=r"expected predict_interval\(X, level\)"):
        reg.predict_set(X)
    with pytest.raises(AttributeError, match=r"expected predict_set\(X, level\)"):
        clf.predict_interval(XC)
    assert not hasattr(clf, "predict_interval")
    assert not hasattr(reg, "predict_set")


def test_what_was_never_calibrated_says_how():
    model = regressor(conformal=None, epochs=1)
    with pytest.raises(NotFittedError):
        model.predict_interval(X)
    with pytest.raises(InputError, match="conformal='split' before fit, or conformalize"):
        model.fit(X[:100], Y[:100]).predict_interval(X)
    with pytest.raises(InputError, match="isn't calibrated for sets"):
        classifier(conformal=None, epochs=1).fit(XC, YC).predict_set(XC)


def test_too_few_rows_are_named():
    model = regressor(epochs=1).fit(X[:60], Y[:60])
    with pytest.raises(DataError, match="the calibration rows are 12; expected at least 99"):
        model.predict_interval(X, 0.99)
    with pytest.raises(DataError, match="expected at least one row in each part"):
        regressor(conformal_fraction=0.9, epochs=1).fit(X[:3], Y[:3])
    with pytest.raises(DataError, match="X has 5 rows and y has 4"):
        model.conformalize(X[:5], Y[:4])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"conformal": "jackknife"}, "conformal is 'jackknife'; expected"),
        ({"conformal_fraction": 1.0}, "conformal_fraction is 1.0; expected"),
        ({"conformal": "cross"}, "conformal is 'cross' and bagging is 'auto'"),
        ({"conformal": "cross", "bagging": 2}, "Expected bagging of 3 or more, such as 10"),
        ({"warm_start": True}, "rows that an earlier fit has learned from can't calibrate"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(params, message):
    with pytest.raises((HyperparameterError, UnknownNameError), match=message):
        regressor(**params).fit(X[:100], Y[:100])


def test_methods_of_sets_are_named():
    model = classifier(epochs=1).fit(XC, YC)
    with pytest.raises(UnknownNameError, match="did you mean 'lac'"):
        model.predict_set(XC, method="lak")


# Files


def test_folders_hold_the_scores(tmp_path):
    reg, clf = regressor().fit(X[:300], Y[:300]), classifier().fit(XC, NAMES)
    loaded = load_model(reg.save(tmp_path / "reg"))
    np.testing.assert_array_equal(loaded.predict_interval(X, 0.8), reg.predict_interval(X, 0.8))
    assert loaded.conformal == "split"
    crossed = regressor(**CROSS, epochs=2).fit(X[:300], Y[:300])
    loaded = load_model(crossed.save(tmp_path / "crossed"))
    np.testing.assert_array_equal(loaded.predict_interval(X), crossed.predict_interval(X))
    loaded = load_model(clf.save(tmp_path / "clf"))
    np.testing.assert_array_equal(loaded.predict_set(XC), clf.predict_set(XC))


def test_the_loss_of_the_training_counts_whatever_the_parameters_say_later(tmp_path):
    model = regressor(epochs=2).fit(X[:300], Y[:300]).set_params(conformal=None)
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_interval(X), model.predict_interval(X))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((0, 1, 9)), "expected float64"),
        (np.zeros((5, 1, 3)), r"and shape \(5, 1, 3\); expected float64 and \(rows, 1, 9\)"),
        (np.zeros((5, 1, 9), dtype="float32"), "of type float32"),
        (np.full((5, 1, 9), np.nan), "tensor 'conformal' holds NaN"),
    ],
)
def test_scores_of_another_form_are_refused(tmp_path, scores, message):
    folder = regressor(epochs=1).fit(X[:100], Y[:100]).save(tmp_path / "model")

    def change(tensors):
        tensors["conformal"] = torch.as_tensor(scores)

    reseal_model(folder, change_tensors=change)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (np.zeros(3, dtype=np.int64), r"of type int64 and shape \(3,\); expected int64 and"),
        (np.zeros(100), "of type float64"),
        (np.full(100, 4), "numbers from 4 to 4; expected them from 0 to below 4"),
    ],
)
def test_folds_of_another_form_are_refused(tmp_path, folds, message):
    folder = regressor(**CROSS, epochs=1).fit(X[:100], Y[:100]).save(tmp_path / "model")

    def change(tensors):
        tensors["conformal_folds"] = torch.as_tensor(folds)

    reseal_model(folder, change_tensors=change)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


def test_exports_predict_the_mean_and_say_what_they_leave_out(tmp_path):
    model = regressor(epochs=2, precision="float64").fit(X[:300], Y[:300])
    with pytest.warns(UserWarning, match="leaves out the calibrated prediction intervals"):
        path = to_numpy(model, tmp_path / "net.py")[0]
    spec = importlib.util.spec_from_file_location("net", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.testing.assert_allclose(module.predict(X[:9]).ravel(), model.predict(X[:9]))
    with pytest.warns(UserWarning, match="intervals"):
        assert to_onnx(model).graph.output[0].type.tensor_type.shape.dim[-1].dim_value in (0, 1)
    with pytest.warns(UserWarning, match="sets"):
        to_torch(classifier(epochs=1).fit(XC, YC))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_torch(regressor(conformal=None, epochs=1).fit(X[:100], Y[:100]))
