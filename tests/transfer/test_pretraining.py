"""Layers learned without labels: what they compute, and that networks start from them."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import parametrize_with_checks

from wellfit import MLPClassifier
from wellfit.core.errors import DataError, HyperparameterError
from wellfit.datasets import load
from wellfit.fitting import Compute
from wellfit.fitting.features import dense_numbers
from wellfit.fitting.validation import validate_features
from wellfit.nn import BatchNorm, GaussianNoise, MaskingNoise, Sigmoid
from wellfit.optim import SGD
from wellfit.transfer import (
    AutoencoderPretraining,
    CorruptionPretraining,
    MLPAutoencoder,
    Pretrained,
    RBMPretraining,
)

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks/ is no installed package

from benchmarks.pretraining import compare

SEEDS = 5
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS.astype(np.uint8)
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(50, 20, (300, 5)), columns=list("abcde"))
FRAME["kind"] = np.where(FRAME["a"] > FRAME["b"], "x", "y")
QUICK = {"random_state": 0, "n_threads": 1}
# They allow differences of 1e-7, and float32's products round by a row's place and their shape.
IN_FLOAT64 = {"check_methods_sample_order_invariance", "check_methods_subset_invariance"}


def encoded(pretraining, rows):
    """Rows as the first layer sees them."""
    x = validate_features(pretraining, rows, pretraining.features_)
    dtype = Compute.of(pretraining).numpy_dtype
    return dense_numbers(pretraining.features_.encode(x, dtype), pretraining.features_.pixel_max)


@pytest.mark.no_cover  # other tests run the same lines
@parametrize_with_checks(
    [
        AutoencoderPretraining((8, 4), epochs=2),
        RBMPretraining((8, 4), n_iter=2),
        CorruptionPretraining((8, 4), epochs=2),
    ]
)
def test_scikit_learn_check(estimator, check):
    if check.func.__name__ not in IN_FLOAT64:
        check(estimator)
    elif isinstance(estimator, AutoencoderPretraining | CorruptionPretraining):
        check(estimator.set_params(precision="float64"))
    else:  # always float32
        X, order = RNG.normal(size=(20, 3)), RNG.permutation(20)
        codes = estimator.set_params(random_state=0).fit(X).transform(X)
        np.testing.assert_allclose(estimator.transform(X[order]), codes[order], rtol=1e-5)
        np.testing.assert_allclose(estimator.transform(X[:3]), codes[:3], rtol=1e-5)


def computed(pretraining, numbers: np.ndarray) -> np.ndarray:
    """What linear layers, each with its activation above it, make of numbers."""
    h = numbers.astype(np.float64)
    for linear, above in zip(pretraining.parts()[::2], pretraining.parts()[1::2], strict=True):
        z = h @ linear.weights + linear.bias
        h = expit(z) if isinstance(above.layer.activation, Sigmoid) else np.maximum(z, 0)
    return h


PRETRAININGS = {
    "layer by layer": AutoencoderPretraining((12, 6), epochs=2, precision="float64", **QUICK),
    "at once": AutoencoderPretraining((12, 6), layerwise=False, epochs=2, **QUICK),
    "sigmoids": AutoencoderPretraining((12, 6), activation="sigmoid", epochs=2, **QUICK),
    "machines": RBMPretraining((12, 6), n_iter=2, random_state=0),
    "modified rows": CorruptionPretraining((12, 6), epochs=2, precision="float64", **QUICK),
}


@pytest.mark.parametrize("rows", [DIGITS, FRAME], ids=["pixels", "table"])
@pytest.mark.parametrize("name", PRETRAININGS)
def test_parts_compute_what_transform_returns(name, rows):
    pretraining = PRETRAININGS[name].fit(rows)
    seen = rows / 16 if rows is DIGITS else encoded(pretraining, rows)
    np.testing.assert_allclose(pretraining.transform(rows), computed(pretraining, seen), atol=1e-4)


def test_layers_learned_from_what_was_kept_are_those_learned_from_what_is_computed_anew():
    pretraining = AutoencoderPretraining((12, 6), noise=0.2, epochs=3, **QUICK).fit(DIGITS)
    draw, numbers = check_random_state(0), (DIGITS * np.float32(1 / 16))
    first, second = (
        MLPAutoencoder(
            size,
            noise=0.2,
            loss=loss,
            preprocess=None,
            epochs=3,
            early_stopping=False,
            random_state=draw.randint(2**31 - 1),
            n_threads=1,
        )
        for size, loss in [(12, "sigmoid_cross_entropy"), (6, "squared_error")]
    )
    first.fit(numbers)
    second.fit(np.maximum(numbers @ first.coefs_[0] + first.intercepts_[0], 0))
    for ours, theirs in zip(pretraining.autoencoders_, (first, second), strict=True):
        for weights, expected in zip(ours.coefs_, theirs.coefs_, strict=True):
            np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-4)


def test_all_at_once_is_one_autoencoders_encoder():
    pretraining = PRETRAININGS["at once"].fit(DIGITS)
    (coder,) = pretraining.autoencoders_
    assert [weights.shape for weights in coder.coefs_] == [(64, 12), (12, 6), (6, 12), (12, 64)]
    for part, weights in zip(pretraining.parts()[::2], coder.coefs_, strict=False):
        np.testing.assert_array_equal(part.weights, weights)


def test_settings_reach_the_autoencoders():
    pretraining = AutoencoderPretraining(
        (6, 4), noise=GaussianNoise(0.1), activation=["relu", "sigmoid"], batch_norm=True, **QUICK
    ).set_params(epochs=2, optimizer__learning_rate=0.02)
    first, second = pretraining.fit(DIGITS).autoencoders_
    assert first.network_.layers[0] == second.noise == GaussianNoise(0.1)
    assert (first.n_epochs_, first.optimizer.learning_rate) == (2, 0.02)
    kinds = [type(part.layer).__name__ for part in pretraining.parts()]
    assert kinds == ["Linear", "BatchNorm", "Activate"] * 2
    assert isinstance(pretraining.parts()[1].layer, BatchNorm)


def test_losses_follow_what_layers_read():
    """Cross-entropy for pixels and above sigmoids, else the squared error."""

    def losses(rows, activation):
        fit = AutoencoderPretraining((6, 4), activation=activation, epochs=1, **QUICK).fit(rows)
        return [coder.loss for coder in fit.autoencoders_]

    assert losses(DIGITS, "sigmoid") == ["sigmoid_cross_entropy"] * 2
    assert losses(DIGITS, "relu") == ["sigmoid_cross_entropy", "squared_error"]
    assert losses(FRAME, "sigmoid") == ["squared_error", "sigmoid_cross_entropy"]


def test_machines_are_scikit_learns_one_upon_the_other():
    pretraining, draw = PRETRAININGS["machines"].fit(DIGITS), check_random_state(0)
    rows = (DIGITS / 16).astype(np.float32)
    for size in (12, 6):
        machine = BernoulliRBM(
            size, learning_rate=0.05, batch_size=32, n_iter=2, random_state=draw.randint(2**31 - 1)
        )
        rows = machine.fit_transform(rows)
    np.testing.assert_allclose(pretraining.transform(DIGITS), rows, atol=1e-5)


def test_machines_read_any_numbers_from_lowest_to_highest():
    x = RNG.normal(-300, 20, (200, 4))
    pretraining = RBMPretraining(6, n_iter=3, preprocess=None, random_state=0).fit(x)
    scaled = (x - x.min(0)) / (x.max(0) - x.min(0))
    expected = pretraining.rbms_[0].transform(scaled.astype(np.float32))
    np.testing.assert_allclose(pretraining.transform(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    "rows", [DIGITS, FRAME, sparse.csr_array(DIGITS)], ids=["u1", "df", "csr"]
)
@pytest.mark.parametrize("name", PRETRAININGS)
def test_a_classifier_stands_on_the_layers_and_reads_as_they_do(name, rows):
    """Frozen, they give it ``transform``'s numbers, though it sees few rows, of another scale."""
    pretraining, few = PRETRAININGS[name].fit(rows), rows[:40]
    pretrained, activation = Pretrained(pretraining, freeze=2), "relu"
    if name in ("sigmoids", "machines"):
        activation = "sigmoid"
    clf = MLPClassifier((12, 6), activation=activation, pretrained=pretrained, epochs=3, **QUICK)
    clf.fit(few, np.arange(40) % 3)
    logits = pretraining.transform(rows) @ clf.coefs_[-1] + clf.intercepts_[-1]
    np.testing.assert_allclose(clf.predict_proba(rows), softmax(logits, axis=1), atol=1e-4)


