"""Autoencoders: what goes in comes out, nearly."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    parametrize_with_checks,
)

from wellfit import load_model
from wellfit.core.errors import DataError, HyperparameterError
from wellfit.nn import AlphaDropout, BatchNorm, GaussianNoise, Linear, MaskingNoise
from wellfit.transfer import MLPAutoencoder

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "mini-batches are drawn by row",
    "check_sample_weight_equivalence_on_sparse_data": "mini-batches are drawn by row",
}
# They allow differences of 1e-7, and float32's products round by a row's place and their shape.
IN_FLOAT64 = {"check_methods_sample_order_invariance", "check_methods_subset_invariance"}
DIGITS = load_digits().data.astype(np.uint8)
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 8)) * 5 + 100
QUICK = {"random_state": 0, "n_threads": 1}


@pytest.mark.no_cover  # other tests run the same lines
@parametrize_with_checks(
    [MLPAutoencoder(epochs=3)], expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_scikit_learn_check(estimator, check):
    if check.func.__name__ in IN_FLOAT64:
        estimator.set_params(precision="float64")
    check(estimator)


def by_hand(coder: MLPAutoencoder, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The code and the logits of a relu network, from its weights alone."""
    middle, h, code = len(coder.coefs_) // 2, x, None
    for place, (weights, bias) in enumerate(zip(coder.coefs_, coder.intercepts_, strict=True)):
        z = h @ weights + bias
        h = np.maximum(z, 0)
        code = h if place == middle - 1 else code
    return code, z


