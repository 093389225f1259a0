"""What each loss makes of an estimator, on data of its kind."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import KFold, cross_val_score
from test_behaviour import classifier, regressor

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.estimators import load_model
from wellfit.nn import Huber, Quantile, SigmoidCrossEntropy, SoftmaxCrossEntropy

DIABETES = load_diabetes(return_X_y=True)
IRIS = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
ONE_HOT = np.eye(3)[IRIS[1]]
SOFT = 0.8 * ONE_HOT + 0.2 / 3


def counts(rows=600):
    x = RNG.normal(size=(rows, 3))
    return x, RNG.poisson(np.exp(1 + x[:, 0] - 0.5 * x[:, 1])).astype(float)


COUNTS = counts()

# Quantiles


def test_quantiles_hold_the_share_of_rows_that_they_name():
    X, y = DIABETES
    model = regressor(loss="quantile").fit(X, y)
    quantiles = model.predict_quantiles(X)
    assert quantiles.shape == (len(X), 3)
    assert (np.diff(quantiles) >= 0).all()
    low, middle, high = quantiles.T
    assert np.mean((low <= y) & (y <= high)) == pytest.approx(0.8, abs=0.12)
    assert np.mean(y <= middle) == pytest.approx(0.5, abs=0.12)
    np.testing.assert_array_equal(model.predict(X), middle)
    assert model.score(X, y) > 0.4


def test_quantiles_of_several_targets():
    X, y = DIABETES
    both = np.stack([y, 1000 - 10 * y], axis=1)
    model = regressor(loss=Quantile((0.1, 0.4, 0.7, 0.9))).fit(X, both)
    quantiles = model.predict_quantiles(X)
    assert quantiles.shape == (len(X), 2, 4)
    assert (np.diff(quantiles) >= 0).all()
    np.testing.assert_array_equal(model.predict(X), quantiles[:, :, 1])
    assert model.n_outputs_ == 2
    assert model.score(X, both) > 0.4


def test_other_losses_estimate_no_quantiles():
    model = regressor(epochs=1).fit(*DIABETES)
    with pytest.raises(HyperparameterError, match="'squared_error', which estimates no quantiles"):
        model.predict_quantiles(DIABETES[0])


# Counts


def test_poisson_beats_the_mean_and_is_never_negative():
    X, y = COUNTS
    model = regressor(loss="poisson").fit(X, y)
    predicted = model.predict(X)
    assert (predicted > 0).all()
    of_the_mean = mean_poisson_deviance(y, np.full(len(y), y.mean()))
    assert mean_poisson_deviance(y, predicted) < 0.5 * of_the_mean
    assert predicted.mean() == pytest.approx(y.mean(), rel=0.1)


def test_poisson_does_not_mind_the_unit_of_the_counts():
    X, y = COUNTS
    one, thousand = (regressor(loss="poisson", epochs=5) for _ in range(2))
    small, large = one.fit(X, y).predict(X), thousand.fit(X, 1000 * y).predict(X)
    np.testing.assert_allclose(large, 1000 * small, rtol=1e-3)


def test_poisson_history_is_the_deviance_of_targets_over_their_mean():
    X, y = COUNTS
    model = regressor(loss="poisson", epochs=4, precision="float64").fit(X, y, X_val=X, y_val=y)
    deviance = mean_poisson_deviance(y, model.predict(X)) / y.mean()
    assert model.history_["val_loss"][-1] == pytest.approx(deviance)


def test_negative_counts_are_refused_with_their_row():
    X, y = COUNTS
    bad = y.copy()
    bad[17] = -3
    with pytest.raises(DataError, match="-3 in row 17"):
        MLPRegressor(loss="poisson").fit(X, bad)
    with pytest.raises(DataError, match="-3 in row 17"):
        regressor(loss="poisson").fit(X, y, X_val=X, y_val=bad)


# Outliers


@pytest.mark.parametrize("loss", ["huber", "absolute_error", Huber(0.3)])
def test_outliers_move_robust_losses_less(loss):
    """One row in ten is off by 20 standard deviations."""
    X, y = DIABETES
    planted = y.copy()
    planted[::10] += 20 * y.std()
    clean = np.arange(len(y)) % 10 != 0
    errors = {
        name: np.mean(np.abs(regressor(loss=name).fit(X, planted).predict(X) - y)[clean])
        for name in ("squared_error", loss)
    }
    assert errors[loss] < 0.6 * errors["squared_error"]


# Classes


def test_label_smoothing_lowers_the_certainty():
    X, y = IRIS
    for loss in (SoftmaxCrossEntropy, SigmoidCrossEntropy):
        plain = classifier(loss=loss()).fit(X, y)
        smooth = classifier(loss=loss(label_smoothing=0.2)).fit(X, y)
        assert smooth.score(X, y) > 0.9
        certainty = [model.predict_proba(X).max(axis=1).mean() for model in (plain, smooth)]
        assert certainty[1] < certainty[0] - 0.02


@pytest.mark.parametrize("classes", [2, 3])
def test_quadratic_cost(classes):
    X, y = IRIS
    kept = y < classes
    model = classifier(loss="sigmoid_squared_error").fit(X[kept], y[kept])
    assert model.score(X[kept], y[kept]) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    with pytest.raises(HyperparameterError, match="not for regression"):
        MLPRegressor(loss="sigmoid_squared_error").fit(*DIABETES)


def test_quadratic_cost_of_several_labels():
    X, y = IRIS
    labels = np.stack([y == 0, y == 1], axis=1).astype(int)
    model = classifier(loss="sigmoid_squared_error", epochs=60).fit(X, labels)
    assert model.score(X, labels) > 0.8
    assert set(model.predict(X).ravel()) == {0, 1}


# Probabilities as targets


def test_probabilities_of_the_classes_are_learned():
    X, y = IRIS
    model = classifier().fit(X, SOFT)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.score(X, SOFT) == model.score(X, y) > 0.9
    assert model.predict_proba(X).max(axis=1).mean() == pytest.approx(0.87, abs=0.05)
    assert model.history_["accuracy"][-1] > 0.9
    folds = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(clone(model), X, SOFT, cv=folds).mean() > 0.8


def test_one_hot_rows_are_classes_or_labels_as_the_loss_says():
    X, y = IRIS
    classes = classifier(loss="softmax_cross_entropy").fit(X, ONE_HOT.astype(int))
    assert classes.predict(X).shape == (150,)
    np.testing.assert_allclose(
        classes.predict_proba(X), classifier().fit(X, y).predict_proba(X), rtol=1e-4, atol=1e-6
    )
    with pytest.warns(UserWarning, match="3 columns with a single 1 in every row; it is"):
        labels = classifier().fit(X, ONE_HOT.astype(int))
    assert labels.predict(X).shape == (150, 3)
    several = ONE_HOT.astype(int)
    several[0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert classifier().fit(X, several).predict(X).shape == (150, 3)
        classifier(loss="sigmoid_cross_entropy").fit(X, ONE_HOT.astype(int))


def test_a_data_frame_names_the_classes():
    frame = pd.DataFrame(SOFT, columns=["setosa", "versicolor", "virginica"])
    model = classifier(class_weight={"setosa": 2.0, "versicolor": 1.0, "virginica": 1.0})
    model.fit(IRIS[0], frame, X_val=IRIS[0], y_val=frame)
    assert model.predict(IRIS[0][:2]).tolist() == ["setosa", "setosa"]
    assert model.history_["val_accuracy"][-1] == pytest.approx(model.score(IRIS[0], frame))


def test_probabilities_of_labels_that_stand_alone():
    X, y = IRIS
    shares = np.stack([0.9 * (y == 0), 0.1 + 0.8 * (y > 0)], axis=1)
    model = classifier(loss="sigmoid_cross_entropy").fit(X, shares)
    assert model.predict(X).shape == (150, 2)
    assert model.score(X, shares) > 0.9
    learned = np.median(model.predict_proba(X)[y == 0], axis=0)
    np.testing.assert_allclose(learned, [0.9, 0.1], atol=0.05)


def test_held_out_rows_keep_the_shares_of_the_likeliest_classes():
    model = classifier(early_stopping=True, epochs=3).fit(IRIS[0], SOFT)
    assert len(model.history_["val_loss"]) == 3
    assert model.partial_fit(IRIS[0], SOFT).score(IRIS[0], IRIS[1]) > 0.5


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("auto", SOFT * 0.9, "sums to 0.9; expected probabilities of the classes"),
        ("softmax_cross_entropy", np.ones((150, 3), dtype=int), "sums to 3"),
        ("auto", SOFT * 2, "1.73333 in row 0, column 0; expected probabilities"),
        ("sigmoid_cross_entropy", SOFT - 0.1, "-0.0333333 in row 0, column 1"),
    ],
)
def test_what_is_no_probability_is_refused(loss, y, message):
    with pytest.raises(DataError, match=message):
        MLPClassifier(loss=loss).fit(IRIS[0], y)


def test_labels_where_probabilities_were_learned_are_refused():
    with pytest.raises(InputError, match=r"shape \(150,\); expected \(150, 3\)"):
        classifier().fit(IRIS[0], SOFT, X_val=IRIS[0], y_val=IRIS[1])


# Files


@pytest.mark.parametrize(
    ("model", "x", "y"),
    [
        (classifier(loss="sigmoid_squared_error"), *IRIS),
        (classifier(loss=SoftmaxCrossEntropy(0.1)), *IRIS),
        (classifier(loss=SigmoidCrossEntropy(0.1)), *IRIS),
        (classifier(), IRIS[0], SOFT),
        (classifier(), IRIS[0], pd.DataFrame(SOFT, columns=["a", "b", "c"])),
        (regressor(loss="absolute_error"), *DIABETES),
        (regressor(loss=Huber(0.5)), *DIABETES),
        (regressor(loss=Quantile((0.2, 0.8))), *DIABETES),
        (regressor(loss="poisson"), *COUNTS),
    ],
    ids=lambda value: repr(getattr(value, "loss", ""))[:25],
)
def test_a_loaded_model_predicts_as_before(model, x, y, tmp_path):
    model = clone(model).set_params(epochs=3).fit(x, y)
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.get_params()["loss"] == model.loss
    assert loaded.score(x, y) == model.score(x, y)
    if isinstance(model.loss, Quantile):
        np.testing.assert_array_equal(loaded.predict_quantiles(x), model.predict_quantiles(x))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy", "quadratic"])
@pytest.mark.parametrize("augment", [(), ("mixup",)])
def test_the_accuracy_of_an_epoch_is_the_score(loss, augment):
    X, y = load_digits(return_X_y=True)
    params = {"epochs": 3, "early_stopping": False, "dropout": 0.0, "random_state": 0}
    clf = MLPClassifier((12,), loss=loss, augment=augment, **params)
    clf.fit(X[:600], y[:600], X_val=X[600:900], y_val=y[600:900])
    assert clf.history_["val_accuracy"][-1] == pytest.approx(clf.score(X[600:900], y[600:900]))
    assert 0.15 < clf.history_["val_accuracy"][-1] < 0.99


def test_the_accuracy_of_label_sets_is_of_whole_sets():
    X, y = load_digits(return_X_y=True)
    sets = np.column_stack([y % 2, y > 4]).astype(int)
    clf = MLPClassifier((12,), epochs=3, early_stopping=False, random_state=0)
    clf.fit(X[:600], sets[:600], X_val=X[600:900], y_val=sets[600:900])
    assert clf.history_["val_accuracy"][-1] == pytest.approx(clf.score(X[600:900], sets[600:900]))
