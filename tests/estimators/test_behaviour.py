"""What users rely on beyond scikit-learn's checks."""

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import (
    DataError,
    DivergedError,
    HyperparameterError,
    InputError,
    UnknownNameError,
)
from wellfit.optim import SGD, Adam, OneCycle
from wellfit.training import Callback, Decision, EarlyStopping

IRIS = load_iris(return_X_y=True)


SMALL = {
    "hidden_layer_sizes": (32,),
    "numeric_embedding": None,
    "ema_decay": 0.0,
    "optimizer": Adam(0.01),
    "epochs": 30,
    "early_stopping": False,
    "dropout": 0.0,
    "random_state": 0,
}


def classifier(hidden=(32,), **options):
    return MLPClassifier(**{**SMALL, "hidden_layer_sizes": hidden, **options})


def regressor(**options):
    return MLPRegressor(**{**SMALL, **options})


def mixed_table(rows=200):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "town": rng.choice(["Bern", "Ulm", "Graz"], rows),
            "member": rng.random(rows) < 0.5,
            "grade": pd.Categorical(rng.choice(["a", "b"], rows)),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "town"] = None
    return frame, np.where(frame["member"] ^ (frame["town"] == "Ulm"), "yes", "no")


# Targets


@pytest.mark.parametrize("kind", ["text", "whole", "boolean", "object", "categorical", "negative"])
def test_labels_of_any_type_come_back(kind):
    X, y = IRIS
    labels = {
        "text": np.array(["a", "b", "c"])[y],
        "whole": np.array([10, 20, 30])[y],
        "boolean": y == 1,
        "object": np.array(["a", "b", "c"], dtype=object)[y],
        "categorical": pd.Series(pd.Categorical.from_codes(y, ["x", "y", "z"])),
        "negative": y - 1,
    }[kind]
    model = classifier().fit(X, labels)
    assert model.score(X, labels) > 0.9
    assert set(model.predict(X)) <= set(np.asarray(labels))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_several_labels_a_row():
    X, y = IRIS
    labels = np.stack([y == 0, y == 1, X[:, 0] > 6], axis=1).astype(int)
    model = classifier().fit(X, labels)
    assert model.predict(X).shape == model.predict_proba(X).shape == (150, 3)
    assert (model.predict(X) == labels).mean() > 0.9


def test_several_outputs():
    X, y = load_diabetes(return_X_y=True)
    Y = np.stack([y, -3 * y + 7], axis=1)
    model = regressor().fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.4
    assert regressor().fit(X, y).predict(X).shape == y.shape


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("classes", [2, 3])
def test_either_cross_entropy_tells_classes_apart(loss, classes):
    X, y = IRIS
    X, y = X[y < classes], y[y < classes]
    model = classifier(loss=loss).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X), 1e-5)


# Inputs


def test_mixed_tables_from_pandas_and_polars_agree():
    frame, y = mixed_table()
    model = classifier((32,), epochs=60).fit(frame, y)
    assert model.score(frame, y) > 0.9
    assert list(model.feature_names_in_) == list(frame.columns)
    other = polars.from_pandas(frame)
    np.testing.assert_array_equal(model.predict(other), model.predict(frame))


def test_sparse_is_dense_and_stays_sparse_in_between():
    X, y = load_breast_cancer(return_X_y=True)
    X = X * (np.random.default_rng(0).random(X.shape) < 0.3)
    model = classifier().fit(sparse.csr_array(X), y)
    assert model.score(X, y) > 0.8
    np.testing.assert_array_equal(model.predict(sparse.csr_array(X)), model.predict(X))


@pytest.mark.parametrize("given", [True, False])
def test_images_of_bytes_are_pixels(given):
    digits = load_digits()
    X = digits.data.astype(np.uint8)[:300]
    X = np.random.default_rng(0).permuted(X, axis=1) if given else X  # no neighbours are alike
    model = classifier(image_shape=(8, 8) if given else None).fit(X, digits.target[:300])
    assert model.network_.features.kind == "pixels"
    np.testing.assert_allclose(model.predict_proba(X), model.predict_proba(X.astype(float)), 1e-4)


@pytest.mark.parametrize(("columns", "top"), [(5, 256), (100, 4), (80, 50), (100, 256)])
def test_tables_of_bytes_are_tables(columns, top):
    X = np.random.default_rng(0).integers(0, top, (200, columns)).astype(np.uint8)
    y = X[:, 0] > top // 2
    expected = classifier(epochs=2).fit(X.astype(np.int64), y).predict_proba(X.astype(np.int64))
    model = classifier(epochs=2).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(X.astype(np.int64)), expected)


def test_numbers_as_they_are():
    X, y = IRIS
    model = classifier(preprocess=None).fit(X, y)
    assert model.network_.features.kind == "raw"
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X > 7, np.nan, X), y)


