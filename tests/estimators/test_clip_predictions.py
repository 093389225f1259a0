"""Predictions of regressors kept within the range of the training targets."""

import importlib.util

import numpy as np
import pytest
import torch
from sklearn.base import clone

from wellfit import MLPRegressor, load_model
from wellfit.core.errors import InputError
from wellfit.model_selection import GridSearchCV
from wellfit.transfer import network_input, to_keras, to_numpy, to_onnx, to_torch, write_torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X @ [2.0, -1.0]
FAR = np.array([[9.0, -9.0], [-9.0, 9.0], [0.1, 0.2]])
TWO = np.column_stack([Y, Y**2])


def fitted(y=Y, **params):
    given = {"early_stopping": False, "epochs": 8, "random_state": 0, "learning_rate": 0.02}
    return MLPRegressor((8,), clip_predictions=True, **{**given, **params}).fit(X, y)


@pytest.mark.parametrize("y", [Y, TWO])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson"])
def test_predictions_are_those_of_the_network_within_the_range(y, loss):
    y = np.abs(y) if loss == "poisson" else y
    model = fitted(y, loss=loss)
    plain = clone(model).set_params(clip_predictions=False).fit(X, y)
    free = plain.predict(FAR)
    assert (free > y.max(axis=0)).any()
    np.testing.assert_array_equal(model.predict(FAR), np.clip(free, y.min(axis=0), y.max(axis=0)))


def test_the_range_is_that_of_the_training_rows():
    model = fitted(validation_fraction=0.5, early_stopping=True)
    train = Y[model.network_.split.train]
    low, high = model.network_.targets.range[:, 0]
    assert (low, high) == (train.min(), train.max())
    assert (low, high) != (Y.min(), Y.max())


def test_the_range_of_folds_is_that_of_all_rows():
    model = fitted(bagging=2, early_stopping=True)
    assert model.network_.targets.range.ravel().tolist() == [Y.min(), Y.max()]
    assert model.predict(FAR).max() <= Y.max()


def test_quantiles_may_lie_beyond():
    model = fitted(loss="quantile")
    assert model.network_.targets.range is None
    plain = clone(model).set_params(clip_predictions=False).fit(X, Y)
    np.testing.assert_array_equal(model.predict(FAR), plain.predict(FAR))


def test_more_rows_widen_the_range():
    model = MLPRegressor((8,), clip_predictions=True, random_state=0)
    model.partial_fit(X, Y).partial_fit(X, 3 * Y)
    assert model.network_.targets.range.ravel().tolist() == [3 * Y.min(), 3 * Y.max()]
    model.set_params(clip_predictions=False).partial_fit(X, Y)
    assert model.network_.targets.range is None
    model.set_params(clip_predictions=True, warm_start=True, early_stopping=False).fit(X, Y)
    assert model.network_.targets.range.ravel().tolist() == [Y.min(), Y.max()]


@pytest.mark.parametrize("y", [Y, TWO])
def test_saved_loaded_and_exported_the_same(y, tmp_path):
    model = fitted(y)
    expected = model.predict(FAR)
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(FAR), expected)
    assert loaded.clip_predictions is True
    net = _source(to_numpy(model, tmp_path / "net.py")[0], "net")
    np.testing.assert_allclose(net.predict(FAR), expected, rtol=1e-5)
    given = torch.from_numpy(network_input(model, FAR))
    for network in (to_torch(model), _torch(model, tmp_path)):
        outputs = network(given).detach().numpy()
        np.testing.assert_allclose(outputs.reshape(expected.shape), expected, rtol=1e-5)


def _source(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _torch(model, folder):
    return _source(write_torch(model, folder / "built.py")[0], "built").network()


def test_onnx_computes_it():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = fitted()
    session = runtime.InferenceSession(to_onnx(model).SerializeToString())
    names = [each.name for each in session.get_inputs()]
    assert len(names) == 1
    (found,) = session.run(None, {names[0]: FAR.astype(_type(session))})
    np.testing.assert_allclose(found.ravel(), model.predict(FAR), rtol=1e-5)


def _type(session):
    return {"tensor(float)": np.float32, "tensor(double)": np.float64}[
        session.get_inputs()[0].type
    ]


def test_formats_that_cannot_clip_refuse(tmp_path):
    with pytest.raises(InputError, match="Keras can't keep predictions within a range"):
        to_keras(fitted(), tmp_path / "net.keras")


def test_a_search_may_compare_both():
    search = GridSearchCV(
        MLPRegressor((8,), epochs=3, random_state=0), {"clip_predictions": [False, True]}, cv=2
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    for place, clips in enumerate((False, True)):
        alone = GridSearchCV(
            MLPRegressor((8,), epochs=3, random_state=0, clip_predictions=clips), {}, cv=2
        ).fit(X, Y)
        assert alone.best_score_ == pytest.approx(scores[place])
    assert scores[1] >= scores[0]


def test_only_true_or_false():
    with pytest.raises(InputError, match="clip_predictions"):
        MLPRegressor(clip_predictions="yes").fit(X, Y)
