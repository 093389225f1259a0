"""Law: written-out backprop = autograd = finite differences."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from engine import CPU, FLOAT64, every, label, member, network, targets
from wellfit.nn import (
    SELU,
    Activate,
    AlphaDropout,
    BatchNorm,
    Dropout,
    GaussianNoise,
    Network,
    PReLU,
    Softsign,
    mlp,
)
from wellfit.nn.layers import Linear
from wellfit.training import Stack, Weights
from wellfit.training.step import Step

K, B = 3, 8


def stack_of(**options) -> Stack:
    members = [member(seed=seed, **options) for seed in range(K)]
    return Stack(members, Weights.initial(members, FLOAT64, CPU))


def batch(loss, outputs=3, inputs=4):
    x = torch.randn(K, B, inputs + 1, dtype=FLOAT64, generator=torch.Generator().manual_seed(0))
    x[..., -1] = 1
    y = torch.as_tensor(targets(loss, K * B, outputs))
    return x, loss.encode(y.view(K, B, *y.shape[1:]), outputs, FLOAT64)


def cost(stack: Stack, x, target) -> torch.Tensor:
    """The members' mean losses and penalties (K,), computed forward only."""
    first = stack.members[0]
    executor = stack.executor(B, 1)
    executor.refresh(0, 1)
    statistics = stack.weights.statistics.clone()
    total = first.loss.value(executor.forward(x).transpose(1, 2).clone(), target, stack.loss).mean(
        -1
    )
    stack.weights.statistics.copy_(statistics)
    weights = stack.network.parameters.weights(stack.weights.parameters, stack.k)
    values = next(stack.step_schedule.values(0, 1))
    for penalty, strength in zip(first.penalties, values.strengths, strict=True):
        total = total + sum(penalty.value(weight, strength) for weight in weights)
    return total


def written_out(stack: Stack, x, target) -> torch.Tensor:
    """The gradients that a step of training computes."""
    step, values = Step(stack, B, 1), next(stack.step_schedule.values(0, 1))
    step.refresh(0, 1)
    step.compute(torch.empty(K, stack.network.outputs, B, dtype=FLOAT64), values, x, target)
    return stack.gradients.clone()


def finite_differences(stack: Stack, x, target, h=1e-6) -> torch.Tensor:
    """The same parameter of all members is moved at once: they never meet."""
    grad = torch.empty_like(stack.weights.parameters)
    flats = [stack.weights.parameters, grad]
    views = (stack.network.parameters.views(flat, K) for flat in flats)
    for block, slopes in zip(*views, strict=True):
        for row, column in itertools.product(*map(range, block.shape[1:])):
            kept = block[:, row, column].clone()
            block[:, row, column] = kept + h
            above = cost(stack, x, target)
            block[:, row, column] = kept - h
            below = cost(stack, x, target)
            block[:, row, column] = kept
            slopes[:, row, column] = (above - below) / (2 * h)
    return grad


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_every_activation(activation):
    stack = stack_of(network=network(activation=activation))
    x, target = batch(stack.members[0].loss)
    expected = finite_differences(stack, x, target)
    torch.testing.assert_close(written_out(stack, x, target), expected, rtol=1e-5, atol=1e-8)


# Their gradients are added: each of them occurs, but not each with each.
LOSSES, PENALTIES = every("loss"), [None, *every("penalty")]
PAIRS = list(zip(LOSSES, itertools.cycle(PENALTIES), strict=False))
PAIRS += [(LOSSES[0], penalty) for penalty in PENALTIES[len(LOSSES) :]]


