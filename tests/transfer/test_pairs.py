"""Pairs: how they are drawn, that stacks of them obey the laws, and what two towers learn."""

from __future__ import annotations

import pickle
from operator import attrgetter

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from engine import FLOAT64, parameters
from wellfit import MLPClassifier
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.nn import (
    ELU,
    Activate,
    BatchNorm,
    ConcatRows,
    Dropout,
    GroupedLinear,
    Linear,
    Network,
    SigmoidCrossEntropy,
)
from wellfit.optim import Adam
from wellfit.training import Checkpoint, EarlyStopping, Member, Rows, Stream, train
from wellfit.training.pairing import Pairing
from wellfit.training.prediction import Predictor
from wellfit.training.streams import Batches
from wellfit.transfer import FittedLayer, Pretrained, SiamesePretraining, from_parts

LOSS = SigmoidCrossEntropy()


class Tower(SiamesePretraining):
    """The transformer alone: ``predict`` and ``score`` take pairs, which no check knows."""

    predict = predict_proba = score = property(attrgetter("takes_pairs"))


@pytest.mark.no_cover  # other tests run the same lines
@parametrize_with_checks(
    [Tower((8,), epochs=3, early_stopping=False, precision="float64")],
    expected_failed_checks=lambda _: {
        "check_parameters_default_constructible": "the default optimizer is a frozen config"
    },
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


INPUTS, ROWS = 4, 60


def labels(rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 3, rows)


def numbers(rows: int = ROWS) -> np.ndarray:
    """Rows whose class shows."""
    noise = np.random.default_rng(1).normal(size=(rows, INPUTS))
    return np.eye(INPUTS)[labels(rows)] * 3 + noise


def table(**options) -> Rows:
    return Rows(numbers(), labels(), dtype=FLOAT64, **options)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Drawing.


@pytest.mark.parametrize("rows", [7, 8, 60])
def test_half_of_the_pairs_are_alike_in_turn(rows):
    y = np.arange(rows) % 3
    pairs = Pairing(torch.arange(rows), torch.tensor(y)).draw(generator()).numpy()
    assert pairs.shape == (rows, 2)
    same = y[pairs[:, 0]] == y[pairs[:, 1]]
    np.testing.assert_array_equal(same, np.arange(rows) % 2 == 0)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert sorted(pairs[:, 0]) == list(range(rows))  # each is a first once


def test_every_partner_is_equally_likely():
    y = torch.tensor([1, 0, 1, 2, 0, 1, 2])
    pairing, numbers = Pairing(torch.arange(7), y), generator()
    counts = np.zeros((7, 7))
    for _ in range(3000):
        np.add.at(counts, tuple(pairing.draw(numbers).T.numpy()), 1)
    for first in range(7):
        for alike in (True, False):
            which = [b for b in range(7) if b != first and (y[b] == y[first]).item() is alike]
            share = counts[first, which] / counts[first, which].sum()
            np.testing.assert_allclose(share, 1 / len(which), atol=0.05)


def test_a_row_without_its_like_is_only_in_pairs_that_differ():
    y = torch.tensor([0, 1, 1, 2])
    for seed in range(20):
        pairs = Pairing(torch.arange(4), y).draw(generator(seed))
        assert (y[pairs[0::2, 0]] == 1).all()
        assert (y[pairs[0::2, 1]] == 1).all()
        assert (y[pairs[1::2, 0]] != y[pairs[1::2, 1]]).all()


@pytest.mark.parametrize(("y", "what"), [([0, 0, 0], "all alike"), ([0, 1, 2], "all different")])
def test_rows_that_make_no_pairs_are_refused(y, what):
    with pytest.raises(DataError, match=f"the 3 rows to make pairs of are {what}"):
        Pairing(torch.arange(3), torch.tensor(y))


# Batches.


def batches(*streams: Stream, batch: int = 16, rows: Rows | None = None) -> Batches:
    return Batches(rows or table(), streams, batch, LOSS, 1)


def epoch(work: Batches, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows (pairs, 2, inputs) and targets (pairs,) of an epoch of one stream."""
    chunks = list(work.epoch(number, 1))
    x = torch.cat([chunk.x[0, 0, :, :-1].clone() for chunk in chunks])
    return x.view(-1, 2, INPUTS), torch.cat([chunk.target[0, 0, 0] for chunk in chunks])


def test_every_batch_is_half_alike_and_its_targets_are_true():
    work = batches(Stream(np.arange(ROWS), pairs=True))
    for chunk in work.epoch(0, 2):
        assert chunk.x.shape[2] == 2 * chunk.batch
        torch.testing.assert_close(
            chunk.target.mean(-1), torch.full_like(chunk.target[..., 0], 0.5)
        )
    x, target = epoch(work, 0)
    y = {tuple(row): label for row, label in zip(numbers().tolist(), labels(), strict=True)}
    alike = [y[tuple(a)] == y[tuple(b)] for a, b in x.tolist()]
    np.testing.assert_array_equal(target.numpy(), alike)


def test_pairs_are_fresh_in_every_epoch_and_the_same_again():
    stream = Stream(np.arange(ROWS), pairs=True)
    work = batches(stream)
    first, second = epoch(work, 0)[0], epoch(work, 1)[0]
    assert not torch.equal(first, second)
    torch.testing.assert_close(epoch(batches(stream), 1)[0], second, rtol=0, atol=0)
    other = epoch(batches(Stream(np.arange(ROWS), seed=1, pairs=True)), 0)[0]
    assert not torch.equal(first, other)


def test_pairs_stay_the_same_where_nothing_is_shuffled_and_where_they_are_judged():
    work = batches(Stream(np.arange(40), np.arange(40, 60), shuffle=False, pairs=True))
    torch.testing.assert_close(epoch(work, 0)[0], epoch(work, 3)[0], rtol=0, atol=0)
    held = [torch.cat([chunk.x[0, 0].clone() for chunk in work.judging(8)]) for _ in range(2)]
    assert held[0].shape == (40, INPUTS + 1)
    torch.testing.assert_close(*held, rtol=0, atol=0)


def test_pixels_stay_bytes_until_their_batch():
    pixels = (np.abs(numbers()) * 20).astype(np.uint8)
    rows = Rows(pixels, labels(), dtype=FLOAT64)
    x, _ = epoch(batches(Stream(np.arange(ROWS), pairs=True), rows=rows), 0)
    assert rows.parts()[0].dtype == torch.uint8
    seen = {tuple(row) for row in (x * 255).round().int().view(-1, INPUTS).tolist()}
    assert seen <= {tuple(row) for row in pixels.tolist()}


def test_pairs_and_single_rows_do_not_share_a_stack():
    both = [Stream(np.arange(ROWS), pairs=pairs) for pairs in (True, False)]
    with pytest.raises(InputError, match="either all streams of a stack are of pairs, or none"):
        batches(*both)


def test_weights_of_rows_are_refused():
    rows = table(weight=np.ones(ROWS))
    with pytest.raises(InputError, match="rows without weights"):
        batches(Stream(np.arange(ROWS), pairs=True), rows=rows)


# Stacks.

TOWERS = {
    "shared": (Linear(6), BatchNorm(), Activate(ELU()), Dropout(0.1), Linear(5), ConcatRows(2)),
    "separate": (ConcatRows(2), GroupedLinear(6, 2), BatchNorm(), Activate(ELU()), Dropout(0.1)),
}


def members(kind: str, count: int = 3) -> list[Member]:
    network = Network(INPUTS, (*TOWERS[kind], Linear(4), Activate(ELU()), Linear(1)))
    return [
        Member(network, LOSS, Adam(0.01 * (k + 1)), batch_size=16, epochs=3 + k % 2, seed=k)
        for k in range(count)
    ]


def streams() -> list[Stream]:
    """The first two members share one, the third has its own."""
    order = np.random.default_rng(3).permutation(ROWS)
    folds = [Stream(order[k:][:40], order[:k][:12], seed=k, pairs=True) for k in (12, 20)]
    return [folds[0], *folds]


@pytest.mark.parametrize("kind", TOWERS)
def test_alone_is_together(kind):
    rows, some = table(), members(kind)
    together = train(some, rows, streams(), precision="float64")
    for k, member in enumerate(some):
        alone = train([member], rows, [streams()[k]], precision="float64")
        ours, theirs = parameters(together, k), parameters(alone, 0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-7)
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(alone.history(0)[name], together.history(k)[name])


@pytest.mark.parametrize("kind", TOWERS)
def test_pausing_changes_nothing(kind):
    rows, some, own = table(), members(kind), streams()
    whole = train(some, rows, own, precision="float64")
    first = train(some, rows, own, precision="float64", until=2)
    rest = train(some, rows, own, precision="float64", resume=first)
    for k in range(len(some)):
        np.testing.assert_array_equal(parameters(rest, k), parameters(whole, k))


# The estimator.


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return load_digits(return_X_y=True)


def quick(**options) -> SiamesePretraining:
    defaults = {"epochs": 2, "random_state": 0, "device": "cpu"}
    return SiamesePretraining((12, 8), **{**defaults, **options})


def drawn(y: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n, 2) of the rows of pairs from ``start`` on, and whether they are alike."""
    ids = torch.arange(start, len(y))
    pairs = Pairing(ids, torch.as_tensor(y[start:])).draw(generator()).numpy()
    return pairs, y[pairs[:, 0]] == y[pairs[:, 1]]


@pytest.mark.parametrize("shared", [True, False])
def test_two_towers_learn_what_is_alike(digits, shared):
    X, y = digits
    model = SiamesePretraining((40, 40), epochs=30, shared=shared, random_state=0, device="cpu")
    model.fit(X[:1400], y[:1400])
    pairs, same = drawn(y, 1400)
    a, b = X[pairs[:, 0]], X[pairs[:, 1]]
    assert model.score(a, b, same) > 0.8
    probability = model.predict_proba(a, b)
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(a, b), probability[:, 1] > 0.5)
    # A few labels do for what tower A makes of the rows.
    few = MLPClassifier((), early_stopping=False, random_state=0)
    few.fit(model.transform(X[:200]), y[:200])
    assert few.score(model.transform(X[1400:]), y[1400:]) > 0.7


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("options", [{}, {"batch_norm": "after", "activation": "prelu"}], ids=str)
def test_the_parts_are_tower_a(shared, options):
    """What they put out is what the whole network computes for the first rows of pairs."""
    X, y = numbers(), labels()
    model = quick(shared=shared, dropout=0.2, input_noise=0.1, precision="float64", **options)
    model.set_params(preprocess=None).fit(X, y)
    first, second = X[:30], X[30:]
    in_turn = np.stack([first, second], axis=1).reshape(ROWS, -1)
    x = torch.as_tensor(np.hstack([in_turn, np.ones((ROWS, 1))]))[None]
    outputs = Predictor(model.network_.weights).outputs(x)
    above = [name for name, _ in outputs].index("concat_rows" if shared else "linear")
    both = outputs[above - 1][1][0].numpy()
    side = both[0::2] if shared else both[:, :8]
    np.testing.assert_allclose(model.transform(first), side)
    np.testing.assert_allclose(from_parts(model.parts(), precision="float64").predict(first), side)
    probability = torch.sigmoid(outputs[-1][1][0, :, 0]).numpy()
    np.testing.assert_allclose(model.predict_proba(first, second)[:, 1], probability)
    assert all(
        isinstance(part, FittedLayer) and not part.layer.training_only for part in model.parts()
    )
    assert len(model.get_feature_names_out()) == 8


def test_towers_of_their_own_weights_have_twice_as_many():
    X, y = numbers(), labels()
    shared, separate = (quick(shared=shared).fit(X, y) for shared in (True, False))
    tower = sum(part.parameters.size for part in shared.parts())
    assert separate.n_parameters_ == shared.n_parameters_ + tower
    a, b = X[:5], X[5:10]
    assert not np.allclose(separate.predict_proba(a, a[::-1]), separate.predict_proba(b, a))


def test_a_classifier_starts_from_the_tower_and_leaves_it_as_it_is():
    X, y = numbers(), labels()
    model = quick().fit(X, y)
    clf = MLPClassifier(pretrained=Pretrained(model, freeze=2), epochs=2, random_state=0).fit(X, y)
    for part, weights in zip(model.parts()[::2], clf.coefs_, strict=False):
        np.testing.assert_allclose(weights, part.weights, rtol=1e-6)


def test_same_seed_same_model_and_another_seed_another():
    X, y = numbers(), labels()
    first, again, other = (quick(random_state=seed).fit(X, y) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    assert not np.allclose(first.transform(X), other.transform(X))
    model = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(first.transform(X), model.transform(X))


def test_a_fit_that_was_cut_short_goes_on(tmp_path):
    X, y = numbers(), labels()
    whole = quick(epochs=4).fit(X, y)
    quick(epochs=4, callbacks=[Checkpoint(str(tmp_path), every=2)]).fit(X, y)
    cut = min(tmp_path.glob("epoch-*.safetensors"))
    assert "000002" in cut.name
    rest = quick(epochs=4).fit(X, y, resume_from=cut)
    np.testing.assert_array_equal(rest.transform(X), whole.transform(X))


def test_it_has_scikit_learns_parameters():
    model = quick(head=(5,), shared=False)
    model.set_params(optimizer__learning_rate=0.01)
    copied = clone(model)
    assert copied.get_params()["optimizer__learning_rate"] == 0.01
    assert (copied.head, copied.shared) == ((5,), False)
    with pytest.raises(InputError, match="did you mean 'head'"):
        model.set_params(heads=(5,))


def test_labels_of_any_type_sparse_rows_and_a_head_of_nothing():
    X, y = np.abs(numbers()), np.array(["a", "b", "c"])[labels()]
    model = quick(head=(), early_stopping=EarlyStopping(patience=1)).fit(sparse.csr_array(X), y)
    assert model.labels_.tolist() == ["a", "b", "c"]
    assert model.classes_.tolist() == [False, True]
    dense = model.predict_proba(X[:9], X[9:18])
    rows = sparse.csr_array(X)
    np.testing.assert_allclose(model.predict_proba(rows[:9], rows[9:18]), dense, rtol=1e-5)


def test_pixels_and_floats_are_read_alike():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 9)).astype(np.uint8)
    model = quick(image_shape=(3, 3)).fit(pixels, np.arange(40) % 2)
    assert model.network_.features.kind == "pixels"
    told = model.predict_proba(pixels[:20], pixels[20:])
    np.testing.assert_allclose(
        model.predict_proba(pixels[:20], pixels[20:].astype(float)), told, rtol=1e-5
    )


