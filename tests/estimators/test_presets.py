"""Presets: named defaults that constructors take, get_params shows and set_params changes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import HyperparameterError
from wellfit.estimators import presets
from wellfit.estimators.presets import PRESETS

KINDS = [MLPClassifier, MLPRegressor]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A preset of a few values, beside those that there are."""
    values = {"epochs": 3, "hidden_layer_sizes": (8,), "class_weight": "balanced"}
    monkeypatch.setattr(presets, "PRESETS", {**PRESETS, "small": values})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_holds_parameters_that_an_estimator_has_and_allows(kind, preset):
    model = kind(preset=preset)
    own = {name: v for name, v in PRESETS[preset].items() if name in kind.declared_parameters}
    assert {name: getattr(model, name) for name in own} == own
    for name, each in kind.declared_parameters.items():
        each.check(name, getattr(model, name))
    known = {*MLPClassifier.declared_parameters, *MLPRegressor.declared_parameters}
    assert PRESETS[preset].keys() <= known
    assert preset in kind.declared_parameters["preset"].choices


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_preset_predicts_by_several_networks(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = X[:, 0] > 0 if kind is MLPClassifier else X[:, 0]
    model = kind((8,), preset="best", epochs=3, random_state=0).fit(X, y)
    assert model.network_.weights.members == model.bagging == 8
    assert model.score(X, y) > 0.0
    assert clone(model).get_params() == model.get_params()


def test_parameters_that_only_one_kind_has_are_left_out_of_the_other():
    assert MLPClassifier(preset="small").class_weight == "balanced"
    assert not hasattr(MLPRegressor(preset="small"), "class_weight")


def test_what_is_given_explicitly_wins():
    model = MLPRegressor(preset="small", epochs=7)
    assert (model.epochs, model.hidden_layer_sizes) == (7, (8,))
    # The default, too, where it is given.
    default = MLPRegressor.declared_parameters["hidden_layer_sizes"].default
    model = MLPRegressor(default, preset="small")
    assert model.hidden_layer_sizes == default


@pytest.mark.parametrize("kind", KINDS)
def test_clone_keeps_the_preset_and_what_was_changed_since(kind):
    model = kind(preset="small").set_params(epochs=9)
    assert clone(model).get_params() == model.get_params()
    assert clone(model).epochs == 9


def test_set_params_puts_another_preset_in_place_of_the_present_one():
    model = MLPRegressor(preset="small", epochs=7).set_params(preset="default")
    assert (model.epochs, model.hidden_layer_sizes) == (7, MLPRegressor().hidden_layer_sizes)
    model = MLPRegressor(dropout=0.3).set_params(preset="small")
    assert (model.epochs, model.dropout) == (3, 0.3)
    model = MLPRegressor().set_params(preset="small", hidden_layer_sizes=(16,))
    assert (model.epochs, model.hidden_layer_sizes) == (3, (16,))


def test_a_search_can_choose_among_presets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    search = GridSearchCV(MLPRegressor(epochs=2), {"preset": ["fast", "default"]}, cv=2)
    assert search.fit(X, X[:, 0]).best_params_["preset"] in PRESETS


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_preset_is_refused_with_the_nearest_one(kind):
    model = kind(preset="fsat")
    with pytest.raises(HyperparameterError, match=r"'fsat'.*did you mean 'fast'"):
        model.fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(HyperparameterError, match="'fsat'"):
        MLPRegressor().set_params(preset="fsat").fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(HyperparameterError, match="preset"):
        MLPRegressor(preset=3).fit([[0.0], [1.0]], [0, 1])


def test_a_saved_model_has_its_preset(tmp_path):
    model = MLPRegressor(preset="fast", epochs=2, random_state=0)
    model.fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert (loaded.preset, loaded.epochs) == ("fast", 2)