@pytest.mark.parametrize(("loss", "penalty"), PAIRS, ids=label)
def test_every_loss_and_penalty(loss, penalty):
    penalties = () if penalty is None else (penalty.replace(strength=0.1),)
    stack = stack_of(loss=loss, penalties=penalties)
    x, target = batch(loss)
    expected = finite_differences(stack, x, target)
    torch.testing.assert_close(written_out(stack, x, target), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("layer", every("layer"), ids=label)
def test_every_layer(layer):
    if hasattr(layer, "n_bins"):
        layer = layer.replace(n_bins=4)  # a number of each bin's own is two more evaluations
    stack = stack_of(network=Network(4, (Linear(5), layer, Linear(3))))
    x, target = batch(stack.members[0].loss)
    expected = finite_differences(stack, x, target)
    torch.testing.assert_close(written_out(stack, x, target), expected, rtol=1e-5, atol=1e-8)


LAYERS = {
    "linear": (Linear(3),),
    "two dense in a row": (Linear(5), Linear(3)),
    "activation first": (Activate(), Linear(5), Linear(3)),
    "dropout twice": (Dropout(0.2), Linear(5), Dropout(0.5), Dropout(0.1), Linear(3)),
    "noise first": (GaussianNoise(0.2), Linear(5), Activate(SELU()), AlphaDropout(0.2), Linear(3)),
    "learned slopes first and last": (Activate(PReLU()), Linear(5), Activate(PReLU()), Linear(3)),
    "norm after the activation": (Linear(5), Activate(Softsign()), BatchNorm(), Linear(3)),
    "norm first": (*mlp(4, (5,), 3, batch_norm=True).layers[1:2], Linear(3)),
    "norm last": (Linear(5), Activate(), Linear(3), BatchNorm()),
    "activation last": (Linear(5), Activate(), Linear(3), Activate(Softsign())),
    "norm and learned slopes last": (Linear(5), Linear(3), BatchNorm(), Activate(PReLU())),
    "norm last but one": (Linear(3), *mlp(4, (5,), 3, batch_norm=True).layers[1:2], Linear(3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_unusual_orders(name):
    stack = stack_of(network=Network(4, LAYERS[name]))
    x, target = batch(stack.members[0].loss)
    expected = finite_differences(stack, x, target)
    torch.testing.assert_close(written_out(stack, x, target), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_autograd_agrees(activation):
    """The same network written with PyTorch's own functions, differentiated by autograd."""
    named = {"identity": lambda z: z, "hard_sigmoid": F.hardsigmoid}
    theirs = named.get(activation.name) or getattr(F, activation.name)
    norm = BatchNorm(momentum=0.7, epsilon=1e-3, output=True)
    net = mlp(4, (6, 5), 3, activation=activation, batch_norm=norm)
    stack = stack_of(network=net.replace(layers=(*net.layers, Activate(activation))))
    x, target = batch(stack.members[0].loss)
    ours = stack.network.parameters.views(written_out(stack, x, target), K)
    for k in range(K):
        blocks = [block.clone().requires_grad_() for block in stack.weights.blocks(k)]
        h = x[k, :, :-1]
        for index, layer in enumerate(stack.network.layers):
            p = blocks[index]
            if layer.name == "linear":
                h = F.linear(h, p[:-1].T, p[-1])
            elif layer.name == "batch_norm":
                h = F.batch_norm(h, None, None, p[0], p[1], training=True, eps=layer.epsilon)
            else:
                h = theirs(h, *p)  # learned slopes, if it has any
        F.cross_entropy(h, target[k].T).backward()
        for mine, block in zip(ours, blocks, strict=True):
            if block.numel():
                torch.testing.assert_close(mine[k], block.grad, rtol=1e-9, atol=1e-12)


def test_batch_norm_tracks_statistics_as_pytorch_does():
    stack = stack_of(network=mlp(4, (6,), 3, batch_norm=True))
    x, target = batch(stack.members[0].loss)
    layer = stack.network.layers[1]
    theirs = torch.nn.BatchNorm1d(6, momentum=1 - layer.momentum, dtype=FLOAT64)
    dense = stack.weights.blocks(0)[0]
    theirs(x[0] @ dense)
    written_out(stack, x, target)
    ours = stack.network.statistics.views(stack.weights.statistics, K)[1][0]
    torch.testing.assert_close(ours, torch.stack([theirs.running_mean, theirs.running_var]))


def test_dropout_silences_the_share_asked_for_and_keeps_the_mean():
    stack = stack_of(network=Network(200, (Dropout(0.3), Linear(200))))
    stack.weights.parameters.zero_()
    views = stack.network.parameters.views(stack.weights.parameters, K)
    views[1][:, :-1] = torch.eye(200, dtype=FLOAT64)
    executor = stack.executor(B, 4)
    executor.refresh(0, 4)
    x = torch.ones(K, B, 201, dtype=FLOAT64)
    seen = torch.stack([executor.forward(x).clone() for _ in range(4)])
    assert seen.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert abs(float((seen == 0).double().mean()) - 0.3) < 0.01
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[:, 0], seen[:, 1])
