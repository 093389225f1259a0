"""Intervals and sets of ensembles: calibrated by rows that no member has seen."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

from hostile import reseal_model
from wellfit import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    load_model,
)
from wellfit.core.errors import DataError, HyperparameterError, InputError, ModelFileError
from wellfit.nn import MeanAndQuantiles, Quantile
from wellfit.report.coverage import Coverage

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (700, 3))
Y = X[:, 1] + (0.2 + 2 * np.abs(X[:, 0])) * RNG.normal(size=700)
XC, CODES = make_classification(500, 6, n_informative=4, n_classes=3, random_state=0)
YC = np.array(["ant", "bee", "cat"])[CODES]


def regressors(*estimators, **params):
    given = {"n_estimators": 2, "random_state": 0} | params
    return MLPEnsembleRegressor(list(estimators) or member(), **given)


def member(**params):
    given = {"epochs": 8, "learning_rate": 0.01, "n_threads": 1, "conformal": "split"} | params
    return MLPRegressor((16,), **given)


def held(intervals, y):
    return ((intervals[..., 0] <= y) & (y <= intervals[..., 1])).mean()


@pytest.mark.parametrize("params", [{}, {"selection": "greedy"}, {"bootstrap": True}])
def test_intervals_hold_the_share_of_new_rows_that_was_asked_for(params):
    model = regressors(**params).fit(X[:400], Y[:400])
    assert len(model.conformal_.residuals) == 80
    found = model.predict_interval(X[400:], 0.8)
    assert found.shape == (300, 2)
    # 80 rows calibrate, and 300 count: three standard errors of both.
    assert held(found, Y[400:]) == pytest.approx(0.8, abs=0.15)
    assert model.estimators_[0].conformal is None  # no member sets rows apart for itself
    assert isinstance(model.estimators_[0].network_.targets.loss, MeanAndQuantiles)


def test_intervals_lie_between_the_mean_quantiles():
    model = regressors(member(loss=Quantile((0.1, 0.5, 0.9)))).fit(X[:400], Y[:400])
    quantiles = model.predict_quantiles(X[400:])
    low, high = model.predict_interval(X[400:], 0.8).T
    margins = np.stack([quantiles[:, 0] - low, high - quantiles[:, 2]])
    np.testing.assert_allclose(margins, margins[0, 0], atol=1e-5)
    assert np.ptp(high - low) > 0.1
    mixed = regressors(member(loss=Quantile((0.1, 0.5, 0.9))), member(loss="huber"))
    mixed.fit(X[:400], Y[:400])
    assert np.ptp(np.diff(mixed.predict_interval(X[400:]))) < 1e-6
    residuals = mixed.predict(X[400:]) - Y[400:]
    mixed.conformalize(X[400:], Y[400:])
    np.testing.assert_allclose(mixed.conformal_.residuals[:, 0, 0], residuals)


def test_a_single_member_has_the_intervals_of_its_network():
    model = regressors(n_estimators=1).fit(X[:300], Y[:300])
    alone = model.estimators_[0]
    for each in (model, alone):
        each.conformalize(X[300:400], Y[300:400])
    expected = alone.predict_interval(X[400:], 0.7)
    np.testing.assert_allclose(model.predict_interval(X[400:], 0.7), expected)


def test_rows_that_calibrate_change_nothing_that_was_learned():
    model = regressors(member(conformal_fraction=0.4)).fit(X[:100], Y[:100])
    off = model.predict_quantiles(X[:100]) - Y[:100, np.newaxis]
    scored = model.conformal_.residuals[:, 0]
    calibrating = np.array([np.isclose(scored, each, atol=1e-6).all(axis=1).any() for each in off])
    assert calibrating.sum() == len(scored) == 40
    moved = np.where(calibrating, Y[:100] + 100.0, Y[:100])
    again = regressors(member(conformal_fraction=0.4)).fit(X[:100], moved)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert (np.diff(again.predict_interval(X)) > np.diff(model.predict_interval(X)) + 100).all()


def test_several_targets_and_sets_of_classes_are_held():
    both = np.stack([Y, X[:, 2]], axis=1)
    model = regressors().fit(X[:400], both[:400])
    assert model.predict_interval(X[400:], 0.9).shape == (300, 2, 2)
    clf = MLPEnsembleClassifier(
        MLPClassifier((8,), epochs=4, n_threads=1, conformal="split"), n_estimators=2
    )
    clf.set_params(random_state=0).fit(XC[:300], YC[:300])
    sets = clf.predict_set(XC[300:], 0.8)
    places = np.searchsorted(clf.classes_, YC[300:])
    assert sets[np.arange(200), places].mean() >= 0.65
    assert sets[np.arange(200), clf.predict_proba(XC[300:]).argmax(axis=1)].all()
    shares = Coverage.of_model(clf, XC[300:], YC[300:])
    assert shares.shares[shares.levels.index(0.8)] == sets[np.arange(200), places].mean()
    assert clf.plot.coverage(XC[300:], YC[300:]).get_title()


def test_scores_are_saved_and_restored(tmp_path):
    model = regressors().fit(X[:200], Y[:200])
    again = load_model(model.save(tmp_path / "model"))
    expected = model.predict_interval(X[200:], 0.8)
    np.testing.assert_allclose(again.predict_interval(X[200:], 0.8), expected, rtol=1e-5)
    plain = regressors(member(conformal=None)).fit(X[:60], Y[:60])
    assert not hasattr(load_model(plain.save(tmp_path / "plain")), "conformal_")

    def cut(tensors):
        tensors["conformal"] = tensors["conformal"][:, :, :1].contiguous()

    reseal_model(tmp_path / "model", change_tensors=cut)
    with pytest.raises(ModelFileError, match="tensor 'conformal'"):
        load_model(tmp_path / "model")


def test_what_cannot_be_names_the_nearest_choice():
    plain = regressors(member(conformal=None)).fit(X[:60], Y[:60])
    with pytest.raises(InputError, match=r"expected conformal='split' before fit, or conformal"):
        plain.predict_interval(X)
    with pytest.raises(AttributeError, match="expected predict_interval"):
        plain.predict_set(X)
    with pytest.raises(AttributeError, match="expected predict_set"):
        MLPEnsembleClassifier().predict_interval(X)
    with pytest.raises(DataError, match="X has 9 rows and y has 8"):
        plain.conformalize(X[:9], Y[:8])
    with pytest.raises(HyperparameterError, match=r"not the average.+conformal='split'"):
        regressors(member(bagging=3, conformal="cross")).fit(X, Y)
    bagged = regressors(member(bagging=3)).fit(X[:90], Y[:90])
    assert bagged.predict_interval(X[:2], 0.8).shape == (2, 2)


def test_intervals_of_counts_begin_at_zero():
    counts = RNG.poisson(0.5, 300).astype(float)
    for model in (member(loss="poisson"), regressors(member(loss="poisson"))):
        low, high = model.fit(X[:300], counts).predict_interval(X, 0.9).T
        assert low.min() == 0
        assert (high > low).all()