def test_arrays_of_another_width_are_told_by_the_estimators_name():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = classifier(epochs=1).fit(X.to_numpy(), y)
    with pytest.raises(DataError, match="2 features, but MLPClassifier is expecting 4"):
        model.predict(X.to_numpy()[:, :2])
    model.fit(X, y)
    with pytest.warns(UserWarning, match="but MLPClassifier was fitted with feature") as told:
        model.predict(X.to_numpy())
    assert len(told) == 1


def test_batch_norm_wants_more_than_a_row_at_a_time():
    with pytest.raises(HyperparameterError, match="takes every row for its own mean"):
        classifier(batch_norm=True, batch_size=1).fit(*IRIS)


def test_other_columns_are_named():
    frame, y = mixed_table()
    model = classifier(epochs=2).fit(frame, y)
    with pytest.raises(ValueError, match=r"(?s)twon.*did you mean 'town'"):
        model.predict(frame.rename(columns={"town": "twon"}))
    with pytest.raises(DataError, match="age"):
        model.predict(frame.assign(age="old"))


# Weights


def test_rows_of_weight_zero_are_absent():
    X, y = IRIS
    weight = np.arange(150) % 2
    halves = classifier(epochs=5).fit(X[1::2], y[1::2])
    weighted = classifier(epochs=5).fit(X, y, sample_weight=weight)
    for ours, theirs in zip(weighted.coefs_, halves.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_balanced_classes_count_alike():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 1))
    y = (X[:, 0] + rng.normal(size=600) > 2).astype(int)
    plain = classifier().fit(X, y).predict(X).mean()
    balanced = classifier(class_weight="balanced").fit(X, y).predict(X).mean()
    assert balanced > plain + 0.1


# Judging while training


def test_early_stopping_uses_the_best_epoch():
    X, y = load_breast_cancer(return_X_y=True)
    model = classifier((64,), epochs=200, early_stopping=EarlyStopping(patience=4)).fit(X, y)
    curve = model.history_["val_loss"]
    assert model.status_ == "early_stopped"
    assert model.best_epoch_ == int(np.argmin(curve)) + 1
    assert model.n_epochs_ == len(curve) == model.best_epoch_ + 4
    given = classifier((64,)).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert len(given.history_["val_accuracy"]) == 30
    assert given.score(X[400:], y[400:]) == pytest.approx(given.history_["val_accuracy"][-1])


