"""Penalties: values, derivatives, and what a decoupled one does to weights."""

import numpy as np
import pytest
import torch

from engine import every, label, member, parameters, run, table
from wellfit.core.errors import HyperparameterError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L1, L2, SGD, Adam, AdamW

ROWS = table(SoftmaxCrossEntropy())
PENALTIES = pytest.mark.parametrize("penalty", every("penalty"), ids=label)
STRENGTH = torch.tensor([0.3, 0.7], dtype=torch.float64).view(2, 1, 1)


def weights():
    """Of two members; none is zero, where λ|w| has no derivative."""
    drawn = np.random.default_rng(0).normal(size=(2, 4, 3))
    return torch.from_numpy(drawn + 0.1 * np.sign(drawn))


def formula(penalty, weight, strength):
    power = {"l1": weight.abs(), "l2": weight.square() / 2}[penalty.name]
    return (power * strength).sum((1, 2))


@PENALTIES
def test_the_gradient_is_that_of_the_value(penalty):
    weight, grad = weights().requires_grad_(), torch.ones(2, 4, 3, dtype=torch.float64)
    value = penalty.value(weight, STRENGTH)
    torch.testing.assert_close(value, formula(penalty, weight, STRENGTH))
    (expected,) = torch.autograd.grad(value.sum(), weight)
    penalty.add_gradient(weight.detach(), STRENGTH, grad)
    torch.testing.assert_close(grad - 1, expected)


@PENALTIES
def test_a_number_for_all_members_is_as_good_as_one_each(penalty):
    weight, each = weights(), torch.full((2, 1, 1), 0.3, dtype=torch.float64)
    one, many = torch.zeros_like(weight), torch.zeros_like(weight)
    penalty.add_gradient(weight, 0.3, one)
    penalty.add_gradient(weight, each, many)
    torch.testing.assert_close(one, many)
    shrunk = [weights(), weights()]
    penalty.shrink(shrunk[0], 0.3)
    penalty.shrink(shrunk[1], each)
    torch.testing.assert_close(*shrunk)


def test_shrinking_by_l1_is_the_soft_threshold():
    weight = weights()
    expected = torch.nn.functional.softshrink(weight[0], 0.4), torch.zeros(4, 3).double()
    L1(decoupled=True).shrink(weight, torch.tensor([0.4, 1e9]).double().view(2, 1, 1))
    torch.testing.assert_close(weight, torch.stack(expected))


def test_adam_with_decoupled_l2_is_adamw():
    settings = {"network": mlp(4, (6,), 3), "epochs": 5}
    ours = run(
        [member(optimizer=Adam(0.02), penalties=(L2(0.3, decoupled=True),), **settings)], ROWS
    )
    theirs = run([member(optimizer=AdamW(0.02, weight_decay=0.3), **settings)], ROWS)
    np.testing.assert_allclose(parameters(ours, 0), parameters(theirs, 0), atol=1e-12)
    coupled = run([member(optimizer=Adam(0.02), penalties=(L2(0.3),), **settings)], ROWS)
    assert np.abs(parameters(coupled, 0) - parameters(ours, 0)).max() > 1e-3


def test_decoupled_l1_is_the_proximal_step_after_the_update():
    net = mlp(4, (), 3)
    one = {"network": net, "batch_size": 1000, "epochs": 1, "optimizer": SGD(0.5)}
    free = run([member(**one)], ROWS).weights().blocks(0)[0]
    ours = run([member(penalties=(L1(0.6, decoupled=True),), **one)], ROWS).weights().blocks(0)[0]
    expected = torch.nn.functional.softshrink(free[:-1], 0.5 * 0.6)
    assert 0 < int((expected == 0).sum()) < expected.numel()
    torch.testing.assert_close(ours[:-1], expected)
    torch.testing.assert_close(ours[-1], free[-1])  # the bias


@PENALTIES
@pytest.mark.parametrize("decoupled", [False, True], ids=["in the loss", "decoupled"])
def test_a_penalty_is_for_the_layers_it_names(penalty, decoupled):
    one = {"network": mlp(4, (6, 5), 3), "batch_size": 1000, "epochs": 1, "optimizer": SGD(0.1)}
    named = penalty.replace(strength=0.5, decoupled=decoupled, only=(1,))
    free = run([member(**one)], ROWS).weights().blocks(0)
    ours = run([member(penalties=(named,), **one)], ROWS).weights().blocks(0)
    changed = [bool((a[:-1] != b[:-1]).any()) for a, b in zip(free, ours, strict=True) if len(a)]
    assert changed == [False, True, False]
    for a, b in zip(free, ours, strict=True):
        torch.testing.assert_close(a[-1:], b[-1:])


@PENALTIES
def test_a_strength_below_zero_is_refused(penalty):
    with pytest.raises(HyperparameterError, match=r"strength of penalty .* expected .*\[0, inf\)"):
        penalty.replace(strength=-1e-3)