def test_a_classifier_starts_from_the_layers_and_trains_them():
    pretraining = PRETRAININGS["layer by layer"].fit(DIGITS)
    options = {
        "pretrained": Pretrained(pretraining),
        "lr_schedule": "constant",
        "epochs": 1,
        **QUICK,
    }
    still = MLPClassifier((12, 6), optimizer=SGD(1e-30), **options).fit(DIGITS, LABELS)
    moved = MLPClassifier((12, 6), optimizer=SGD(1e-2), **options).fit(DIGITS, LABELS)
    for part, there, away in zip(
        pretraining.parts()[::2], still.coefs_, moved.coefs_, strict=False
    ):
        np.testing.assert_allclose(there, part.weights, rtol=1e-6)
        assert np.abs(away - part.weights).max() > 1e-4


def test_an_autoencoder_itself_can_be_started_from():
    coder = MLPAutoencoder((12, 6), noise=MaskingNoise(0.2), epochs=2, **QUICK).fit(FRAME)
    pretrained = Pretrained(coder, freeze=2)
    clf = MLPClassifier((12, 6), pretrained=pretrained, epochs=2, **QUICK).fit(
        FRAME, FRAME["kind"]
    )
    np.testing.assert_array_equal(clf.coefs_[1], coder.coefs_[1])


