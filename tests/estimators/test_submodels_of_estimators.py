"""Submodels, as estimators take them."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from stacked_folds import FOLDS, scores_alone, scores_of, stack_sizes

from engine import every
from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.diagnose import check, layer_values, verdict
from wellfit.fitting import Compute
from wellfit.model_selection import MLPEnsembleRegressor, SearchCV
from wellfit.nn import Dropout, Quantile, SubmodelMean, TabM
from wellfit.training import Checkpoint
from wellfit.transfer import MLPAutoencoder, Pretrained, SiamesePretraining

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
QUICK = {
    "hidden_layer_sizes": (8,),
    "epochs": 3,
    "random_state": 0,
    "early_stopping": False,
    "n_threads": 1,
}
KINDS = [kind.name for kind in every("submodels")]
kinds = pytest.mark.parametrize("kind", KINDS)
both = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, IRIS), (MLPRegressor, DIABETES)], ids=["class", "number"]
)


def fitted(cls=MLPRegressor, data=DIABETES, **params):
    return cls(**{**QUICK, "n_submodels": 3, **params}).fit(*data)


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@both
@kinds
def test_it_learns(cls, data, kind):
    params = {"epochs": 40, "learning_rate": 0.01, "early_stopping": True, "n_submodels": 8}
    model = fitted(cls, data, submodels=kind, hidden_layer_sizes=(32,), **params)
    assert model.score(*data) > (0.95 if cls is MLPClassifier else 0.5)
    assert "val_loss" in model.history_


@both
def test_one_submodel_is_the_plain_network(cls, data):
    plain = cls(**QUICK).fit(*data)
    for kind in KINDS:
        one = fitted(cls, data, n_submodels=1, submodels=kind)
        assert one.network_.layers == plain.network_.layers
        np.testing.assert_array_equal(outputs(one, data[0]), outputs(plain, data[0]))


@both
@kinds
def test_the_mean_of_submodels_predicts(cls, data, kind):
    model, X = fitted(cls, data, submodels=kind), data[0]
    each = model.network_.separate_outputs(X, Compute.of(model))
    assert each.shape == (3, len(X), model.network_.weights.network.outputs)
    np.testing.assert_allclose(each.mean(axis=0), model.outputs(X), rtol=1e-4, atol=1e-6)
    spread = model.predict_std(X)
    if cls is MLPRegressor:
        expected = each[..., 0].std(axis=0) * model.network_.targets.scale.scale_
    else:
        expected = each.std(axis=0)[np.arange(len(X)), model.outputs(X).argmax(axis=1)]
    np.testing.assert_allclose(spread, expected, rtol=1e-3, atol=1e-5)


def test_spreads_have_the_shape_of_predictions():
    X, y = DIABETES
    two = fitted(data=(X, np.stack([y, -y], axis=1)))
    assert two.predict_std(X).shape == two.predict(X).shape == (442, 2)
    labels = fitted(MLPClassifier, (X, np.stack([y > 100, y > 200], axis=1).astype(int)))
    assert labels.predict_std(X).shape == (442, 2)
    single = fitted(MLPClassifier, (X, y > 150), loss="sigmoid_cross_entropy")
    assert single.predict_std(X).shape == (442,)
    assert (single.predict_std(X) <= 0.5).all()


def test_one_network_has_no_spread():
    for model, data in ((MLPRegressor, DIABETES), (MLPClassifier, IRIS)):
        with pytest.raises(HyperparameterError, match="n_submodels is 1, and one network has no"):
            model(**QUICK).fit(*data).predict_std(data[0])


@both
@kinds
def test_saved_models_predict_the_same_and_go_on(cls, data, kind, tmp_path):
    X, y = data
    model = fitted(cls, data, submodels=kind, numeric_embedding="piecewise_linear")
    # Softmax rounds by the number of threads, which is no part of a model.
    again = load_model(model.save(tmp_path / "model")).set_params(n_threads=1)
    np.testing.assert_array_equal(outputs(again, X), outputs(model, X))
    np.testing.assert_array_equal(again.predict_std(X), model.predict_std(X))
    for each in (model, again):
        each.set_params(warm_start=True, epochs=1, random_state=0).fit(X, y)
        each.partial_fit(X, y)
    np.testing.assert_allclose(outputs(again, X), outputs(model, X), rtol=1e-3, atol=1e-4)
    with pytest.raises(HyperparameterError, match="n_submodels is 2, and the weights to go on"):
        model.set_params(n_submodels=2).fit(X, y)


def test_a_checkpoint_goes_on(tmp_path):
    whole = fitted(epochs=4, callbacks=[Checkpoint(tmp_path, every=2, keep=9)])
    first = sorted(tmp_path.iterdir())[0]
    again = MLPRegressor(**{**QUICK, "epochs": 4, "n_submodels": 3})
    again.set_params(callbacks=whole.callbacks).fit(*DIABETES, resume_from=first)
    np.testing.assert_array_equal(again.predict(DIABETES[0]), whole.predict(DIABETES[0]))


@kinds
def test_a_weight_is_a_number_of_rows(kind):
    X, y = (each[::3] for each in IRIS)
    counts = np.random.default_rng(0).integers(0, 3, len(y))
    params = {"preprocess": None, "batch_size": 1000, "optimizer": "sgd", "shuffle": False}
    params |= {"precision": "float64", "dropout": 0.0, "submodels": kind}
    model = MLPClassifier(**{**QUICK, "n_submodels": 3, **params})
    weighted = clone(model).fit(X, y, sample_weight=counts)
    repeated = clone(model).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X))


@kinds
def test_folds_and_candidates_share_a_stack(kind, monkeypatch):
    sizes = stack_sizes(monkeypatch)
    # A column that jumps in one fold only would keep that fold apart.
    model = MLPRegressor(
        **QUICK, n_submodels=3, submodels=kind, numeric_embedding="piecewise_linear"
    )
    X, y = DIABETES
    search = SearchCV(model, {"learning_rate": [0.001, 0.003]}, cv=FOLDS, refit=False)
    search.fit(X, y)
    assert sizes == [6]
    alone = scores_alone(model, search.cv_results_["params"][1], X, y)
    np.testing.assert_allclose(scores_of(search, 1), alone, rtol=1e-3, atol=1e-4)


def test_their_number_and_kind_are_searched():
    space = {"n_submodels": [1, 2], "submodels": ["mini", TabM(start="normal")]}
    search = SearchCV(MLPRegressor(**QUICK), space, cv=2).fit(*DIABETES)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    ensemble = MLPEnsembleRegressor(fitted(), n_estimators=2, random_state=0).fit(*DIABETES)
    assert (ensemble.predict_std(DIABETES[0]) > 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {"batch_norm": True, "dropout": 0.2},
        {"optimizer": "lbfgs"},
        {"precision": "bfloat16"},
        {"max_norm": 1.0, "l2": 0.01, "gradient_clipping": 1.0, "ema_decay": 0.9},
        {"optimizer": "muon"},
        {"loss": Quantile((0.1, 0.5, 0.9))},
        {"loss": "poisson"},
        {"output_activation": "relu"},
        {"layers": []},
        {"layers": [6, Dropout(0.1)]},
        {"input_dropout": 0.1, "input_noise": 0.1},
        {"augment": "mixup"},
    ],
    ids=str,
)
@kinds
def test_other_parameters_go_with_them(kind, params):
    model = fitted(submodels=kind, **params)
    assert np.isfinite(model.predict(DIABETES[0])).all()
    assert model.predict_std(DIABETES[0]).max() > 0
    assert isinstance(model.network_.layers[-1], SubmodelMean)


def test_columns_of_text_and_pruning():
    table = pd.DataFrame(DIABETES[0]).assign(kind=np.resize(["a", "b", "c"], 442))
    table.columns = table.columns.astype(str)
    model = fitted(data=(table, DIABETES[1]), numeric_embedding="piecewise_linear")
    before = model.predict(table)
    np.testing.assert_allclose(model.prune().predict(table), before, rtol=1e-4)
    assert model.prune(share=0.5).sparsity_ == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "n_submodels is 0; expected a whole number, at least 1"),
        (-2, "n_submodels is -2; expected a whole number, at least 1"),
        (2.0, "n_submodels is 2.0; expected a whole number, at least 1"),
        (True, "n_submodels is True; expected a whole number, at least 1"),
        ("4", "n_submodels is '4'; expected a whole number, at least 1"),
    ],
)
def test_numbers_of_submodels_that_cannot_be_meant(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        fitted(n_submodels=given)


def test_what_does_not_go_with_them_is_refused():
    with pytest.raises(UnknownNameError, match=r"submodels 'tabn'; did you mean 'tabm'\?"):
        fitted(submodels="tabn")
    with pytest.raises(HyperparameterError, match="start of submodels 'tabm' is 'sign'"):
        fitted(submodels=TabM("sign"))
    model = fitted()
    with pytest.raises(HyperparameterError, match="n_submodels is 3, and the layers of a pretra"):
        fitted(pretrained=Pretrained(MLPRegressor(**QUICK).fit(*DIABETES)))
    with pytest.raises(InputError, match="the pretrained model has 3 submodels, of which none"):
        fitted(pretrained=Pretrained(model), n_submodels=1)
    with pytest.raises(InputError, match="each of 3 submodels has values of its own"):
        layer_values(model, *DIABETES)
    for other in (MLPAutoencoder, SiamesePretraining):
        with pytest.raises((TypeError, InputError), match="n_submodels"):
            other(n_submodels=2)
    with pytest.raises(InputError, match="a network of"):  # too large for any memory
        fitted(n_submodels=10**9)


@both
@pytest.mark.usefixtures("few_trees")
def test_checks_verdicts_and_figures_take_them(cls, data):
    X, y = data
    model = fitted(cls, data, epochs=5)
    found = check(cls(**QUICK, n_submodels=3), X, y)
    assert all(finding.outcome.name != "FAIL" for finding in found.findings), found
    assert "gradients" in {finding.check for finding in found.findings}
    assert str(verdict(model, X, y))
    for figure in ("network", "weights", "learning_curve"):
        getattr(model.plot, figure)()
    plt.close("all")


def test_set_params_reaches_their_settings():
    model = MLPRegressor(n_submodels=4).set_params(submodels__start="normal")
    assert clone(model).submodels == TabM(start="normal")
    assert model.get_params()["submodels__start"] == "normal"
    normal, signs = (
        fitted(submodels=TabM(start=each), numeric_embedding=None) for each in ("normal", "signs")
    )
    assert not torch.equal(normal.network_.parameters[1], signs.network_.parameters[1])


@both
def test_bagging_and_calibration_go_with_them(cls, data):
    X = data[0]
    bagged = fitted(cls, data, bagging=2)
    each = bagged.network_.separate_outputs(X, Compute.of(bagged))
    assert len(each) == 2 * 3
    np.testing.assert_allclose(each.mean(axis=0), bagged.outputs(X), rtol=1e-4, atol=1e-6)
    assert (bagged.predict_std(X) > 0).all()
    assert (fitted(cls, data, bagging=2, n_submodels=1).predict_std(X) > 0).all()


def test_a_temperature_is_the_best_for_the_mean_of_probabilities():
    X, y = IRIS
    params = {"calibration": "temperature", "epochs": 10, "learning_rate": 0.05}
    model = fitted(MLPClassifier, IRIS, validation_fraction=0.4, **params)
    network, held_out = model.network_, model.network_.split.held_out
    losses = []
    for by in (0.95, 1.0, 1.05):
        outputs = network.tempered(by).outputs(X[held_out], Compute.of(model))
        smoothing = 0.1 / (len(held_out) + 1)  # a tenth of a row of no class in particular
        losses.append(network.targets.log_loss(y[held_out], outputs, smoothing).mean())
    assert network.record.temperature != 1.0
    assert min(losses) == losses[1]
