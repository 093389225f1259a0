"""Several architectures in one estimator: trained alike, weighed greedily, averaged."""

import signal
from dataclasses import field

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss, mean_squared_error

from hostile import reseal_model
from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import (
    DivergedError,
    HyperparameterError,
    ModelFileError,
    UnknownNameError,
)
from wellfit.estimators.presets import PRESETS
from wellfit.explanation import attribute
from wellfit.fitting import Compute, bagging
from wellfit.fitting.validation import validate_features
from wellfit.inference import read_numpy_model
from wellfit.model_selection import Greedy
from wellfit.training import Callback, EarlyStopping, JSONLines
from wellfit.training.sparse import zero_shares

X, Y = make_regression(60, 4, noise=20.0, random_state=0)
XC, YC = make_classification(60, 4, flip_y=0.1, class_sep=2.0, random_state=2)
OTHERS = [{"numeric_embedding": "periodic", "n_submodels": 2}, {"optimizer__beta_1": 0.5}]
NAMES = ["its own", "numeric_embedding='periodic', n_submodels=2", "optimizer__beta_1=0.5"]
KINDS = (MLPRegressor, MLPClassifier)


def unfitted(kind, **params):
    given = {"bagging": 3, "epochs": 6, "random_state": 0, "precision": "float64", **params}
    return kind((8,), **{"learning_rate": 0.01, "architectures": OTHERS, **given})


def rows_of(kind):
    return (X, Y) if kind is MLPRegressor else (XC, YC)


@pytest.fixture(scope="module")
def models():
    """A fitted estimator of each kind; nobody changes it."""
    return {kind: unfitted(kind).fit(*rows_of(kind)) for kind in KINDS}


@pytest.fixture(scope="module")
def alone():
    """Estimators of each kind with one of the architectures each, by its name."""
    return {
        kind: {
            name: unfitted(kind, architectures=None).set_params(**params).fit(*rows_of(kind))
            for name, params in zip(NAMES, ({}, *OTHERS), strict=True)
        }
        for kind in KINDS
    }


def weights_of(model):
    return {each.name: each.weight for each in model.architectures_}


def predicted(model, rows):
    return model.predict(rows) if isinstance(model, MLPRegressor) else model.predict_proba(rows)


def oob_of(model):
    regresses = isinstance(model, MLPRegressor)
    return model.oob_prediction_ if regresses else model.oob_decision_function_


