"""An epoch that was interrupted and resumed has the metrics of one that wasn't, to the bit."""

import numpy as np
import pytest
import torch

from wellfit.nn import PReLU, SoftmaxCrossEntropy, SquaredError, mlp
from wellfit.training import Member, Rows, Status, Stream, loop, train

X = np.random.default_rng(0).normal(size=(331, 5)).astype(np.float32)
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
NUMBERS = np.stack([X[:, 0] ** 2, X[:, 1]], axis=1)
WEIGHT = np.random.default_rng(1).random(331)


class Cut:
    """Stands in for Ctrl-C: asks to end after so many looks, one before every batch."""

    left = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def asked(self):
        Cut.left -= 1
        return Cut.left < 0


def trained(members, rows, cuts):
    result = None
    for cut in [*cuts, 10**9]:
        Cut.left = cut
        result = train(members, rows, [Stream(np.arange(300), np.arange(300, 331))], resume=result)
    return result


@pytest.fixture(autouse=True)
def cutting(monkeypatch):
    monkeypatch.setattr(loop, "Interrupt", Cut)


@pytest.mark.parametrize(("batch", "members"), [(2, 1), (7, 1), (7, 3), (64, 1)])
@pytest.mark.parametrize(
    ("task", "weight"),
    [("classes", None), ("classes", WEIGHT), ("numbers", None)],
    ids=["classes", "weighted", "numbers"],
)
def test_metrics_do_not_depend_on_where_an_epoch_was_cut(task, weight, members, batch):
    y, loss = (LABELS, SoftmaxCrossEntropy()) if task == "classes" else (NUMBERS, SquaredError())
    rows = Rows(X, y, weight, dtype=torch.float32)
    outputs = 3 if task == "classes" else 2
    stack = [
        Member(
            mlp(5, (6,), outputs, activation=PReLU(), dropout=0.2),
            loss=loss,
            epochs=2,
            batch_size=batch,
            seed=seed,
        )
        for seed in range(members)
    ]
    whole = trained(stack, rows, [])
    steps = -(-300 // batch)
    for cuts in ([1], [2, 1, steps // 3], [steps + 2, 2], [steps - 1]):
        cut = trained(stack, rows, cuts)
        assert cut.status == [Status.FINISHED] * members
        for index in range(members):
            told, truth = cut.history(index), whole.history(index)
            for name in set(truth) - {"seconds"}:
                assert told[name] == truth[name], (cuts, name)
        assert torch.equal(cut.last.parameters, whole.last.parameters)


def test_a_cut_within_large_batches_changes_nothing():
    """Sums of many rows are computed by several threads: by as many for some steps as for all."""
    x = np.random.default_rng(2).normal(size=(160_000, 2))
    rows = Rows(x, x[:, :1] ** 2, dtype=torch.float32)
    one = Member(mlp(2, (2,), 1), loss=SquaredError(), batch_size=40_000, epochs=1)
    losses = []
    for cuts in ([], [2], [3]):
        result = None
        for cut in [*cuts, 10**9]:
            Cut.left = cut
            result = train([one], rows, [Stream(np.arange(160_000))], resume=result)
        losses.append(result.history()["loss"])
    assert losses[0] == losses[1] == losses[2]
