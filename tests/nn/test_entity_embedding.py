"""Embeddings of categories: the rows they look up, their gradients, and places in a stack."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine import CPU, FLOAT64, member, parameters, run
from wellfit.core.errors import HyperparameterError
from wellfit.nn import (
    Dropout,
    EntityEmbedding,
    GaussianNoise,
    Linear,
    Network,
    PiecewiseLinear,
)
from wellfit.optim import LayerRates
from wellfit.training import Rows, Stack, Stream, Weights, load_checkpoint, save_checkpoint
from wellfit.training.step import Step

K, B = 3, 8
LEVELS = (5, 3)
RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=(60, 2)), RNG.integers(0, 5, 60), RNG.integers(0, 3, 60)])
ROWS = Rows(X, RNG.integers(0, 3, 60), dtype=FLOAT64)


def embedding(size=2, **options) -> EntityEmbedding:
    return EntityEmbedding(size, **{"levels": LEVELS, **options})


def by_formula(p, x, size):
    tables = torch.split(p, LEVELS)
    rows = [F.embedding(x[:, 2 + at].long(), table) for at, table in enumerate(tables)]
    return torch.cat([x[:, :2], *rows], 1)


@pytest.mark.parametrize("below", [False, True], ids=["first", "above a layer that learns"])
@pytest.mark.parametrize("size", [1, 3])
def test_autograd_agrees(below, size):
    # A layer of fixed codes below: the identity, whose own gradient is compared too.
    known = embedding(size, std=1.0, unknown_rate=0.0)
    layers = (*([Linear(4)] if below else []), known, Linear(3))
    members = [member(network=Network(4, layers), seed=seed) for seed in range(K)]
    stack = Stack(members, Weights.initial(members, FLOAT64, CPU))
    if below:
        first = stack.network.parameters.views(stack.weights.parameters, K)[0]
        first.copy_(torch.eye(5, 4, dtype=FLOAT64))
    x = torch.as_tensor(np.column_stack([X, np.ones(60)])[: K * B]).reshape(K, B, 5)
    y = torch.as_tensor(RNG.integers(0, 3, (K, B)))
    step, values = Step(stack, B, 1), next(stack.step_schedule.values(0, 1))
    logits = torch.empty(K, 3, B, dtype=FLOAT64)
    step.compute(logits, values, x, stack.members[0].loss.encode(y, 3, FLOAT64))
    ours = stack.network.parameters.views(stack.gradients, K)
    for k in range(K):
        blocks = [each.clone().requires_grad_() for each in stack.weights.blocks(k)]
        h = x[k, :, :-1]
        if below:
            h = F.linear(h, blocks[0][:-1].T, blocks[0][-1])
        h = by_formula(blocks[-2], h, size)
        h = F.linear(h, blocks[-1][:-1].T, blocks[-1][-1])
        torch.testing.assert_close(logits[k], h.T)
        F.cross_entropy(h, y[k]).backward()
        for mine, theirs in zip(ours, blocks, strict=True):
            torch.testing.assert_close(mine[k], theirs.grad, rtol=1e-9, atol=1e-12)


def network(layer, *others):
    return Network(4, (layer, Dropout(0.1), GaussianNoise(0.1), *others, Linear(6), Linear(3)))


FOLDS = [Stream(np.arange(40), np.arange(40, 60)), Stream(np.arange(20, 60), np.arange(20))]


@pytest.mark.parametrize("numeric", [(), (PiecewiseLinear(3, n_bins=4, columns=(0, 1)),)])
def test_members_are_as_alone(numeric):
    members = [
        member(
            network=network(
                embedding(std=0.1 * (k + 1), lr_multiplier=1.0 + k, unknown_rate=0.2 * (k + 1)),
                *numeric,
            ),
            seed=k,
            epochs=2 + k,
        )
        for k in range(2)
    ]
    together = run(members, ROWS, FOLDS)
    for k in range(2):
        alone = run([members[k]], ROWS, [FOLDS[k]])
        np.testing.assert_allclose(parameters(alone, 0), parameters(together, k), 1e-8, 1e-10)


def test_edges_of_numbers_above_it_are_those_of_the_rows():
    found = run([member(network=network(embedding(), PiecewiseLinear(3, n_bins=4)))], ROWS)
    edges = found.weights().statistics.view(5, -1)
    np.testing.assert_array_equal(edges[-1, :2], X[:, :2].max(axis=0))
    assert (edges[:, 2:] == 0).all()  # numbers of categories have none: they are lines


def test_going_on_from_a_checkpoint_is_going_on():
    one = member(network=network(embedding()), epochs=4)
    whole, half = run([one], ROWS, FOLDS[:1]), run([one], ROWS, FOLDS[:1], until=2)
    resumed = run([one], ROWS, FOLDS[:1], resume=load_checkpoint([one], *save_checkpoint(half)))
    np.testing.assert_array_equal(parameters(whole, 0), parameters(resumed, 0))


def test_it_freezes_with_the_layer_above():
    one = member(network=network(embedding()), layer_rates=LayerRates((0, 1)))
    start = Weights.initial([one], FLOAT64, CPU).blocks(0)
    after = run([one], ROWS).weights().blocks(0)
    same = [torch.equal(a, b) for a, b in zip(start, after, strict=True)]
    assert same == [True, True, True, True, False]


def test_codes_that_no_row_has_keep_their_rows():
    one = member(network=network(embedding(levels=(9, 3))))
    start = Weights.initial([one], FLOAT64, CPU).blocks(0)[0]
    after = run([one], ROWS).weights().blocks(0)[0]
    moved = (start != after).any(1)
    assert moved.tolist() == [True] * 5 + [False] * 4 + [True] * 3


def test_codes_out_of_range_are_the_nearest():
    layer = EntityEmbedding(1, levels=(2,), unknown_rate=0.0)
    one = member(network=Network(2, (layer, Linear(1))))
    stack = Stack([one], Weights.initial([one], FLOAT64, CPU))
    x = torch.tensor([[[0, -5.0, 1], [0, 0, 1], [0, 1, 1], [0, 1e9, 1]]], dtype=FLOAT64)
    executor = stack.executor(4, 1)
    executor.refresh(0, 1)
    out = executor.forward(x)[0, :, 0]
    assert (out[0], out[3]) == (out[1], out[2])
    assert out[0] != out[3]


def looked_up(rates, seeds, step=0):
    """Return which of 4,000 codes each member looks up at a step of training."""
    members = [
        member(
            network=Network(1, (EntityEmbedding(1, levels=(9,), unknown_rate=rate), Linear(1))),
            seed=seed,
        )
        for rate, seed in zip(rates, seeds, strict=True)
    ]
    stack = Stack(members, Weights.initial(members, FLOAT64, CPU))
    stack.network.parameters.views(stack.weights.parameters, len(members))[0].copy_(
        torch.arange(9.0)[:, None]
    )
    executor = stack.executor(4000, 1)
    executor.refresh(step, 1)
    x = torch.tensor([[3.0, 1]], dtype=FLOAT64).expand(len(members), 4000, 2)
    executor.forward(x)
    return executor.outputs()[0][1][..., 0]


def test_codes_are_hidden_at_random_while_training():
    codes = looked_up([0.0, 0.25, 0.6, 0.25], [0, 0, 1, 2])
    assert set(codes.unique().tolist()) == {0, 3}
    shares = (codes == 0).double().mean(1)
    np.testing.assert_allclose(shares, [0, 0.25, 0.6, 0.25], atol=0.03)
    assert not torch.equal(codes[1], codes[3])
    # As alone, and others at the next step.
    assert torch.equal(codes[3], looked_up([0.25], [2])[0])
    assert not torch.equal(codes[3], looked_up([0.25], [2], step=1)[0])


def test_the_row_of_unknown_codes_learns_from_hidden_ones():
    seen = Rows(np.column_stack([X[:, :2], 1 + X[:, 2:]]), RNG.integers(0, 3, 60), dtype=FLOAT64)
    for rate in (0.0, 0.5):
        one = member(network=network(embedding(levels=(6, 4), unknown_rate=rate)))
        start = Weights.initial([one], FLOAT64, CPU).blocks(0)[0]
        moved = (start != run([one], seen).weights().blocks(0)[0]).any(1)
        assert moved[[0, 6]].tolist() == [rate > 0] * 2


def test_what_it_refuses():
    for wrong in ((), (0,), (2.5,), 7):
        with pytest.raises(HyperparameterError, match="expected the number of codes of each col"):
            EntityEmbedding(levels=wrong)
    with pytest.raises(HyperparameterError, match="are of 2 columns, and there are 1 inputs"):
        embedding().width(1)
