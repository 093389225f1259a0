"""Embeddings of numeric features: their formulas, gradients, edges, and places in a stack."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from engine import CPU, FLOAT64, every, label, member, parameters, run
from wellfit.core.errors import HyperparameterError
from wellfit.nn import (
    Dropout,
    Network,
    NumericEmbedding,
    Periodic,
    PiecewiseLinear,
    PiecewiseWithJumps,
)
from wellfit.nn.embeddings import base
from wellfit.nn.layers import Linear
from wellfit.optim import SGD, LayerRates
from wellfit.training import (
    Rows,
    Stack,
    Stream,
    Weights,
    load_checkpoint,
    predict,
    save_checkpoint,
    train,
)
from wellfit.training.step import Step

K, B = 3, 8
KINDS = [
    PiecewiseLinear(3, n_bins=5),
    PiecewiseLinear(3, "relu", n_bins=5, columns=(0, 3)),
    PiecewiseLinear(1, n_bins=4, columns=(1, 2)),
    PiecewiseWithJumps(3, n_bins=5),
    PiecewiseWithJumps(2, "relu", n_bins=4, columns=(0, 3)),
    PiecewiseWithJumps(3, n_bins=5, columns=(0, 1, 3), jumping=(1, 3)),
    PiecewiseWithJumps(2, "relu", n_bins=3, jumping=(2,)),
    Periodic(n_frequencies=5),
    Periodic(2, "relu", n_frequencies=3, columns=(1,)),
    Periodic(columns=(0, 2), n_frequencies=4),
]
KIND = pytest.mark.parametrize("layer", KINDS, ids=repr)


def numbers(layer, p, edges, x, place):
    """What a column becomes, by the formula."""
    if isinstance(layer, PiecewiseLinear):
        T = layer.n_bins
        p, jumps = p[: T + 2], p[T + 2 :].flatten()
        edges, factor = edges[: T + 1], edges[T + 1 :]
        own = slice(place * layer.size, (place + 1) * layer.size)
        last = int((edges[1:, place] > edges[:-1, place]).sum()) - 1
        shares = []
        for t in range(last + 1):
            share = (x - edges[t, place]) / (edges[t + 1, place] - edges[t, place])
            share = share.clamp(min=0) if t > 0 else share
            shares.append(share.clamp(max=1) if t < last else share)
        made = torch.stack(shares, 1) @ p[: last + 1, own] + x[:, None] * p[-2, own] + p[-1, own]
        may_jump = layer.may_jump(4) if isinstance(layer, PiecewiseWithJumps) else []
        if place in may_jump:
            inner = edges[1 : last + 1, place].contiguous()
            bins = torch.searchsorted(inner, x.contiguous(), right=True)
            jumps = jumps[: T * len(may_jump) * layer.size].view(T, -1, layer.size)
            made = made + factor[0, place] * jumps[bins, may_jump.index(place)]
        return made.relu() if layer.activation else made
    n, size = layer.n_frequencies, layer.size - 1
    w, phase, a, b = torch.split(p[:, place], [n, n, n * size, size])
    made = torch.cos(2 * math.pi * x[:, None] * w + phase) @ a.view(n, size) + b
    return torch.cat([made.relu() if layer.activation else made, x[:, None]], 1)


def by_formula(layer, p, edges, x):
    columns, kept = layer.embedded(x.shape[1]), layer.kept(x.shape[1])
    made = [numbers(layer, p, edges, x[:, at], place) for place, at in enumerate(columns)]
    return torch.cat([*made, x[:, list(kept)]], 1)


def moved(layers):
    """Members away from their start, with edges of their own, some of them doubled."""
    members = [member(network=Network(4, layers), seed=seed) for seed in range(K)]
    stack = Stack(members, Weights.initial(members, FLOAT64, CPU))
    draw = torch.Generator().manual_seed(0)
    flat = stack.weights.parameters
    flat.add_(0.3 * torch.randn(flat.shape, generator=draw, dtype=FLOAT64))
    for view in stack.network.statistics.views(stack.weights.statistics, K):
        if view.numel():
            view.add_(0.5 * torch.rand(view.shape, generator=draw, dtype=FLOAT64))
            view.copy_(view.sort(1).values)
            view[1, -2:] = view[1, -3:-2]
    x = torch.randn(K, B, 5, dtype=FLOAT64, generator=draw)
    x[..., -1] = 1
    return stack, x, torch.randint(0, 3, (K, B), generator=draw)


@KIND
@pytest.mark.parametrize("below", [(), (Linear(4),)], ids=["first", "above"])
@pytest.mark.parametrize("block", [base._BLOCK, 7], ids=["one block", "blocks"])
def test_autograd_agrees(layer, below, block, monkeypatch):
    monkeypatch.setattr(base, "_BLOCK", block)
    stack, x, y = moved((*below, layer, Linear(3)))
    step, values = Step(stack, B, 1), next(stack.step_schedule.values(0, 1))
    logits = torch.empty(K, 3, B, dtype=FLOAT64)
    target = stack.members[0].loss.encode(y, 3, FLOAT64)
    step.compute(logits, values, x, target)
    ours = stack.network.parameters.views(stack.gradients, K)
    edges = stack.network.statistics.views(stack.weights.statistics, K)
    for k in range(K):
        blocks = [each.clone().requires_grad_() for each in stack.weights.blocks(k)]
        h = x[k, :, :-1]
        for place, each in enumerate(stack.network.layers):
            p = blocks[place]
            linear = isinstance(each, Linear)
            h = F.linear(h, p[:-1].T, p[-1]) if linear else by_formula(
                each, p, edges[place][k], h
            )  # fmt: skip
        torch.testing.assert_close(logits[k], h.T)
        F.cross_entropy(h, y[k]).backward()
        for mine, theirs in zip(ours, blocks, strict=True):
            torch.testing.assert_close(mine[k], theirs.grad, rtol=1e-9, atol=1e-12)


# --- edges ----------------------------------------------------------------------------------

X = np.random.default_rng(0).gamma(2.0, size=(120, 4)).round(2)
X[:, 1] = np.arange(120) % 5
Y = (X[:, 0] > 2).astype(int) + (X[:, 1] == 3)


def edges_of(x, y, weight=None, **options) -> list[np.ndarray]:
    """The distinct edges of every column."""
    layer = PiecewiseLinear(**options)
    weight = None if weight is None else torch.tensor(weight)
    edges = layer.statistics_of(torch.tensor(x), torch.tensor(y), weight)
    assert edges.shape == (layer.n_bins + 1, x.shape[1])
    layer.check_statistics(edges)
    return [np.unique(column) for column in edges.numpy().T]


def test_bins_hold_as_many_rows_each():
    edges = edges_of(X, Y, n_bins=6, bins="quantile")[0]
    inside = np.histogram(X[:, 0], edges)[0]
    assert len(edges) == 7
    assert (abs(inside - 20) <= 4).all()
    assert (edges[0], edges[-1]) == (X[:, 0].min(), X[:, 0].max())


@pytest.mark.parametrize("bins", ["quantile", "tree"])
def test_few_values_are_edges_each(bins):
    assert edges_of(X, Y, n_bins=6, bins=bins)[1].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("bins", ["quantile", "tree"])
def test_more_bins_than_rows_and_equal_values(bins):
    few = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 3.0]])
    assert [len(each) for each in edges_of(few, Y[:3], n_bins=64, bins=bins)] == [1, 2]


def test_a_tree_splits_where_the_target_jumps():
    x = np.linspace(0, 10, 400)[:, None]
    jumps = (x[:, 0] > 2.013) * 3.0 - (x[:, 0] > 7.5)
    edges = edges_of(x, jumps, n_bins=8, bins="tree")[0]
    assert len(edges) == 4  # no split that gains nothing
    np.testing.assert_allclose(edges[1:3], [2.013, 7.5], atol=0.03)
    classes = edges_of(x, (x[:, 0] > 4).astype(int), n_bins=2, bins="tree")[0]
    np.testing.assert_allclose(classes[1], 4, atol=0.03)


def test_a_tree_is_scikit_learns():
    from sklearn.tree import DecisionTreeRegressor

    draw = np.random.default_rng(1)
    x = draw.normal(size=(500, 1))
    y = np.sin(3 * x[:, 0]) + 0.1 * draw.normal(size=500)
    tree = DecisionTreeRegressor(max_leaf_nodes=8, min_samples_leaf=math.ceil(500 * 0.1 / 8))
    found = tree.fit(x, y).tree_
    splits = np.sort(found.threshold[found.children_left >= 0])
    ours = edges_of(x, y, n_bins=8, bins="tree")[0][1:-1]
    np.testing.assert_allclose(ours, splits, rtol=1e-6)


@pytest.mark.parametrize("bins", ["quantile", "tree"])
@given(counts=st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_a_weight_is_a_number_of_rows(bins, counts):
    counts = np.array([*counts, 1])
    x, y = X[:31], Y[:31]
    weighted = edges_of(x, y, counts / counts.mean(), n_bins=5, bins=bins)
    repeated = edges_of(np.repeat(x, counts, axis=0), np.repeat(y, counts), n_bins=5, bins=bins)
    for ours, theirs in zip(weighted, repeated, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- jumps ----------------------------------------------------------------------------------


def jumping(x, y, **options) -> list[bool]:
    """Whether each column is found to jump."""
    layer = PiecewiseWithJumps(**options)
    found = layer.statistics_of(torch.tensor(x), torch.tensor(y), None)
    layer.check_statistics(found)
    assert set(found[-1].tolist()) <= {0.0, 3.0}
    for n_bins, factor in ((layer.n_bins, 3.0), (layer.n_bins // 2, 0.0)):
        expected = edges_of(x, y, n_bins=n_bins)
        for place in np.flatnonzero(found[-1] == factor):
            edges = np.unique(found[:-1, place])
            if factor:  # no value is an edge, by which rounding would move it to another bin
                assert not np.isin(edges[1:-1], x[:, place]).any()
                np.testing.assert_array_equal(edges[[0, -1]], expected[place][[0, -1]])
                assert len(edges) == len(expected[place])
            else:
                np.testing.assert_array_equal(edges, expected[place])
    return [factor > 0 for factor in found[-1].tolist()]


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_features_jump_where_single_values_have_an_effect_of_their_own(seed, classes):
    draw = np.random.default_rng(seed)
    amounts, effects = draw.choice(10**5, 100, replace=False), draw.normal(size=100)
    which = np.where(draw.random(4000) < 0.7, 0, draw.integers(1, 100, 4000))
    x = np.column_stack([amounts[which], *draw.normal(size=(3, 4000)), np.arange(4000) % 24.0])
    smooth = np.sin(2 * x[:, 1]) + 0.1 * x[:, 2] ** 3
    y = 3 * effects[which] + smooth + (x[:, 4] % 2) + 0.5 * draw.normal(size=4000)
    y = (y > np.median(y)).astype(int) if classes else y
    # Neither smooth effects, nor none, nor few values, where an edge at each says all.
    assert jumping(x, y) == [True, False, False, False, False]


def test_jumps_are_found_in_few_rows_of_any_order_and_of_any_weight():
    assert jumping(X, Y) == [False] * 4
    assert jumping(X[:1], Y[:1]) == [False] * 4
    draw = np.random.default_rng(0)
    x = np.sort(draw.integers(0, 60, 2000)).astype(float)
    y = draw.normal(size=60)[x.astype(int)]
    assert jumping(x[:, None], y) == [True]
    layer, target = PiecewiseWithJumps(), torch.tensor(y)
    doubled = np.column_stack([np.r_[x, -x], np.zeros(4000)])
    weight = torch.tensor(np.repeat([1.0, 0.0], 2000))
    found = layer.statistics_of(torch.tensor(doubled), torch.cat([target, target]), weight)
    assert found[-1].tolist() == [3.0, 0.0]


def test_columns_together_are_as_alone(monkeypatch):
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.normal(size=(600, 3)), draw.integers(0, 60, 600), np.ones(600)])
    y = np.column_stack([draw.normal(size=60)[x[:, 3].astype(int)], np.sin(x[:, 0])])
    layer, target = PiecewiseWithJumps(n_bins=24), torch.tensor(y)
    together = layer.statistics_of(torch.tensor(x), target, None)
    for place, column in enumerate(x.T):
        alone = layer.statistics_of(torch.tensor(column[:, None]), target, None)
        assert torch.equal(alone[:, 0], together[:, place])
    monkeypatch.setattr("wellfit.nn.embeddings.edges._MOST_CELLS", 2400)  # two columns at once
    monkeypatch.setattr("wellfit.nn.embeddings.remembering._known", {})
    assert torch.equal(layer.statistics_of(torch.tensor(x), target, None), together)


def test_what_rows_say_is_found_once(monkeypatch):
    known = {}
    monkeypatch.setattr("wellfit.nn.embeddings.remembering._known", known)
    layer, x, y = PiecewiseLinear(n_bins=4), torch.tensor(X), torch.tensor(Y)
    first = layer.statistics_of(x, y, None)
    assert layer.statistics_of(x.clone(), y.clone(), None) is first
    heavier = torch.ones(len(y), dtype=FLOAT64)
    heavier[:20] = 5
    others = [(layer, x + 1, y, None), (layer, x, y.flip(0), None), (layer, x, y, heavier)]
    others += [(layer.replace(n_bins=5), x, y, None)]
    for one, *rows in others:
        assert not torch.equal(one.statistics_of(*rows), first)
    assert len(known) == 5
    monkeypatch.setattr("wellfit.nn.embeddings.remembering._MOST", 5)
    layer.statistics_of(x - 1, y, None)
    assert len(known) == 1


@pytest.mark.parametrize("n_bins", [96, 3, 2])
def test_an_embedding_fitted_to_rows_has_numbers_for_columns_that_jump(n_bins):
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.normal(size=2000), draw.integers(0, 60, 2000), np.ones(2000)])
    smooth, jumps = np.sin(x[:, 0]), draw.normal(size=60)[x[:, 1].astype(int)]
    x, smooth, jumps = (torch.tensor(each) for each in (x, smooth, jumps))
    given = {"columns": (0, 1), "lr_multiplier": 2.0}
    layer = PiecewiseWithJumps(3, "relu", n_bins, **given)
    if n_bins > 3:
        some = layer.fitted_to(x, jumps, None)
        assert some == layer.replace(jumping=(1,))
        assert torch.equal(*(each.statistics_of(x, jumps, None) for each in (layer, some)))
    plain = layer.fitted_to(x, smooth, None)
    assert plain == PiecewiseLinear(3, "relu", max(2, n_bins // 2), **given)
    found, whole = (each.statistics_of(x, smooth, None) for each in (plain, layer))
    assert torch.equal(found, whole[: len(found)])


@pytest.mark.parametrize(
    ("columns", "jumping", "what"),
    [((0, 2), (1,), "holds 1; expected some of its columns, .0, 2."), ((), (2, 1), "ascending")],
)
def test_columns_that_may_jump_are_embedded(columns, jumping, what):
    with pytest.raises(HyperparameterError, match=f"jumping of numeric_embedding.*{what}"):
        PiecewiseWithJumps(columns=columns, jumping=jumping)


# --- stacks ---------------------------------------------------------------------------------

ROWS = Rows(X, Y, dtype=FLOAT64)
FOLDS = [Stream(np.arange(80), np.arange(80, 120)), Stream(np.arange(40, 120), np.arange(40))]


def embedding_network(layer, **options):
    return member(network=Network(4, (Dropout(0.1), layer, Linear(6), Linear(3))), **options)


@pytest.mark.parametrize("layer", every("numeric_embedding"), ids=label)
def test_folds_with_edges_of_their_own_are_as_alone(layer):
    members = [
        embedding_network(layer.replace(lr_multiplier=1 + k), seed=k, epochs=2 + k)
        for k in range(2)
    ]
    together = run(members, ROWS, FOLDS)
    for k in range(2):
        alone = run([members[k]], ROWS, [FOLDS[k]])
        np.testing.assert_allclose(parameters(alone, 0), parameters(together, k), 1e-8, 1e-10)
        np.testing.assert_array_equal(own(alone, 0), own(together, k))
    if layer.starts_from_rows:
        assert (own(together, 0) != own(together, 1)).any()


def own(result, k):
    """A member's statistics."""
    weights = result.weights()
    views = weights.network.statistics.views(weights.statistics, weights.members)
    return torch.cat([view[k].flatten() for view in views])