def test_held_out_rows_are_not_trained_on():
    """Labels by chance can be learned by heart, and only then be known."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 30)), rng.integers(0, 2, 200)
    model = classifier((256,), epochs=100, optimizer=Adam(0.01), validation_fraction=0.5)
    model.fit(X, y)
    assert model.history_["accuracy"][-1] == 1.0
    assert model.history_["val_accuracy"][-1] < 0.7


def test_callbacks_hear_and_answer():
    class StopAfterThree(Callback, name="stop_after_three"):
        def on_epoch_end(self, logs, state):
            return Decision(stop=logs.epoch == 3)

    model = classifier(callbacks=[StopAfterThree()]).fit(*IRIS)
    assert (model.n_epochs_, model.status_) == (3, "early_stopped")
    with pytest.raises(InputError, match="Callback"):
        classifier(callbacks=["loud"]).fit(*IRIS)


# Parameters


def test_nested_parameters_by_name_and_by_object():
    model = classifier(optimizer="sgd")
    assert model.get_params()["optimizer__momentum"] == 0.0
    model.set_params(optimizer__momentum=0.9, lr_schedule="one_cycle", lr_schedule__warm_up=0.1)
    assert model.optimizer == SGD(momentum=0.9)
    assert model.lr_schedule == OneCycle(warm_up=0.1)
    assert clone(model).optimizer == model.optimizer
    swapped = classifier().set_params(optimizer=SGD(), optimizer__learning_rate=0.5)
    assert swapped.optimizer == SGD(0.5)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ({"optimizer__momentun": 0.9, "optimizer": "sgd"}, "momentum"),
        ({"optimzer": "sgd"}, "optimizer"),
    ],
)
def test_unknown_parameters_are_refused_by_name(wrong, nearest):
    model = classifier()
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        model.set_params(**wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"initializer": "glorot"}, "did you mean 'glorot_"),
        ({"loss": "squared_error"}, "softmax_cross_entropy"),
        ({"lr_schedule": "one-cycle"}, "did you mean 'one_cycle'"),
        ({"dropout": 1.0}, r"\[0, 1\)"),
        ({"l2": -1}, r"l2 is -1; expected a number in \[0, inf\)"),
        ({"batch_size": 0}, "a whole number, at least 1, or 'auto'"),
        ({"batch_size": "big"}, "'auto'"),
        ({"epochs": 1.5}, "whole number"),
        ({"precision": "float31"}, "did you mean 'float32'"),
        ({"device": "gpu"}, "auto, cpu"),
        ({"hidden_layer_sizes": (10, 0)}, "at least 1"),
        ({"validation_fraction": 1.5}, r"\(0, 1\)"),
        ({"preprocess": "yes"}, "'auto' or None"),
        ({"early_stopping": EarlyStopping(monitor="val_los")}, "val_loss"),
    ],
)
def test_wrong_parameters_say_what_was_expected(options, message):
    with pytest.raises(InputError, match=message):
        classifier(**options).fit(*IRIS)


def test_hidden_layers_may_be_none_one_or_many():
    shapes = [
        [c.shape for c in classifier(h, epochs=1).fit(*IRIS).coefs_] for h in ((), 7, (3, 2))
    ]
    assert shapes == [[(4, 3)], [(4, 7), (7, 3)], [(4, 3), (3, 2), (2, 3)]]


# Going on


def test_partial_fit_goes_on_where_it_stopped():
    X, y = IRIS
    options = {"lr_schedule": "constant", "epochs": 5, "preprocess": None, "batch_size": 16}
    whole = classifier(**options).fit(X, y)
    parts = classifier(**options)
    for _ in range(5):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    for ours, theirs in zip(parts.coefs_, whole.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert parts.history_["loss"] == pytest.approx(whole.history_["loss"], rel=1e-6)
    late = classifier().partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert late.partial_fit(X, y).predict_proba(X).shape == (150, 3)


def test_warm_start_goes_on_from_the_weights():
    X, y = IRIS
    model = classifier(warm_start=True, epochs=3, optimizer=Adam(0.01)).fit(X, y)
    before = model.history_["loss"]
    again = model.fit(X, y).history_["loss"]
    assert again[0] < before[-1]
    assert model.set_params(optimizer="sgd").fit(X, y).history_["loss"][0] < before[0]


def test_a_failed_fit_leaves_the_model_as_it_was():
    X, y = IRIS
    model = classifier(warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(optimizer=SGD(1e30))
    with pytest.raises(DivergedError, match="learning rate"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_divergence_after_a_good_epoch_keeps_it():
    X, y = IRIS
    options = {"optimizer": SGD(0.1), "lr_schedule": "constant", "preprocess": None}
    options |= {"validation_fraction": 0.1}

    class Spoil(Callback, name="spoil"):
        def on_epoch_end(self, logs, state):
            logs.metrics["loss"][:] = np.nan if logs.epoch == 4 else logs.metrics["loss"]

    model = classifier(callbacks=[Spoil()], early_stopping=True, **options)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch 4.*weights of epoch 2"):
        model.fit(X, y)
    assert model.status_ == "diverged"
    assert 1 <= model.best_epoch_ <= 3


# Beside scikit-learn


def test_repeatable_and_different_by_seed():
    X, y = IRIS
    a, b, c = (
        classifier(random_state=s, dropout=0.2).fit(X, y).predict_proba(X) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_in_scikit_learns_hands():
    X, y = IRIS
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier()),
        {"mlpclassifier__optimizer__learning_rate": [1e-5, 1e-2]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__optimizer__learning_rate": 1e-2}
    assert cross_val_score(regressor(), *load_diabetes(return_X_y=True)).mean() > 0.3


def test_pickle_and_clone():
    X, y = IRIS
    model = classifier().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (IRIS[0], np.zeros(150), "one class, 0.0;"),
        (IRIS[0], np.full(150, "a"), "one class, 'a';"),
        (IRIS[0], np.stack([IRIS[1], IRIS[1]], 1), "1d array.* a column of 0 and 1 for each"),
        (IRIS[0], IRIS[1][:100], "150.*100"),
        (IRIS[0][:0], IRIS[1][:0], "0 sample"),
        (IRIS[0], np.where(IRIS[1] == 0, np.nan, IRIS[1]), "NaN"),
        (IRIS[0].ravel(), IRIS[1], "1D"),
    ],
)
def test_data_that_cannot_be_trained_on(X, y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


def test_targets_that_cannot_be_estimated():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(DataError, match="in all of n_samples = 442"):
        regressor().fit(X, np.full(442, 3.0))
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(X, np.where(y > 300, np.nan, y))
    with pytest.raises(DataError, match=r"holds text .*'few'; expected numbers \(for classes"):
        regressor().fit(X, np.where(y > 300, "many", "few"))


def test_fewer_rows_than_a_batch():
    assert classifier(batch_size=1000).fit(*IRIS).score(*IRIS) > 0.5
    tiny = classifier(early_stopping=True).fit(IRIS[0][::50], IRIS[1][::50])  # three rows
    assert tiny.predict(IRIS[0]).shape == (150,)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_every_precision_trains(precision):
    X, y = IRIS
    model = classifier(precision=precision).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.coefs_[0].dtype == ("float64" if precision == "float64" else "float32")


def test_a_notebook_shows_the_figures_of_the_epoch_whose_weights_are_in_use():
    X, y = load_breast_cancer(return_X_y=True)
    stop = EarlyStopping(patience=3)
    model = MLPClassifier((64,), epochs=60, early_stopping=stop, random_state=0).fit(X, y)
    best = model.best_epoch_
    assert best < model.n_epochs_
    shown = model._html_repr()
    assert f"weights of epoch {best}: loss {model.history_['loss'][best - 1]:.4g}" in shown
    assert f"val_loss {min(model.history_['val_loss']):.4g}" in shown