@pytest.mark.parametrize("kind", KINDS)
def test_the_average_is_that_of_bagged_estimators_alone_by_their_weights(models, alone, kind):
    model, (rows, _), shares = models[kind], rows_of(kind), weights_of(models[kind])
    assert sorted(shares) == sorted(NAMES)
    assert sum(shares.values()) == pytest.approx(1)
    assert len(model.network_.others) > 0, "the test is of nothing if one architecture has it all"
    for of in (lambda one: predicted(one, rows), oob_of):
        expected = sum(share * of(alone[kind][name]) for name, share in shares.items())
        np.testing.assert_allclose(of(model), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_a_greedy_selection_by_out_of_fold_predictions(models, alone, kind):
    y = rows_of(kind)[1]
    loss = mean_squared_error if kind is MLPRegressor else log_loss
    library = np.stack([oob_of(alone[kind][name]) for name in NAMES])
    expected = Greedy().weights(library, lambda mean: -loss(y, mean))
    np.testing.assert_allclose([weights_of(models[kind])[name] for name in NAMES], expected)
    best_first = [each.weight for each in models[kind].architectures_]
    assert best_first == sorted(best_first, reverse=True)


def test_a_monitored_metric_selects():
    model = unfitted(MLPClassifier, scoring="roc_auc").fit(XC, YC)
    assert {each.metric for each in model.architectures_} == {"roc_auc"}
    assert all(0.5 < each.oob <= 1 for each in model.architectures_)
    model = unfitted(MLPClassifier, early_stopping=EarlyStopping(monitor="val_accuracy")).fit(
        XC, YC
    )
    own = next(each for each in model.architectures_ if each.name == "its own")
    assert own.metric == "accuracy"
    assert own.oob * 60 == pytest.approx(round(own.oob * 60))


def test_networks_of_one_shape_share_a_stack(monkeypatch):
    sizes = []

    def counted(group, **kwargs):
        sizes.append(len(group.jobs))
        return train_group(group, **kwargs)

    train_group = bagging.train_group
    monkeypatch.setattr(bagging, "train_group", counted)
    unfitted(MLPRegressor, epochs=1, early_stopping=False).fit(X, Y)
    assert sizes == [6, 3]  # other rates of decay are no other shape


@pytest.mark.parametrize("kind", KINDS)
def test_saved_loaded_and_read_by_numpy_it_predicts_the_same(models, kind, tmp_path):
    table = pd.DataFrame(rows_of(kind)[0], columns=list("abcd"))
    model = unfitted(kind).fit(table, rows_of(kind)[1])
    folder = model.save(tmp_path / "model")
    loaded = load_model(folder)
    np.testing.assert_array_equal(predicted(loaded, table), predicted(model, table))
    assert loaded.architectures_ == model.architectures_
    assert loaded.n_parameters_ == model.n_parameters_
    assert loaded.get_params()["architectures"] == tuple(OTHERS)
    read = read_numpy_model(folder)
    found = read.predict(table) if kind is MLPRegressor else read.predict_proba(table)
    np.testing.assert_allclose(found, predicted(model, table), rtol=1e-7)


def test_the_spread_is_of_all_networks_by_their_shares(models, alone):
    model = models[MLPRegressor]
    several = {name: separate(one) for name, one in alone[MLPRegressor].items()}
    shares = weights_of(model)
    by_network = np.repeat(
        [shares[name] / len(each) for name, each in several.items()], [*map(len, several.values())]
    )
    each = np.concatenate([*several.values()])
    mean = np.average(each, axis=0, weights=by_network)
    expected = np.sqrt(np.average(np.square(each - mean), axis=0, weights=by_network))
    np.testing.assert_allclose(model.predict_std(X), expected, rtol=1e-6)


def separate(model):
    """Return the predictions (n, n_samples) of the networks of one architecture."""
    network, compute = model.network_, Compute.of(model)
    x = validate_features(model, X, network.features)
    return np.stack([network.targets.decode(one) for one in network.separate_outputs(x, compute)])


@pytest.mark.parametrize("kind", KINDS)
def test_attributions_are_of_the_average(models, kind):
    rows = rows_of(kind)[0][:5]
    found = attribute(models[kind], rows, target=None)
    expected = predicted(models[kind], rows)
    expected = expected if kind is MLPRegressor else expected[:, 1]
    np.testing.assert_allclose(found.prediction, expected, rtol=1e-6)
    gap = found.values.sum(axis=1) - (found.prediction - found.baseline)
    np.testing.assert_allclose(gap, 0, atol=1e-4 * np.std(Y))


def test_sets_and_intervals_are_calibrated_by_each_folds_average():
    model = unfitted(MLPRegressor, conformal="cross", loss="squared_error").fit(X, Y)
    network = model.network_
    mean = np.abs(np.asarray(network.oob)[:, 0] * network.targets.scale.scale_[0])
    assert len(network.conformal.array) == len(mean) == 60
    # Of the row's fold alone: what its networks say, by their shares, less the target.
    scores = np.sort(np.abs(network.conformal.array[:, 0, 0]))
    oob = network.targets.decode(network.oob)
    np.testing.assert_allclose(scores, np.sort(np.abs(oob - Y)), rtol=1e-6)
    low, high = model.predict_interval(X, 0.8).T
    assert np.mean((low <= Y) & (high >= Y)) > 0.7


def test_calibration_is_of_the_weighted_average():
    model = unfitted(MLPClassifier, calibration="temperature").fit(XC, YC)
    before = log_loss(YC, model.predict_proba(XC))
    assert model.temperature_ > 0
    assert log_loss(YC, model.calibrate(XC, YC).predict_proba(XC)) < before


def test_pruning_reaches_all_architectures(models):
    network = models[MLPRegressor].network_.pruned(0.0, 0.5)
    zeros = [float(zero_shares(each).mean()) for each in network.stacks]
    np.testing.assert_allclose(zeros, 0.5, atol=0.02)


def test_callbacks_with_files_of_a_single_training_see_its_own_networks(tmp_path):
    log = JSONLines(str(tmp_path / "log.jsonl"))
    counter = Counter()
    model = unfitted(MLPRegressor, callbacks=[log, counter], architectures=OTHERS[:1]).fit(X, Y)
    assert counter.seen == [3, 3]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert len(lines) == 3 * model.n_epochs_ == 3 * len(model.history_["loss"])


class Counter(Callback):
    """Notes how many networks each training has that begins."""

    seen: list = field(default_factory=list)

    def on_train_begin(self, run, state):
        self.seen.append(run.k)


class Interrupting(Callback):
    """Asks for the end, as Ctrl-C does, in the epoch after some have begun."""

    left: list = field()

    def on_epoch_end(self, logs, state):
        self.left[0] -= 1
        if not self.left[0]:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("epochs", "known"), [(2, 1), (8, 2)])