def test_edges_are_those_of_the_training_rows():
    result = run([embedding_network(PiecewiseLinear(n_bins=6))], ROWS, FOLDS[:1])
    edges = own(result, 0).view(7, 4)
    assert [len(np.unique(each)) for each in edges.T] == [7, 5, 7, 7]
    np.testing.assert_array_equal(edges[-1], X[:80].max(axis=0))


@pytest.mark.parametrize("layer", every("numeric_embedding"), ids=label)
def test_going_on_from_a_checkpoint_is_going_on(layer):
    one = embedding_network(layer, epochs=4)
    whole, half = run([one], ROWS, FOLDS[:1]), run([one], ROWS, FOLDS[:1], until=2)
    resumed = run([one], ROWS, FOLDS[:1], resume=load_checkpoint([one], *save_checkpoint(half)))
    np.testing.assert_array_equal(parameters(whole, 0), parameters(resumed, 0))
    np.testing.assert_array_equal(own(whole, 0), own(resumed, 0))


@pytest.mark.parametrize("layer", every("numeric_embedding"), ids=label)
def test_its_rate_is_a_parameter_group_of_pytorchs(layer):
    steps = []
    for factor in (1.0, 0.25):
        one = member(
            network=Network(4, (layer.replace(lr_multiplier=factor), Linear(3))),
            optimizer=SGD(0.1),
            batch_size=120,
            epochs=1,
        )
        start = Weights.initial([one], FLOAT64, CPU).blocks(0)
        after = run([one], ROWS).weights().blocks(0)
        steps.append([b - a for a, b in zip(start, after, strict=True)])
    torch.testing.assert_close(steps[1][0], 0.25 * steps[0][0])
    torch.testing.assert_close(steps[1][1], steps[0][1])
    assert (steps[0][0] != 0).any()


