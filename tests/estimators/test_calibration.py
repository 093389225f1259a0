"""Temperature scaling of a classifier's probabilities."""

import importlib.util

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError

from wellfit import MLPClassifier, load_model
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.diagnose import verdict
from wellfit.fitting import Compute, run
from wellfit.nn import BatchNorm
from wellfit.transfer import to_numpy

X, Y = make_classification(
    240, 6, n_informative=4, n_classes=3, flip_y=0.2, n_clusters_per_class=1, random_state=1
)
LABELS = np.column_stack([Y == 0, Y > 0, X[:, 0] > 0]).astype(int)
SHARES = 0.9 * np.eye(3)[Y] + 0.1 / 3
GIVEN = {"epochs": 15, "random_state": 0, "precision": "float64", "validation_fraction": 0.25}
CASES = [
    (Y, {}),
    (Y, {"loss": "sigmoid_cross_entropy"}),
    (Y > 0, {"loss": "sigmoid_cross_entropy"}),
    (Y, {"batch_norm": BatchNorm(output=True)}),
    (LABELS, {}),
    (SHARES, {"loss": "softmax_cross_entropy"}),
    (Y, {"n_threads": 1, "hidden_layer_sizes": ()}),
]


def pair(y, **params):
    """Return the same network as it was trained, and calibrated."""
    given = {"hidden_layer_sizes": (8,), **GIVEN, **params}
    plain = MLPClassifier(**given).fit(X, y)
    return plain, MLPClassifier(calibration="temperature", **given).fit(X, y)


def logits(model, rows=X):
    return model.network_.evaluate(
        model.network_.features.encode(rows, np.dtype("float64")), Compute.of(model)
    )


@pytest.mark.parametrize(("y", "params"), CASES)
def test_logits_are_divided_by_the_temperature(y, params):
    plain, calibrated = pair(y, **params)
    assert calibrated.temperature_ > 0
    np.testing.assert_allclose(
        logits(plain) / calibrated.temperature_, logits(calibrated), rtol=1e-9, atol=1e-12
    )
    assert not hasattr(plain, "temperature_")


@pytest.mark.parametrize(("y", "params"), CASES)
def test_no_other_temperature_has_a_lower_log_loss_on_the_validation_rows(y, params):
    plain, calibrated = pair(y, **params)
    targets, held = plain.network_.targets, plain.network_.split.held_out
    encoded = targets.encode(targets.read(y), X)[held]
    z = logits(plain)[held]

    def loss(t):
        outputs = targets.loss.predict(torch.from_numpy(z.T / t)).T.numpy()
        return targets.log_loss(encoded, outputs, 0.1 / (len(held) + 1)).mean()

    found = loss(calibrated.temperature_)
    assert found <= loss(1.0)
    assert all(found <= loss(t) + 1e-9 for t in calibrated.temperature_ * np.geomspace(0.5, 2, 21))


def test_the_likeliest_class_stays():
    plain, calibrated = pair(Y)
    np.testing.assert_array_equal(plain.predict(X), calibrated.predict(X))
    assert not np.allclose(plain.predict_proba(X), calibrated.predict_proba(X))


def test_saved_loaded_exported_the_same(tmp_path):
    _, model = pair(Y, bagging=None)
    loaded = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert (loaded.temperature_, loaded.calibration) == (model.temperature_, "temperature")
    source, *_ = to_numpy(model, tmp_path / "net.py")
    spec = importlib.util.spec_from_file_location("net", source)
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    np.testing.assert_allclose(net.predict_proba(X), model.predict_proba(X), rtol=1e-6)


def test_alone_and_in_a_stack_the_same():
    models = [MLPClassifier((8,), calibration="temperature", l2=l2, **GIVEN) for l2 in (0.0, 0.01)]
    together = run([model.prepare(X, Y) for model in models])
    for model, network in zip(models, together, strict=True):
        alone = clone(model).fit(X, Y)
        assert network.record.temperature == pytest.approx(alone.temperature_, rel=1e-9)


def test_each_network_of_several_has_a_temperature_of_its_own():
    model = MLPClassifier(
        (8,), calibration="temperature", bagging=3, epochs=6, random_state=0
    ).fit(X, Y)
    each = [fold.record.temperature for fold in model.network_.folds]
    assert len(set(each)) == 3
    assert model.temperature_ == pytest.approx(np.mean(each))