def test_after_ctrl_c_what_has_begun_counts(epochs, known):
    model = unfitted(
        MLPRegressor, architectures=OTHERS[:1], callbacks=[Interrupting(left=[epochs])]
    )
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    assert sum(np.isfinite(each.oob) for each in model.architectures_) == known
    assert np.isfinite(model.predict(X)).all()
    assert model.status_ == "interrupted"


def test_an_architecture_that_diverges_does_not_count():
    too_fast = {"learning_rate": 1e200, "lr_schedule": "constant"}
    with pytest.warns(UserWarning, match="left out, since a network of it diverged"):
        model = unfitted(MLPRegressor, architectures=[too_fast]).fit(X, Y)
    own, lost = model.architectures_
    assert (own.weight, lost.weight) == (1.0, 0.0)
    assert np.isnan(lost.oob)
    with pytest.raises(DivergedError):
        unfitted(MLPRegressor, architectures=[{"dropout": 0.5}], **too_fast).fit(X, Y)


def test_other_embeddings_are_left_out_where_no_column_is_embedded():
    table = pd.DataFrame({"letter": list("abc") * 20})
    model = unfitted(MLPRegressor, architectures=OTHERS[:1]).fit(table, Y)
    assert not hasattr(model, "architectures_")
    model = unfitted(MLPRegressor, architectures=OTHERS[:1], numeric_embedding=None).fit(X, Y)
    assert model.network_.n_networks == 3


def test_parameters_stay_as_given(models):
    model = clone(models[MLPRegressor])
    assert model.architectures == OTHERS
    assert MLPRegressor(preset="best", architectures=None).architectures is None
    MLPRegressor(preset="best").architectures[0]["dropout"] = 0.5
    assert MLPRegressor(preset="best").architectures == PRESETS["best"]["architectures"]


def test_the_notebook_and_the_errors_name_all_networks(models):
    model = models[MLPRegressor]
    page = model._repr_html_()
    count = model.network_.n_networks
    assert f"{model.n_parameters_:,} parameters of {count} networks" in page
    assert "numeric_embedding=&#x27;periodic&#x27;" in page
    with pytest.raises(HyperparameterError, match=f"{count} networks"):
        clone(model).keep(model.network_).partial_fit(X, Y)


@pytest.mark.parametrize(
    ("given", "error", "named"),
    [
        ("periodic", HyperparameterError, "architectures is 'periodic'"),
        ({"dropout": 0.1}, HyperparameterError, "expected a list of mappings"),
        ([{"drop": 0.1}], UnknownNameError, "did you mean 'dropout'"),
        ([{"device": "cpu"}], HyperparameterError, "architectures hold 'device'"),
        ([{"categorical_embedding": None}], HyperparameterError, "read the same rows"),
        ([{"architectures": []}], HyperparameterError, "architectures hold 'architectures'"),
        ([{"dropout": 3}], HyperparameterError, "dropout is 3"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, error, named):
    with pytest.raises(error, match=named):
        unfitted(MLPRegressor, architectures=given).fit(X, Y)


def test_without_folds_there_is_nothing_to_select_by():
    with pytest.raises(HyperparameterError, match="bagging is None"):
        unfitted(MLPRegressor, bagging=None).fit(X, Y)


def moved(place, **changes):
    def change(document):
        document["architectures"][place] |= changes

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (moved(0, weight=2.0), "architectures have the weights"),
        (moved(0, weight=float("nan")), "weight"),
        (moved(1, weight=-0.1), "architectures have the weights"),
        (moved(0, code="x"), "code"),
        (lambda document: document["architectures"].pop(0), "architectures"),
        (lambda document: document.pop("architectures"), "parameters.1"),
        (
            lambda document: document["architectures"][1]["network"].update(inputs=5),
            "parameters.1",
        ),
    ],
)
def test_a_changed_file_is_refused_by_the_name_of_the_field(models, change, named, tmp_path):
    folder = reseal_model(models[MLPRegressor].save(tmp_path / "model"), change)
    with pytest.raises(ModelFileError, match=named):
        load_model(folder)


def test_missing_tensors_are_named(models, tmp_path):
    folder = models[MLPRegressor].save(tmp_path / "model")
    reseal_model(folder, change_tensors=lambda tensors: tensors.pop("statistics.1"))
    with pytest.raises(ModelFileError, match=r"statistics\.1"):
        load_model(folder)