@pytest.mark.parametrize("layer", every("numeric_embedding"), ids=label)
def test_it_freezes_with_the_layer_above(layer):
    one = embedding_network(layer, layer_rates=LayerRates((0, 1)))
    start = Weights.initial([one], FLOAT64, CPU).blocks(0)
    after = run([one], ROWS).weights().blocks(0)
    same = [torch.equal(a, b) for a, b in zip(start, after, strict=True)]
    assert same == [True, True, True, False]


@pytest.mark.parametrize("layer", every("numeric_embedding"), ids=label)
def test_float32_and_bfloat16_are_near(layer):
    one = embedding_network(layer)
    rows = Rows(X, Y)
    found = {}
    for precision in ("float32", "bfloat16"):
        weights = train([one], rows, [Stream(np.arange(120))], precision=precision).weights()
        found[precision] = predict(weights, X, lambda z: z.clone(), precision=precision)
    exact = predict(run([one], ROWS).weights(), X, lambda z: z.clone(), precision="float64")
    np.testing.assert_allclose(found["float32"], exact, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found["bfloat16"], exact, rtol=0.1, atol=0.1)


# --- refusals -------------------------------------------------------------------------------


def test_columns_are_positions():
    for wrong in ((1, 0), (0, 0), (-1,), "ab", (0.5,)):
        with pytest.raises(HyperparameterError, match="positions of inputs from 0, in ascending"):
            PiecewiseLinear(columns=wrong)
    with pytest.raises(HyperparameterError, match="hold 7, and there are 4 inputs"):
        assert Network(4, (Periodic(columns=(7,)), Linear(3))).widths
    with pytest.raises(HyperparameterError, match="the edges of numeric_embedding"):
        PiecewiseLinear().check_statistics(torch.tensor([[1.0], [0.0]]))


def test_an_embedding_is_a_layer_of_a_family_of_its_own():
    assert {each.name for each in every("numeric_embedding")} == {
        "piecewise_linear",
        "piecewise_with_jumps",
        "periodic",
    }
    assert all(isinstance(each, NumericEmbedding) for each in every("numeric_embedding"))
    assert PiecewiseLinear(4, columns=(1,)).width(3) == 6
    with pytest.raises(HyperparameterError, match="size of numeric_embedding 'periodic' is 1"):
        Periodic(1)
