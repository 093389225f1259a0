"""The network of a table whose layers no parameter describes."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import HyperparameterError
from wellfit.estimators import table_defaults
from wellfit.nn import Dropout, SubmodelMean
from wellfit.optim import L2, Adam
from wellfit.transfer import Pretrained

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
DATA = {MLPClassifier: IRIS, MLPRegressor: DIABETES}
QUICK = {"epochs": 2, "random_state": 0, "n_threads": 1, "validation_folds": None}
both = pytest.mark.parametrize("cls", DATA)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Tables of few rows, as of many."""
    monkeypatch.setattr(table_defaults, "FEW_ROWS", 20)


def member(cls=MLPClassifier, X=None, y=None, **params):
    """What would be trained, without training it."""
    data = DATA[cls] if X is None else (X, y)
    return cls(**QUICK, **params).prepare(*data).member


def sizes(network):
    return [shape.columns for shape in network.parameters.shapes if shape.weight_rows]


@both
def test_a_table_gets_narrow_submodels_and_a_training_that_suits_them(cls):
    found = member(cls)
    assert found.network.logit_rows == 6
    assert sizes(found.network)[:-1] == [128, 128]
    assert found.optimizer == Adam(0.003)
    assert found.penalties == (L2(0.1, decoupled=True),)
    rates = [layer.rate for layer in found.network.layers if isinstance(layer, Dropout)]
    assert rates == ([0.1, 0.1] if cls is MLPClassifier else [])


@pytest.mark.parametrize(("rows", "networks"), [(999, 1), (1000, 6)])
def test_few_rows_have_one_wide_network(rows, networks, monkeypatch):
    monkeypatch.undo()
    X = np.arange(2.0 * rows).reshape(rows, 2)
    found = member(MLPRegressor, X, X[:, 0], early_stopping=False)
    assert found.network.logit_rows == networks


@both
def test_what_is_given_wins(cls):
    found = member(cls, dropout=0.3, learning_rate=0.01, l2=0.5)
    assert (found.optimizer.learning_rate, found.penalties) == (0.01, (L2(0.5),))
    rates = [layer.rate for layer in found.network.layers if isinstance(layer, Dropout)]
    assert rates == [0.3, 0.3]
    assert found.network.logit_rows == 6


ONE = {
    "sizes": {"hidden_layer_sizes": (256, 256)},
    "linear": {"hidden_layer_sizes": ()},
    "layers": {"layers": [8]},
    "one": {"n_submodels": 1},
    "sgd": {"optimizer": "sgd"},
    "rate of the rule's own": {"optimizer": Adam(0.01)},
    "minimizer": {"optimizer": "lbfgs"},
    "fast": {"preset": "fast"},
    "numbers as they are": {"preprocess": None},
}


@pytest.mark.parametrize("name", ONE)
def test_a_network_that_parameters_describe_is_one(name):
    found = member(**ONE[name])
    assert found.network.logit_rows == 1
    assert not found.penalties
    if isinstance(found.optimizer, Adam) and "rate" not in name:
        assert found.optimizer == Adam()
    if not {"hidden_layer_sizes", "layers"} & ONE[name].keys():
        assert sizes(found.network)[:-1] == [256, 256]


def test_images_have_one_wide_network():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    for X in (rng.integers(0, 256, (40, 64), dtype=np.uint8), rng.normal(size=(40, 64))):
        found = member(X=X, y=y)
        assert (found.network.logit_rows, sizes(found.network)) == (1, [256, 256, 2])
    assert member(X=rng.normal(size=(40, 63)), y=y).network.logit_rows == 6


def test_predictions_that_have_no_mean_are_one_networks(monkeypatch):
    assert member(loss="sigmoid_cross_entropy").network.logit_rows == 6
    monkeypatch.setattr("wellfit.nn.submodels.link_of", lambda loss: None)
    assert member(loss="sigmoid_cross_entropy").network.logit_rows == 1


def test_several_that_are_asked_for_keep_the_width_and_the_training_of_one():
    found = member(n_submodels=2)
    assert (found.network.logit_rows, sizes(found.network)[:2]) == (2, [256, 256])
    assert (found.optimizer, found.penalties) == (Adam(), ())


def test_partial_fit_begins_with_one_network():
    model = MLPClassifier(**QUICK).partial_fit(*IRIS, classes=[0, 1, 2])
    assert model.network_.n_submodels == 1


@both
def test_training_goes_on_from_submodels(cls, tmp_path):
    X, y = DATA[cls]
    model = cls(**QUICK, warm_start=True).fit(X, y)
    assert model.get_params()["n_submodels"] == model.get_params()["l2"] == "auto"
    before = model.history_["loss"]
    loaded = load_model(model.save(tmp_path / "model"))
    assert loaded.get_params()["hidden_layer_sizes"] == "auto"
    for again in (model, loaded):
        assert again.fit(X, y).network_.n_submodels == 6
        assert again.history_["loss"][-1] < before[0]
        again.partial_fit(X, y)
    with pytest.raises(HyperparameterError, match=r"hidden_layer_sizes is \(64,\), and the weigh"):
        model.set_params(hidden_layer_sizes=(64,)).fit(X, y)


def test_layers_of_another_model_keep_their_sizes():
    X, y = IRIS
    model = MLPClassifier((7, 5), **QUICK).fit(X, y)
    found = member(pretrained=Pretrained(model, n_layers=1))
    assert (found.network.logit_rows, sizes(found.network)) == (1, [7, 5, 3])


@pytest.mark.parametrize("kind", ["tabm", "mini", "packed"])
@both
def test_coefs_are_of_one_network_with_all_units_side_by_side(cls, kind):
    X, y = DATA[cls]
    X = StandardScaler().fit_transform(X)
    params = {"submodels": kind, "preprocess": None, "numeric_embedding": None}
    model = cls((5, 4), n_submodels=3, learning_rate=0.05, **QUICK, **params).fit(X, y)
    h = X
    for weight, bias in zip(model.coefs_, model.intercepts_, strict=True):
        z = h @ weight + bias
        h = np.maximum(z, 0)
    assert [weight.shape[1] for weight in model.coefs_[:-1]] == [15, 12]
    assert (model.coefs_[1] == 0).mean() == pytest.approx(2 / 3)
    z = z.reshape(len(X), 3, -1)
    assert isinstance(model.network_.layers[-1], SubmodelMean)
    if cls is MLPRegressor:
        scale = model.network_.targets.scale
        mean = z.mean(1)[:, 0] * scale.scale_ + scale.mean_
        np.testing.assert_allclose(model.predict(X), mean, rtol=1e-4)
        return
    shares = np.exp(z - z.max(2, keepdims=True))
    shares = (shares / shares.sum(2, keepdims=True)).mean(1)
    np.testing.assert_allclose(model.predict_proba(X), shares, atol=1e-5)