@pytest.mark.parametrize("kind", [AutoencoderPretraining, CorruptionPretraining, RBMPretraining])
def test_layers_there_must_be(kind):
    with pytest.raises(HyperparameterError, match="one layer at least"):
        kind(()).fit(DIGITS)
    with pytest.raises(HyperparameterError, match="whole numbers"):
        kind((10, 0)).fit(DIGITS)


def test_modified_rows_are_told_from_good_ones_by_how_columns_go_together():
    X = RNG.normal(size=(800, 1)) * np.ones(6) + 0.1 * RNG.normal(size=(800, 6))
    task = CorruptionPretraining((16, 8), epochs=20, **QUICK).fit(X)
    assert task.classifier_.history_["accuracy"][-1] > 0.9
    alone = CorruptionPretraining((16, 8), epochs=20, **QUICK).fit(RNG.normal(size=(800, 6)))
    assert alone.classifier_.history_["accuracy"][-1] < 0.75  # columns have nothing to do with
    clf = MLPClassifier((16, 8), pretrained=Pretrained(task, freeze=2), epochs=2, **QUICK)
    clf.fit(X, X[:, 0] > 0)
    for own, part in zip(clf.coefs_, task.parts()[::2], strict=False):
        np.testing.assert_allclose(own, part.weights, rtol=1e-6)


def test_rows_may_be_modified_by_a_function():
    seen = []

    def negative(rows, draw):
        seen.append((rows.shape, draw.randint(10)))
        return -rows

    CorruptionPretraining((4,), modify=negative, epochs=1, **QUICK).fit(DIGITS[:50])
    assert [shape for shape, _ in seen] == [DIGITS[:50].shape]
    for modify, told in ((0, "modify is 0; expected a share in"), ("all", "modify is 'all'")):
        with pytest.raises(HyperparameterError, match=told):
            CorruptionPretraining((4,), modify=modify).fit(DIGITS[:50])
    with pytest.raises(DataError, match=r"rows of shape \(49, 64\); expected \(50, 64\)"):
        CorruptionPretraining((4,), modify=lambda rows, _: rows[1:]).fit(DIGITS[:50])


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.skipif("WELLFIT_DATA" not in os.environ, reason="needs WELLFIT_DATA")
def test_a_thousand_labelled_images_gain_a_point_by_forty_thousand_without_labels():
    data = load("mnist", data_dir=os.environ["WELLFIT_DATA"])
    found = [compare("autoencoders", data, 40_000, seed)[:2] for seed in range(SEEDS)]
    without, with_ = np.mean(found, axis=0)
    assert with_ > without + 0.01


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"learning_rate": 0}, "learning_rate is 0; expected a number in"),
        ({"learning_rate": "low"}, "learning_rate is 'low'; expected a number in"),
        ({"n_iter": -1}, "n_iter is -1; expected a whole number, at least 0"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number, at least 1"),
        ({"verbose": "much"}, "verbose is 'much'; expected a whole number"),
    ],
)
def test_a_machines_numbers_are_refused_by_their_own_name(params, told):
    with pytest.raises(HyperparameterError, match=told):
        RBMPretraining((4,), **params).fit(np.eye(8))