# What is refused.


def test_one_class_is_refused():
    with pytest.raises(DataError, match=r"all rows are of one class, 'x'; expected two"):
        quick().fit(numbers(), ["x"] * ROWS)


def test_classes_of_a_single_row_are_named():
    y = labels().tolist()
    y[3], y[8] = 7, 9
    with pytest.raises(DataError, match=r"there is a single row: 7, 9; expected two rows of each"):
        quick().fit(numbers(), y)


def test_a_matrix_of_labels_is_refused():
    with pytest.raises(DataError, match=r"y has shape \(60, 3\); expected one label"):
        quick().fit(numbers(), np.eye(3)[labels()])


@pytest.mark.parametrize("b", [np.zeros((4, INPUTS)), np.zeros((5, 3))], ids=["length", "width"])
def test_pairs_that_do_not_fit_are_named(b):
    model = quick().fit(numbers(), labels())
    shape = str(b.shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(DataError, match=rf"XA has shape \(5, 4\) and XB has shape {shape}"):
        model.predict(np.zeros((5, INPUTS)), b)
    with pytest.raises(DataError, match=r"same has shape \(4,\), and there are 5 pairs"):
        model.score(np.zeros((5, INPUTS)), np.zeros((5, INPUTS)), [True] * 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "mixup"}, "augment mixes rows"),
        ({"hidden_layer_sizes": ()}, "a tower has no hidden layers"),
        ({"loss": "softmax_cross_entropy"}, "not for multilabel"),
    ],
)
def test_what_pairs_cannot_do_is_refused(options, message):
    with pytest.raises(HyperparameterError, match=message):
        quick().set_params(**options).fit(numbers(), labels())


def test_labels_are_not_taken_for_answers(digits):
    X, y = digits[0][:60], digits[1][:60]
    pairs = SiamesePretraining((4,), epochs=1, random_state=0).fit(X, y)
    with pytest.raises(DataError, match="same holds 7; expected True"):
        pairs.score(X[:3], X[3:6], [1, 0, 7])
    with pytest.raises(HyperparameterError, match="shared is 'yes'; expected True or False"):
        SiamesePretraining((4,), shared="yes").fit(X, y)


def test_saving_points_to_what_is_worth_saving(tmp_path):
    with pytest.raises(InputError, match="save a classifier that starts from its tower"):
        quick().fit(numbers(), labels()).save(tmp_path / "model")