def test_rows_are_held_out_for_it():
    model = MLPClassifier((8,), calibration="temperature", early_stopping=False, epochs=2)
    model.fit(X, Y)
    assert len(model.network_.split.held_out) == 24


def test_training_goes_on_from_the_weights_before_calibration():
    plain, calibrated = pair(Y)
    again, other = plain.partial_fit(X, Y), calibrated.partial_fit(X, Y)
    np.testing.assert_allclose(other.predict_proba(X), again.predict_proba(X), rtol=1e-6)
    assert not hasattr(calibrated, "temperature_")


def test_few_rows_that_are_all_classified_correctly_leave_doubt():
    rows = np.linspace(-1, 1, 40)[:, None]
    model = MLPClassifier((8,), calibration="temperature", epochs=200, random_state=0)
    proba = model.fit(rows, rows[:, 0] > 0).predict_proba(rows)
    assert proba.max() < 1 - 1e-6


def test_a_verdict_is_given():
    _, model = pair(Y)
    assert verdict(model, X, Y).name


def test_another_method_is_refused():
    with pytest.raises(HyperparameterError, match=r"calibration is 'platt'; expected 'temper"):
        MLPClassifier(calibration="platt").fit(X, Y)


# By rows of their own, after fit


@pytest.mark.parametrize(
    ("y", "params"),
    [*CASES, (Y, {"bagging": 3, "validation_fraction": None}), (Y, {"n_submodels": 3})],
)
def test_calibrate_finds_the_temperature_of_other_rows(y, params):
    given = {"hidden_layer_sizes": (8,), **GIVEN, **params}
    model = MLPClassifier(**given).fit(X[:160], y[:160])
    plain, answers = logits(model), model.predict(X[:160])
    targets = model.network_.targets
    encoded = targets.encode(targets.read(y[160:]), X[160:])

    def loss():
        outputs = model.outputs(X[160:])
        return targets.log_loss(encoded, outputs, 0.1 / (len(encoded) + 1)).mean()

    before = loss()
    assert model.calibrate(X[160:], y[160:]) is model
    found = model.temperature_
    assert loss() < before or found == 1.0
    if params.get("n_submodels", 1) == 1:
        np.testing.assert_allclose(plain / found, logits(model), rtol=1e-9, atol=1e-12)
        assert (model.predict(X[:160]) == answers).mean() > 0.95  # of averages, a few may change
    for other in (0.9 * found, 1.1 * found):  # no other number is better
        best = loss()
        network = model.network_
        model.network_ = network.tempered(other / found)
        assert loss() >= best - 1e-9
        model.network_ = network


def test_calibrating_twice_is_calibrating_once():
    model = MLPClassifier((8,), **GIVEN, calibration="temperature").fit(X[:160], Y[:160])
    first = model.temperature_
    model.calibrate(X[160:], Y[160:])
    once = MLPClassifier((8,), **GIVEN).fit(X[:160], Y[:160]).calibrate(X[160:], Y[160:])
    assert model.temperature_ == pytest.approx(once.temperature_, rel=1e-3) != first
    np.testing.assert_allclose(model.predict_proba(X), once.predict_proba(X), atol=1e-4)


def test_calibrated_rows_count_by_weight(tmp_path):
    model = MLPClassifier((8,), **GIVEN).fit(X[:160], Y[:160])
    weight = np.repeat([1.0, 0.0], [40, 40])
    model.calibrate(X[160:], Y[160:], sample_weight=weight)
    other = MLPClassifier((8,), **GIVEN).fit(X[:160], Y[:160]).calibrate(X[160:200], Y[160:200])
    assert model.temperature_ == pytest.approx(other.temperature_)
    loaded = load_model(model.save(tmp_path / "model"))
    assert loaded.temperature_ == model.temperature_
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_what_cannot_calibrate_is_refused():
    model = MLPClassifier((8,), epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        model.calibrate(X, Y)
    model.fit(X, Y)
    with pytest.raises(DataError, match="X has 240 rows and y has 3"):
        model.calibrate(X, Y[:3])
    with pytest.raises(DataError, match="labels unseen in training"):
        model.calibrate(X[:2], [0, 9])


def test_calibrating_probabilities_drops_sets_of_others():
    model = MLPClassifier((8,), epochs=2, conformal="split", random_state=0).fit(X, Y)
    model.calibrate(X[:50], Y[:50])
    with pytest.raises(InputError, match="isn't calibrated for sets"):
        model.predict_set(X)
