"""Every activation against PyTorch's, or its formula, near zero and far out."""

import pytest
import torch
from torch.nn import functional as F

from engine import FLOAT64, every, label
from wellfit.nn import ELU, GELU, LeakyReLU, PReLU, mlp

THEIRS = {
    "identity": lambda z: z.clone(),
    "hard_sigmoid": F.hardsigmoid,
    "prelu": lambda z: F.prelu(z, torch.tensor([0.25], dtype=FLOAT64)),
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
}
Z = torch.cat([torch.linspace(-4, 4, 41), torch.tensor([-1e3, -60, -25, 25, 60, 1e3])]).double()


def check(ours, theirs) -> None:
    z = Z.clone().requires_grad_()
    value = theirs(z)
    value.sum().backward()
    wide = torch.empty(2, len(Z) + 1, dtype=FLOAT64)  # results land in a part of a buffer
    out, delta = wide[:, :-1], torch.full((2, len(Z)), 3.0, dtype=FLOAT64)
    both = Z.expand(2, -1).contiguous()
    assert ours.forward(both, out) is out
    torch.testing.assert_close(out, value.detach().expand(2, -1), rtol=1e-12, atol=1e-15)
    assert ours.backward(delta, both, out) is delta
    torch.testing.assert_close(delta, 3 * z.grad.expand(2, -1), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_values_and_slopes_are_pytorchs(activation):
    check(activation, THEIRS.get(activation.name) or getattr(F, activation.name))


def test_settings_reach_the_function():
    check(GELU(approximate="tanh"), lambda z: F.gelu(z, approximate="tanh"))
    check(LeakyReLU(0.2), lambda z: F.leaky_relu(z, 0.2))
    check(ELU(0.5), lambda z: F.elu(z, 0.5))


def test_learned_slopes_start_alike_and_take_no_penalty():
    layout = mlp(4, (6,), 3, activation=PReLU(start=0.1)).parameters
    blocks = mlp(4, (6,), 3, activation=PReLU(start=0.1)).initial_parameters(seed=0)
    assert blocks[1].tolist() == [[0.1] * 6]
    assert layout.size == 5 * 6 + 6 + 7 * 3
    assert [len(view) for view in layout.weights(torch.zeros(layout.size), 1)] == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_memory_with_a_gap_after_each_row_holds_the_same(activation, rows, dtype):
    """Buffers of hidden layers end in a column of ones: their rows don't touch."""
    z = torch.randn(3, rows, 37, dtype=dtype, generator=torch.Generator().manual_seed(0))
    delta = torch.randn(3, rows, 37, dtype=dtype, generator=torch.Generator().manual_seed(1))
    gaps = torch.full((3, rows, 38), torch.nan, dtype=dtype)
    near, apart = torch.empty_like(z), gaps[..., :-1]
    expected = activation.forward(z.clone(), near).clone()
    found = activation.forward(z.clone(), apart).clone()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert gaps[..., -1].isnan().all()
    expected = activation.backward(delta.clone(), z, near)
    found = activation.backward(delta.clone(), z, apart)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
