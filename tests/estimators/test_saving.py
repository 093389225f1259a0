"""Law: save -> load -> predict is identical."""

import json

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris
from test_behaviour import classifier, mixed_table, regressor

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import InputError, ModelFileError
from wellfit.estimators import load_model
from wellfit.nn import ELU, BatchNorm
from wellfit.optim import AdamW
from wellfit.training import EarlyStopping

X, Y = load_iris(return_X_y=True)
PIXELS = np.random.default_rng(0).integers(0, 256, (150, 6)).astype(np.uint8)
FRAME, ANSWER = mixed_table(150)
MODELS = {
    "plain": (classifier(epochs=3), X, Y),
    "text labels": (classifier(epochs=3), X, np.array(["a", "b", "c"])[Y]),
    "boolean labels": (classifier(epochs=3), X, Y == 1),
    "several labels": (classifier(epochs=3), X, np.stack([Y == 0, Y == 1], 1).astype(int)),
    "mixed table": (classifier(epochs=3, batch_norm=True), FRAME, ANSWER),
    "pixels": (classifier(epochs=3, dropout=0.2), PIXELS, Y),
    "sparse": (classifier(epochs=3), sparse.csr_array(X), Y),
    "raw": (classifier(epochs=3, preprocess=None), X, Y),
    "float64": (classifier(epochs=3, precision="float64"), X, Y),
    "class weights": (classifier(epochs=3, class_weight={0: 1.0, 1: 2.0, 2: 3.0}), X, Y),
    "one output": (regressor(epochs=3), *load_diabetes(return_X_y=True)),
    "normalized outputs": (
        classifier(epochs=3, batch_norm=BatchNorm(0.95, 1e-3, "after", output=True)),
        X,
        Y,
    ),
    "bounded outputs": (
        regressor(epochs=3, output_activation="tanh"),
        X,
        np.sin(np.arange(150.0)),
    ),
    "outputs from 0": (
        regressor(epochs=3, output_activation="relu"),
        *load_diabetes(return_X_y=True),
    ),
    "two outputs": (regressor(epochs=3), X[:, :2], X[:, 2:]),
    "objects": (
        classifier(
            epochs=3,
            optimizer=AdamW(weight_decay=0.1),
            activation=ELU(0.5),
            early_stopping=EarlyStopping(patience=2),
        ),
        X,
        Y,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_is_the_saved_one(name, tmp_path):
    model, x, y = MODELS[name]
    model.fit(x, y)
    loaded = load_model(model.save(tmp_path / "model"))
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    if isinstance(model, MLPClassifier):
        np.testing.assert_array_equal(loaded.predict_proba(x), model.predict_proba(x))
        assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.history_ == model.history_
    for key, value in model.get_params().items():
        if key not in ("callbacks", "device", "random_state", "verbose"):
            np.testing.assert_equal(loaded.get_params()[key], value)
    again = load_model(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_training_goes_on_after_loading(tmp_path):
    model = classifier(epochs=5).fit(X, Y)
    loaded = MLPClassifier.load(model.save(tmp_path / "model"))
    loaded.partial_fit(X, Y)
    assert loaded.history_["loss"][0] < model.history_["loss"][0]
    loaded.set_params(warm_start=True).fit(X, Y)
    assert loaded.score(X, Y) >= model.score(X, Y) - 0.05


def test_what_is_no_such_model_is_refused(tmp_path):
    model = classifier(epochs=1).fit(X, Y)
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="MLPClassifier; expected MLPRegressor"):
        MLPRegressor.load(tmp_path / "model")
    with pytest.raises(ModelFileError):
        MLPClassifier.load(tmp_path / "nothing")
    with pytest.raises(InputError, match="not fitted"):
        classifier().save(tmp_path / "unfitted")
    document = tmp_path / "model" / "model.json"
    document.write_text(json.dumps(json.loads(document.read_text()) | {"format_version": 99}))
    with pytest.raises(ModelFileError):
        MLPClassifier.load(tmp_path / "model")
