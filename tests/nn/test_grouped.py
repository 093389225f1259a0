"""Pairs through two towers: written-out backprop = autograd on the pairs themselves."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import CPU, FLOAT64, every, label, member
from wellfit.core.errors import HyperparameterError
from wellfit.nn import (
    ELU,
    Activate,
    BatchNorm,
    ConcatRows,
    GroupedLinear,
    Linear,
    Network,
    PReLU,
    SigmoidCrossEntropy,
)
from wellfit.training import Stack, Weights
from wellfit.training.prediction import Predictor
from wellfit.training.step import Step

K, B = 3, 8
HEAD = (Linear(3), Activate(ELU()), Linear(1))
TOWERS = {
    "shared": (
        Linear(6),
        BatchNorm(),
        Activate(PReLU()),
        Linear(5),
        Activate(ELU()),
        ConcatRows(2),
    ),
    "separate": (
        ConcatRows(2),
        GroupedLinear(6, 2),
        BatchNorm(),
        Activate(PReLU()),
        GroupedLinear(5, 2),
        Activate(ELU()),
    ),
}


def stack_of(layers) -> Stack:
    members = [
        member(seed=seed, network=Network(4, layers), loss=SigmoidCrossEntropy())
        for seed in range(K)
    ]
    return Stack(members, Weights.initial(members, FLOAT64, CPU))


def pairs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows (K, 2B, 5) of B pairs, with ones, and whether each pair is alike (K, 1, B)."""
    numbers = torch.Generator().manual_seed(seed)
    x = torch.randn(K, 2 * B, 5, dtype=FLOAT64, generator=numbers)
    x[..., -1] = 1
    return x, torch.randint(0, 2, (K, 1, B), generator=numbers).to(FLOAT64)


def written_out(stack: Stack, x: Tensor, target: Tensor) -> tuple[list[Tensor], Tensor]:
    """The gradients by layer, and the logits (K, 1, B), of a step of training."""
    step, values = Step(stack, B, 1), next(stack.step_schedule.values(0, 1))
    logits = torch.empty(K, 1, B, dtype=FLOAT64)
    step.refresh(0, 1)
    step.compute(logits, values, x, target)
    return stack.network.parameters.views(stack.gradients, K), logits


def through(layers, blocks, h: Tensor) -> Tensor:
    """Rows through layers, by PyTorch's own functions."""
    for layer, p in zip(layers, blocks, strict=True):
        if isinstance(layer, Linear | GroupedLinear):
            h = F.linear(h, p[:-1].T, p[-1])
        elif isinstance(layer, BatchNorm):
            h = F.batch_norm(h, None, None, p[0], p[1], training=True, eps=layer.epsilon)
        else:
            h = getattr(F, layer.activation.name)(h, *p)
    return h


def tower(blocks: list[Tensor], half: int) -> list[Tensor]:
    """The parameters of one tower of two that lie side by side."""
    return [block.chunk(2, dim=1)[half] if block.numel() else block for block in blocks]


def logits_by_autograd(kind: str, layers, blocks: list[Tensor], rows: Tensor) -> Tensor:
    first, second = rows[0::2], rows[1::2]
    below = len(TOWERS[kind])
    if kind == "shared":
        inner, own = layers[: below - 1], blocks[: below - 1]
        both = through(inner, own, torch.cat([first, second]))
        sides = both[: len(first)], both[len(first) :]
    else:
        inner, own = layers[1:below], blocks[1:below]
        sides = tuple(
            through(inner, tower(own, half), side) for half, side in enumerate((first, second))
        )
    return through(layers[below:], blocks[below:], torch.cat(sides, dim=1))


@pytest.mark.parametrize("kind", TOWERS)
def test_autograd_agrees(kind):
    layers = (*TOWERS[kind], *HEAD)
    stack = stack_of(layers)
    x, target = pairs()
    ours, logits = written_out(stack, x, target)
    for k in range(K):
        blocks = [block.clone().requires_grad_() for block in stack.weights.blocks(k)]
        theirs = logits_by_autograd(kind, layers, blocks, x[k, :, :-1])
        torch.testing.assert_close(logits[k], theirs.T, rtol=1e-10, atol=1e-12)
        F.binary_cross_entropy_with_logits(theirs, target[k].T).backward()
        for mine, block in zip(ours, blocks, strict=True):
            if block.numel():
                torch.testing.assert_close(mine[k], block.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layer", every("layer"), ids=label)
def test_gradients_are_the_slopes_below_rows_that_merge(layer):
    """Every layer's gradient in a tower, moved along at random, is the slope of the loss."""
    stack = stack_of((Linear(5), layer, Linear(4), ConcatRows(2), Linear(1)))
    x, target = pairs(1)
    flat, h = stack.weights.parameters, 1e-6
    ours = torch.cat([view.flatten() for view in written_out(stack, x, target)[0]]).clone()
    start, statistics = flat.clone(), stack.weights.statistics.clone()
    for seed in range(3):
        way = torch.randn(flat.shape, dtype=FLOAT64, generator=torch.Generator().manual_seed(seed))
        losses = []
        for sign in (1, -1):
            flat.copy_(start).add_(way, alpha=sign * h)
            stack.weights.statistics.copy_(statistics)
            logits = written_out(stack, x, target)[1]
            losses.append(F.binary_cross_entropy_with_logits(logits, target) * K)
        slope = (losses[0] - losses[1]) / (2 * h)
        torch.testing.assert_close(ours @ way, slope, rtol=1e-5, atol=1e-8)


def test_one_row_and_one_group_are_a_plain_network():
    plain = stack_of((Linear(5), Activate(ELU()), Linear(1)))
    grouped = stack_of((GroupedLinear(5), ConcatRows(), Activate(ELU()), Linear(1)))
    grouped.weights.parameters.copy_(plain.weights.parameters)
    x, target = pairs()
    logits = [written_out(stack, x[:, :B], target)[1] for stack in (plain, grouped)]
    torch.testing.assert_close(*logits)
    torch.testing.assert_close(plain.gradients, grouped.gradients)


def test_a_predictor_takes_all_rows_of_an_example():
    stack = stack_of((*TOWERS["shared"], *HEAD))
    predictor = Predictor(stack.weights)
    x, _ = pairs()
    whole = predictor(x).clone()
    assert whole.shape == (K, B, 1)
    torch.testing.assert_close(predictor(x[:, 4:6]), whole[:, 2:3])


def test_groups_that_cannot_share_the_inputs_are_refused():
    with pytest.raises(HyperparameterError, match="5 inputs can't be shared evenly by 2 groups"):
        GroupedLinear(3, groups=2).parameters(5)


def test_groups_start_as_layers_of_their_own_size():
    """Each group's weights are drawn for its own inputs, one group after the other."""
    drawn = GroupedLinear(50, groups=2).initial_parameters(200, torch.Generator().manual_seed(0))
    same = torch.Generator().manual_seed(0)
    first, second = (Linear(50).initial_parameters(100, same) for _ in range(2))
    torch.testing.assert_close(drawn, torch.cat([first, second], dim=1))
