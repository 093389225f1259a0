"""``bagging="auto"``: which fits average the networks of folds, and which keep a single one."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError
from wellfit.estimators import auto_bagging, table_defaults
from wellfit.estimators.auto_bagging import bagging_of
from wellfit.model_selection import SearchCV
from wellfit.nn import Dropout
from wellfit.optim import L2, Adam
from wellfit.training import Callback, Checkpoint
from wellfit.transfer import Pretrained

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
DATA = {MLPClassifier: IRIS, MLPRegressor: DIABETES}
QUICK = {"epochs": 2, "random_state": 0, "n_threads": 1}
both = pytest.mark.parametrize("cls", DATA)


class Kills(Callback):
    """Ends a training by an error in its second epoch."""

    def on_epoch_end(self, logs, state):
        if logs.epoch == 2:
            raise RuntimeError("killed")


def sizes(network):
    return [shape.columns for shape in network.parameters.shapes if shape.weight_rows][:-1]


@both
def test_a_table_gets_the_average_of_eight_narrow_networks(cls):
    model = cls(**QUICK).fit(*DATA[cls])
    network = model.network_
    assert (network.n_networks, network.n_submodels) == (8, 1)
    assert sizes(network.weights.network) == [128, 128]
    assert model.get_params()["bagging"] == "auto"
    assert not np.isnan(network.oob).any()


@both
@pytest.mark.parametrize("few", [True, False])
def test_many_rows_have_a_training_that_suits_them(cls, few, monkeypatch):
    monkeypatch.setattr(table_defaults, "FEW_ROWS", 1000 if few else 20)
    X, y = DATA[cls]
    member = cls(**QUICK).fit(X, y).network_.members[0].weights
    trained = cls(**QUICK, callbacks=[seen := Seen()]).fit(X, y) and seen.members[0]
    assert trained.network.size == member.network.size
    assert trained.optimizer == (Adam() if few else Adam(0.003))
    assert trained.penalties == (() if few else (L2(0.1, decoupled=True),))
    rates = [layer.rate for layer in trained.network.layers if isinstance(layer, Dropout)]
    assert rates == ([] if cls is MLPRegressor and not few else [0.1, 0.1])


class Seen(Callback):
    """Remembers which members are trained."""

    def on_train_begin(self, run, state):
        type(self).members = run.members


SINGLE = {
    "no bagging": {"bagging": None},
    "a share of rows": {"validation_fraction": 0.2},
    "folds that validate": {"validation_folds": 3},
    "rows held out": {"validation_folds": None},
    "all epochs": {"early_stopping": False},
    "warm start": {"warm_start": True},
    "sizes": {"hidden_layer_sizes": (8,)},
    "layers": {"layers": [8]},
    "submodels": {"n_submodels": 2},
    "optimizer": {"optimizer": "sgd"},
    "fast": {"preset": "fast"},
    "numbers as they are": {"preprocess": None},
    "image": {"image_shape": (2, 2)},
    "dask": {"processes": "dask"},
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_parameter_that_describes_a_single_network_gets_it(name):
    model = MLPClassifier(**QUICK, **SINGLE[name])
    assert bagging_of(model, IRIS[0], given=False) is None


def test_networks_that_begin_elsewhere_are_single():
    source = MLPClassifier((8,), **QUICK).fit(*IRIS)
    assert bagging_of(MLPClassifier(pretrained=Pretrained(source)), IRIS[0], given=False) is None
    assert bagging_of(MLPClassifier(), IRIS[0], given=True) is None
    assert MLPClassifier(**QUICK).partial_fit(*IRIS, classes=[0, 1, 2]).network_.n_networks == 1
    X, y = IRIS
    assert MLPClassifier(**QUICK).fit(X, y, X_val=X[::5], y_val=y[::5]).network_.n_networks == 1


@pytest.mark.parametrize(("rows", "folds"), [(19, None), (20, 8), (100, 8), (101, None)])
def test_too_few_and_too_many_rows_have_a_single_network(rows, folds, monkeypatch):
    monkeypatch.setattr(auto_bagging, "_MOST_ROWS", 100)
    assert bagging_of(MLPRegressor(), np.zeros((rows, 2)), given=False) == folds


def test_images_and_wide_tables_have_a_single_network():
    rng = np.random.default_rng(0)
    assert bagging_of(MLPClassifier(), rng.normal(size=(40, 64)), given=False) is None
    text = pd.DataFrame({f"text {i}": ["a", "b"] * 20 for i in range(70)})
    assert bagging_of(MLPClassifier(), text, given=False) == 8  # columns that aren't numbers


@both
def test_a_number_of_folds_wins(cls):
    model = cls(**QUICK, bagging=3).fit(*DATA[cls])
    assert model.network_.n_networks == 3
    assert sizes(model.network_.weights.network) == [128, 128]


@both
def test_a_killed_training_of_folds_is_resumed_to_the_bit(cls, tmp_path):
    X, y = DATA[cls]
    whole = cls(**QUICK).fit(X, y)
    saves = Checkpoint(str(tmp_path / "run"))
    with pytest.raises(RuntimeError, match="killed"):
        cls(**QUICK, callbacks=[saves, Kills()]).fit(X, y)
    with pytest.raises(HyperparameterError, match="random_state is None: which rows a fold has"):
        cls(epochs=2, callbacks=[saves]).fit(X, y, resume_from=tmp_path / "run")
    again = cls(**QUICK, callbacks=[saves]).fit(X, y, resume_from=tmp_path / "run")
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))
    assert again.history_["loss"] == whole.history_["loss"]


def test_a_search_without_a_space_refits_as_a_fit_would():
    search = SearchCV(MLPClassifier(**QUICK), n_iter=1, cv=2, random_state=0).fit(*IRIS)
    plain = MLPClassifier(**QUICK).fit(*IRIS)
    assert search.best_params_["preset"] == "default"
    np.testing.assert_array_equal(search.predict_proba(IRIS[0]), plain.predict_proba(IRIS[0]))
    own = SearchCV(MLPClassifier(**QUICK), {"hidden_layer_sizes": [(8,)]}, cv=2).fit(*IRIS)
    assert own.best_estimator_.network_.n_networks == 1
