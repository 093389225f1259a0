"""Pruning, and predicting with sparse matrices: exactly what full ones predict."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes

from engine import CPU, FLOAT64, every, label, member, network
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError
from wellfit.nn import BatchNorm, Dense, Linear, mlp
from wellfit.optim import L1
from wellfit.training import Weights, predict
from wellfit.training.prediction import Predictor
from wellfit.training.sparse import SparsePredictor, pruned, zero_shares

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
PLAIN = {"hidden_layer_sizes": (30, 20), "epochs": 5, "random_state": 0}
BOTH = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, CANCER), (MLPRegressor, DIABETES)], ids=["class", "number"]
)


def drawn(net, count=1):
    members = [member(network=net, seed=k) for k in range(count)]
    return Weights.initial(members, FLOAT64, CPU)


def sizes(weights, k):
    """How large each weight of a member is, biases left out."""
    layers = zip(weights.network.layers, weights.blocks(k), strict=True)
    return torch.cat([b[:-1].abs().flatten() for a, b in layers if isinstance(a, Linear)])


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_sparse_matrices_predict_what_full_ones_do(activation):
    weights = pruned(drawn(network(activation=activation)), share=0.7)
    x = np.random.default_rng(0).normal(size=(23, 4))
    dense, thin = (
        predict(weights, x, torch.clone, precision="float64", predictor=predictor)
        for predictor in (Predictor, SparsePredictor)
    )
    np.testing.assert_allclose(thin, dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_the_smallest_of_each_members_weights_go(share):
    start = drawn(mlp(20, (30, 10), 3, batch_norm=True), count=3)
    start.parameters.add_(0.01)  # biases and shifts too
    result = pruned(start, share=share)
    for k in range(3):
        before, after = sizes(start, k), sizes(result, k)
        gone = after == 0
        assert int(gone.sum()) == round(share * len(before))
        np.testing.assert_array_equal(after[~gone], before[~gone])
        assert not gone.any() or before[gone].max() <= before[~gone].min()
        layers = zip(start.network.layers, start.blocks(k), result.blocks(k), strict=True)
        for layer, old, new in layers:
            kept = slice(None) if isinstance(layer, BatchNorm) else slice(-1, None)
            np.testing.assert_array_equal(old[kept], new[kept])
    np.testing.assert_allclose(zero_shares(result), share, atol=1e-3)


def test_a_threshold_is_each_weights_own_matter():
    start = drawn(mlp(20, (30,), 3), count=2)
    result = pruned(start, threshold=0.1)
    for k in range(2):
        before, after = sizes(start, k), sizes(result, k)
        np.testing.assert_array_equal(after == 0, before <= 0.1)
    both = pruned(start, threshold=0.1, share=0.9)
    np.testing.assert_allclose(zero_shares(both), 0.9, atol=1e-3)


# Estimators


@BOTH
def test_pruning_an_estimator(cls, data):
    model = cls(**PLAIN).fit(*data)
    assert model.sparsity_ == 0
    whole = model.predict(data[0])
    assert model.prune(share=0.8) is model
    assert model.sparsity_ == pytest.approx(0.8, abs=1e-3)
    thin = model.predict(data[0])
    assert (thin != whole).any()
    full = model.densify().predict(data[0])
    np.testing.assert_allclose(thin, full, rtol=1e-4)
    assert model.sparsity_ == pytest.approx(0.8, abs=1e-3)  # zeros stay


@BOTH
def test_predictions_without_zeros_come_from_sparse_matrices(cls, data, monkeypatch, tmp_path):
    model = cls(**PLAIN).fit(*data).prune(threshold=0.05)
    made = []
    monkeypatch.setattr(sparse, "csr_array", lambda given: made.append(given) or given)
    model.predict(data[0])
    assert len(made) == 3
    model.densify().predict(data[0])
    loaded = cls.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
    assert len(made) == 3
    assert loaded.sparsity_ == model.sparsity_


@BOTH
def test_fitting_anew_is_dense_again(cls, data):
    model = cls(**PLAIN).fit(*data)
    before = model.predict(data[0])
    model.prune(share=0.9).fit(*data)
    assert model.sparsity_ == 0
    assert not model.network_.sparse
    np.testing.assert_array_equal(model.predict(data[0]), before)


def test_training_goes_on_from_pruned_weights():
    model = MLPClassifier(**PLAIN, warm_start=True, layers=[Dense(30)]).fit(*CANCER)
    model.prune(share=0.9)
    pruned_score = model.score(*CANCER)
    model.fit(*CANCER)
    assert model.score(*CANCER) >= pruned_score


def test_decoupled_l1_needs_no_pruning():
    shared = {"hidden_layer_sizes": (30,), "epochs": 30, "dropout": 0.0, "random_state": 0}
    model = MLPClassifier(l1=L1(1.0, decoupled=True), batch_size=32, **shared).fit(*CANCER)
    assert model.sparsity_ > 0.4
    assert model.score(*CANCER) > 0.95
    full = MLPClassifier(**shared).fit(*CANCER)
    assert full.prune(threshold=0.0).sparsity_ == 0


@pytest.mark.parametrize(
    "wrong", [{"share": 1.0}, {"share": -0.1}, {"threshold": -1.0}, {"threshold": float("nan")}]
)
def test_shares_and_thresholds_out_of_range(wrong):
    model = MLPClassifier(**PLAIN).fit(*CANCER)
    with pytest.raises(HyperparameterError, match=r"expected a threshold .* a share in \[0, 1\)"):
        model.prune(**wrong)
    assert model.sparsity_ == 0
