"""Validation by the compiled library: the metrics that PyTorch finds, however rows are cut."""

import numpy as np
import pytest
import torch

from engine import label, run, table, targets, train_by_pytorch
from wellfit.nn import (
    EntityEmbedding,
    GaussianNoise,
    MiniTabM,
    Network,
    PiecewiseWithJumps,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    TabM,
    mlp,
)
from wellfit.optim import SGD
from wellfit.training import Member, Rows, Stream
from wellfit.training.native import native_judge, paced_calls
from wellfit.training.native.library import missing
from wellfit.training.prediction import Predictor

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the compiled step is {missing()}")

LOSS = SoftmaxCrossEntropy()
FOLDS = [
    Stream(np.arange(60), np.arange(60, 97), seed=1),
    Stream(np.arange(37, 97), np.arange(37)),
]


def member(**options):
    # Rules that divide by the gradient's size would make noise of what rounding leaves.
    return Member(optimizer=SGD(0.05), batch_size=16, epochs=4, **options)


def by_pytorch(monkeypatch, *args, **options):
    with monkeypatch.context() as patch:
        train_by_pytorch(patch)
        return run(*args, **options)


def validation(result):
    """Every validation metric of every member, (K, epochs)."""
    histories = [result.history(k) for k in range(len(result.members))]
    names = [name for name in histories[0] if name.startswith("val_")]
    assert "val_loss" in names
    return {name: np.array([each[name] for each in histories]) for name in names}


def assert_alike(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-12, atol=1e-14)


@pytest.fixture
def small_blocks(monkeypatch):
    """A few rows at once, so that the last block has fewer than others."""
    monkeypatch.setattr(native_judge, "_BYTES", 1)
    monkeypatch.setattr(native_judge, "_LEAST", 15)


@pytest.fixture
def never_by_pytorch(monkeypatch):
    """Validation fails where PyTorch would compute it."""
    monkeypatch.setattr(Predictor, "__call__", lambda *args: pytest.fail("PyTorch validates"))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", [TabM(), MiniTabM()], ids=label)
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (SoftmaxCrossEntropy(label_smoothing=0.1), 3),
        (SigmoidCrossEntropy(), 2),
        (Poisson(), 2),
        (SquaredError(), 3),
    ],
    ids=label,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_submodels_are_as_by_pytorch(kind, loss, outputs, weighted, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(97, 5)), targets(loss, 97, outputs)
    rows = Rows(x, y, rng.uniform(size=97) if weighted else None, dtype=torch.float64)
    network = kind.applied(mlp(5, (9,), outputs, dropout=0.3, batch_norm=True), 3, loss)
    ours = [member(network=network, loss=loss, ema_decay=0.9, seed=seed) for seed in range(2)]
    theirs = by_pytorch(monkeypatch, ours, rows, FOLDS)
    assert_alike(validation(run(ours, rows, FOLDS)), validation(theirs))


def test_a_submodel_that_is_sure_beyond_rounding_is_averaged(monkeypatch):
    """Logits so far apart that one class's probability is 0 in any precision."""
    rows = Rows(np.full((20, 1), 1e4), np.arange(20) % 3, dtype=torch.float64)
    network = TabM().applied(mlp(1, (4,), 3), 3, LOSS)
    stream = Stream(np.arange(10), np.arange(10, 20))
    theirs = by_pytorch(monkeypatch, [member(network=network)], rows, [stream])
    ours = validation(run([member(network=network)], rows, [stream]))
    assert_alike(ours, validation(theirs))
    assert np.isfinite(ours["val_loss"]).all()


@pytest.mark.usefixtures("small_blocks", "never_by_pytorch", "jumps_everywhere")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_alone_is_together_to_the_bit_on_any_number_of_threads(threads, monkeypatch):
    embedded = (EntityEmbedding(3, levels=(4,), unknown_rate=0.5), PiecewiseWithJumps(n_bins=7))
    layers = (*embedded, *mlp(4 * 4 + 3 * 4, (9,), 3, batch_norm=True).layers)
    network = TabM().applied(Network(5, layers), 3, LOSS)
    members = [member(network=network, seed=seed) for seed in range(3)]
    rows = table(LOSS, rows=97, inputs=5)
    streams = [FOLDS[0], FOLDS[1], FOLDS[0]]
    alone = [
        validation(run([each], rows, [stream]))
        for each, stream in zip(members, streams, strict=True)
    ]
    monkeypatch.setattr(paced_calls, "threads_for", lambda *args: threads)
    together = validation(run(members, rows, streams))
    for k, own in enumerate(alone):
        for name, values in own.items():
            np.testing.assert_array_equal(values[0], together[name][k])


@pytest.mark.usefixtures("small_blocks")
def test_noise_and_unknown_codes_are_left_out(monkeypatch):
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 6, (97, 1))
    rows = Rows(
        np.hstack([rng.normal(size=(97, 2)), codes]), rng.integers(0, 3, 97), dtype=torch.float64
    )
    embedding = EntityEmbedding(3, levels=(4,), unknown_rate=0.5)
    network = Network(3, (embedding, GaussianNoise(2.0), *mlp(5, (8,), 3, dropout=0.5).layers))
    theirs = by_pytorch(monkeypatch, [member(network=network)], rows, FOLDS[:1])
    ours = run([member(network=network)], rows, FOLDS[:1])
    assert_alike(validation(ours), validation(theirs))


def test_scores_are_of_predictions(monkeypatch):
    rows, ours = table(LOSS, rows=97, inputs=4), [member(network=mlp(4, (8,), 3))]
    scores = {"largest": lambda outputs, ids: float(outputs.max())}
    theirs = by_pytorch(monkeypatch, ours, rows, FOLDS[:1], scores=scores)
    assert_alike(validation(run(ours, rows, FOLDS[:1], scores=scores)), validation(theirs))


@pytest.mark.usefixtures("never_by_pytorch")
def test_pixels_are_judged_where_they_lie(monkeypatch):
    x = np.random.default_rng(0).integers(0, 256, (97, 6), dtype=np.uint8)
    rows = Rows(x, np.arange(97) % 3, dtype=torch.float64)
    assert (
        len(validation(run([member(network=mlp(6, (8,), 3))], rows, FOLDS[:1]))["val_loss"]) == 1
    )