def test_codes_and_rows_are_what_the_weights_say():
    coder = MLPAutoencoder((12, 4), precision="float64", preprocess=None, epochs=3, **QUICK)
    x = NUMBERS / 100
    code, rows = by_hand(coder.fit(x), x)
    assert [w.shape for w in coder.coefs_] == [(8, 12), (12, 4), (4, 12), (12, 8)]
    np.testing.assert_allclose(coder.transform(x), code, rtol=1e-12)
    np.testing.assert_allclose(coder.inverse_transform(code), rows, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(coder.reconstruct(x), rows, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(coder.reconstruction_error(x), ((rows - x) ** 2).mean(1))
    assert list(coder.get_feature_names_out()) == [f"mlpautoencoder{i}" for i in range(4)]


def test_pixels_come_back_between_dark_and_the_brightest():
    coder = MLPAutoencoder((12,), epochs=3, precision="float64", **QUICK).fit(DIGITS)
    _, logits = by_hand(coder, DIGITS / 16)
    np.testing.assert_allclose(coder.reconstruct(DIGITS), 16 / (1 + np.exp(-logits)), rtol=1e-9)
    error = ((coder.reconstruct(DIGITS) / 16 - DIGITS / 16) ** 2).mean(1)
    np.testing.assert_allclose(coder.reconstruction_error(DIGITS), error, rtol=1e-6)
    assert not {"accuracy", "val_accuracy"} & set(coder.history_)


def test_the_first_loss_is_that_of_the_rows_themselves():
    """In one full batch without noise: the mean over rows and columns of the first weights."""
    options = {"early_stopping": False, "batch_size": 200, "epochs": 1, "precision": "float64"}
    coder = MLPAutoencoder((5,), preprocess=None, **options, **QUICK)
    x = torch.tensor(NUMBERS / 100)
    coder.fit(x.numpy(), sample_weight=np.arange(200) % 2)
    start = coder.network_.result.members[0].network.initial_parameters(
        coder.network_.result.members[0].seed
    )
    below, above = (each for each in start if len(each))
    told = torch.relu(x @ below[:-1] + below[-1]) @ above[:-1] + above[-1]
    expected = (told - x).square().mean(1)[1::2].mean()
    assert coder.history_["loss"][0] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "preprocess"),
    [
        (NUMBERS, "auto"),
        (NUMBERS / 100, None),
        (DIGITS, "auto"),
        (sparse.csr_array(DIGITS), "auto"),
    ],
    ids=["scaled", "as they are", "pixels", "sparse"],
)
def test_rows_come_back_in_their_own_units(rows, preprocess):
    """Nearer by far than the columns' means are."""
    coder = MLPAutoencoder((64, 32), preprocess=preprocess, epochs=60, **QUICK).fit(rows)
    own = rows.toarray() if sparse.issparse(rows) else rows
    wrong = np.square(coder.reconstruct(rows) - own).mean()
    assert wrong < 0.2 * own.var(axis=0).mean()
    np.testing.assert_allclose(
        coder.inverse_transform(coder.transform(rows)),
        coder.reconstruct(rows),
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_mixed_table_comes_back_as_numbers_and_shares():
    frame = pd.DataFrame({"size": NUMBERS[:, 0], "kind": np.where(NUMBERS[:, 1] > 100, "a", "b")})
    frame["still"] = 7.0
    coder = MLPAutoencoder((32, 8), epochs=60, **QUICK).fit(frame)
    size, still, kind = coder.reconstruct(frame).T
    assert np.abs(size - frame["size"]).mean() < 0.2 * frame["size"].std()
    assert (still == 7).all()
    assert ((kind > 0.5) == (frame["kind"] == "b")).mean() > 0.98


def test_what_was_learned_with_gaps_tells_noisy_rows_better_than_they_are():
    clean, hidden = DIGITS[:400], RNG.random((400, 64)) < 0.3
    coder = MLPAutoencoder((256,), noise=0.3, epochs=40, **QUICK).fit(DIGITS[400:])
    noisy = np.where(hidden, 0, clean).astype(np.uint8)
    told = np.square(coder.reconstruct(noisy) - clean).mean()
    assert told < 0.5 * np.square(noisy.astype(float) - clean).mean()
    plain = MLPAutoencoder((256,), epochs=40, **QUICK).fit(DIGITS[400:])
    assert told < 0.7 * np.square(plain.reconstruct(noisy) - clean).mean()


@pytest.mark.parametrize(
    ("noise", "layer"),
    [
        (0.3, MaskingNoise(0.3)),
        ("masking_noise", MaskingNoise()),
        (GaussianNoise(0.2), GaussianNoise(0.2)),
        (AlphaDropout(0.1), AlphaDropout(0.1)),
    ],
)
def test_noise_stands_before_all_layers_and_only_while_training(noise, layer):
    coder = MLPAutoencoder((6,), noise=noise, epochs=2, **QUICK).fit(NUMBERS)
    assert coder.network_.layers[0] == layer
    assert isinstance(coder.parts()[0].layer, Linear)
    assert (coder.transform(NUMBERS) == coder.transform(NUMBERS)).all()


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_layers_batch_norm_belongs_to_its_half(place):
    coder = MLPAutoencoder((6, 4), batch_norm=place, dropout=0.1, epochs=2, **QUICK).fit(NUMBERS)
    encoder, decoder = coder._halves()
    assert sum(isinstance(part.layer, BatchNorm) for part in encoder) == 2
    assert sum(isinstance(part.layer, BatchNorm) for part in decoder) == 1
    assert isinstance(decoder[0].layer, Linear)


def test_a_linear_code():
    coder = MLPAutoencoder((16, 2), activation=["tanh", "identity"], epochs=5, **QUICK)
    assert (coder.fit_transform(NUMBERS) < 0).any()
    with pytest.raises(HyperparameterError, match="one for each of the 2 layers"):
        MLPAutoencoder((16, 2), activation=["tanh"]).fit(NUMBERS)


def test_rows_to_be_judged_by_may_be_given():
    coder = MLPAutoencoder((4,), epochs=3, **QUICK).fit(NUMBERS[:150], X_val=NUMBERS[150:])
    assert len(coder.history_["val_loss"]) == 3
    error = coder.reconstruction_error(NUMBERS[150:]).mean()
    assert min(coder.history_["val_loss"]) == pytest.approx(error, rel=1e-5)


def test_more_rows_go_on_from_what_is_known():
    coder = MLPAutoencoder((16,), **QUICK).partial_fit(NUMBERS)
    first = coder.reconstruction_error(NUMBERS).mean()
    for _ in range(20):
        coder.partial_fit(NUMBERS)
    assert coder.reconstruction_error(NUMBERS).mean() < 0.8 * first


@pytest.mark.parametrize("rows", [DIGITS, NUMBERS], ids=["pixels", "scaled"])
def test_saved_and_loaded_it_codes_and_learns_as_before(rows, tmp_path):
    coder = MLPAutoencoder((9, 4), noise=GaussianNoise(0.1), epochs=2, **QUICK).fit(rows)
    loaded = load_model(coder.save(tmp_path / "coder"))
    assert isinstance(MLPAutoencoder.load(tmp_path / "coder"), MLPAutoencoder)
    assert loaded.noise == GaussianNoise(0.1)
    np.testing.assert_array_equal(loaded.transform(rows), coder.transform(rows))
    np.testing.assert_array_equal(loaded.reconstruct(rows), coder.reconstruct(rows))
    error = loaded.reconstruction_error(rows).mean()
    loaded.set_params(warm_start=True, epochs=10, random_state=0).fit(rows)
    assert loaded.reconstruction_error(rows).mean() < error


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "softmax_cross_entropy"}, "by which rows can't be reconstructed"),
        ({"loss": "quantile"}, "by which rows can't be reconstructed"),
        ({"noise": BatchNorm()}, "also works when predicting"),
        ({"noise": 1.0}, "masking_noise"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(params, message):
    with pytest.raises(HyperparameterError, match=message):
        MLPAutoencoder(**params).fit(NUMBERS)


def test_numbers_that_a_loss_or_a_decoder_cannot_take_are_refused():
    with pytest.raises(DataError, match="numbers from 0 to 1"):
        MLPAutoencoder(loss="sigmoid_cross_entropy", preprocess=None).fit(NUMBERS)
    with pytest.raises(NotFittedError):
        MLPAutoencoder().transform(NUMBERS)
    coder = MLPAutoencoder((4,), epochs=1, **QUICK).fit(NUMBERS)
    with pytest.raises(DataError, match="the codes have 8 columns; expected the 4"):
        coder.inverse_transform(NUMBERS)
    with pytest.raises(
        DataError, match=r"codes .* finite numbers of shape \(n_samples, 4\), .* NaN"
    ):
        coder.inverse_transform([[np.nan, 0.0, 0.0, 0.0]])
