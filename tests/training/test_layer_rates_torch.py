"""Layers' rates, unfreezing and frozen batch norm against PyTorch, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from engine import CPU, FLOAT64
from wellfit.nn import BatchNorm, mlp
from wellfit.optim import L2, SGD, Adam, AdamW, ClipByNorm, LayerRates
from wellfit.training import Member, Rows, Stream, Weights, train


def torch_twin(one):
    """The same network in PyTorch, with the same first weights."""
    weights = Weights.initial([one], FLOAT64, CPU)
    modules = []
    blocks = weights.blocks(0)
    for layer, block in zip(one.network.layers, blocks, strict=True):
        if len(block) > 2:
            linear = nn.Linear(len(block) - 1, block.shape[1], dtype=FLOAT64)
            linear.weight.data, linear.bias.data = block[:-1].T.clone(), block[-1].clone()
            modules.append(linear)
        elif isinstance(layer, BatchNorm):
            modules.append(nn.BatchNorm1d(block.shape[1], dtype=FLOAT64))
        else:
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


def torch_parameters(twin):
    linear = [module for module in twin if isinstance(module, nn.Linear)]
    return [torch.cat([each.weight.T, each.bias[None]]).detach() for each in linear]


def torch_steps(twin, optimizer, count, before=lambda: None):
    x, y = torch.as_tensor(X), torch.as_tensor(Y)
    for _ in range(count):
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(x), y).backward()
        before()
        optimizer.step()


X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.random.default_rng(1).integers(0, 3, 40)
TABLE = Rows(X, Y, dtype=FLOAT64)


def full_batch(rule, layer_rates, **options):
    """Members of one step an epoch, on all rows."""
    options = {"network": mlp(4, (6, 5), 3), "epochs": 7, **options}
    return Member(optimizer=rule, batch_size=40, layer_rates=layer_rates, seed=3, **options)


def trained(one, **options):
    result = train([one], TABLE, [Stream(np.arange(40))], precision="float64", **options)
    return result, [block for block in result.weights().blocks(0) if len(block) > 2]


def groups(twin, rate, factors):
    linear = [module for module in twin if isinstance(module, nn.Linear)]
    return [
        {"params": each.parameters(), "lr": rate * factor}
        for each, factor in zip(linear, factors, strict=True)
    ]


@pytest.mark.parametrize(
    ("rule", "oracle"),
    [
        (SGD(0.5), torch.optim.SGD),
        (SGD(0.1, momentum=0.9), lambda groups: torch.optim.SGD(groups, momentum=0.9)),
        (Adam(0.03), torch.optim.Adam),
    ],
    ids=["sgd", "momentum", "adam"],
)
@pytest.mark.parametrize("factors", [(0.1, 0.3, 1.0), (0.0, 0.5, 2.0), (1.0, 0.0, 0.5)])
def test_rates_are_those_of_parameter_groups(rule, oracle, factors):
    one = full_batch(rule, LayerRates(factors))
    twin = torch_twin(one)
    torch_steps(twin, oracle(groups(twin, rule.learning_rate, factors)), 7)
    for ours, theirs in zip(trained(one)[1], torch_parameters(twin), strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_decay_goes_by_the_layers_own_rate():
    factors = (0.1, 0.0, 1.0)
    twin = torch_twin(full_batch(Adam(), LayerRates()))
    decayed = [
        {"params": [p], "lr": group["lr"], "weight_decay": 0.5 * (p.ndim == 2)}
        for group in groups(twin, 0.03, factors)
        for p in group["params"]
        if group["lr"]
    ]
    torch_steps(twin, torch.optim.AdamW(decayed), 7)
    ways = (
        full_batch(AdamW(0.03, weight_decay=0.5), LayerRates(factors)),
        full_batch(Adam(0.03), LayerRates(factors), penalties=(L2(0.5, decoupled=True),)),
    )
    for one in ways:
        for ours, theirs in zip(trained(one)[1], torch_parameters(twin), strict=True):
            np.testing.assert_allclose(ours, theirs)


def test_a_layer_that_thaws_begins_as_a_parameter_group_added_then():
    one = full_batch(Adam(0.03), LayerRates((0.5, 1, 1), start_epochs=(5, 3, 1)))
    twin = torch_twin(one)
    first, second, third = groups(twin, 0.03, (0.5, 1, 1))
    optimizer = torch.optim.Adam([third])
    torch_steps(twin, optimizer, 2)
    optimizer.add_param_group(second)
    torch_steps(twin, optimizer, 2)
    optimizer.add_param_group(first)
    torch_steps(twin, optimizer, 3)
    for ours, theirs in zip(trained(one)[1], torch_parameters(twin), strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_norms_of_gradients_count_what_learns():
    one = full_batch(SGD(0.5), LayerRates((1, 0, 0.5)), gradient_clipping=(ClipByNorm(0.05),))
    twin = torch_twin(one)
    kept = groups(twin, 0.5, (1, 0, 0.5))
    learning = [*twin[0].parameters(), *twin[4].parameters()]
    torch_steps(twin, torch.optim.SGD(kept), 7, lambda: nn.utils.clip_grad_norm_(learning, 0.05))
    other = one.replace(layer_rates=LayerRates((0, 1, 1)))
    streams = [Stream(np.arange(40))]
    both = train([other, one], TABLE, streams, precision="float64").weights().blocks(1)
    for ours, theirs in zip(
        [block for block in both if len(block) > 2], torch_parameters(twin), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)  # PyTorch adds 1e-6 to the norm


@pytest.mark.parametrize("factors", [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)])
@pytest.mark.parametrize("together", [False, True])
def test_frozen_batch_norm_is_in_evaluation_mode(factors, together):
    net = mlp(4, (6, 5), 3, batch_norm=True)
    begun, _ = trained(full_batch(SGD(0.5), LayerRates(), network=net, epochs=3))
    one = full_batch(SGD(0.5), LayerRates(factors), network=net, epochs=7)
    twin = torch_twin(one)
    torch_steps(twin, torch.optim.SGD(twin.parameters(), lr=0.5), 3)
    norms = [module for module in twin if isinstance(module, nn.BatchNorm1d)]
    for norm, factor in zip(norms, factors, strict=False):
        norm.train(bool(factor))
    frozen = [*zip(twin[::3], factors, strict=True), *zip(norms, factors, strict=False)]
    learning = [p for module, factor in frozen if factor for p in module.parameters()]
    torch_steps(twin, torch.optim.SGD(learning, lr=0.5), 4)
    if together:
        members = [one, one.replace(layer_rates=LayerRates()), one]
        joined = begun.join([begun, begun, begun])
        streams = [Stream(np.arange(40))]
        result = train(members, TABLE, streams, precision="float64", resume=joined)
    else:
        result, _ = trained(one, resume=begun)
    stats = result.last.network.statistics.views(result.last.statistics, result.last.members)
    for norm, stat in zip(norms, (stats[1], stats[4]), strict=True):
        np.testing.assert_allclose(
            stat[0], torch.stack([norm.running_mean, norm.running_var]), atol=1e-12
        )
    ours = [block for block in result.last.blocks(0) if len(block) > 2]
    for our, their in zip(ours, torch_parameters(twin), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-7, atol=1e-12)
