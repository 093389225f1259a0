"""Checks of activation functions."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.nn import Activation, mlp
from wellfit.testing.configs import check_config
from wellfit.testing.training import assert_same, member, run

_STEP = 1e-6  # of the finite differences
_NEAR = 1e-4  # around 0, where many functions have a corner


def check_activation(activation: Activation) -> None:
    """Check an activation's derivative, its use of memory, and training with it in a stack.

    Args:
        activation: to be checked.

    Raises:
        AssertionError: a law is broken; the message says which.

    >>> from wellfit.nn import Mish
    >>> check_activation(Mish())
    """
    check_config(activation)
    z = torch.linspace(-5, 5, 202, dtype=torch.float64).expand(2, -1).clone()
    # At a corner the two one-sided derivatives differ, and their mean is neither.
    z = z[:, z[0].abs() > _NEAR]
    _check_memory(activation, z)
    _check_derivative(activation, z)
    _check_stack(activation)


def _check_memory(activation: Activation, z: Tensor) -> None:
    """Compute into a part of a wider buffer, whose rows aren't contiguous, as in the engine."""
    # NaN beside the results shows any kernel that writes out of its place.
    wide = torch.full((*z.shape[:-1], z.shape[-1] + 1), torch.nan, dtype=z.dtype)
    before, out = z.clone(), wide[..., :-1]
    if activation.forward(z, out) is not out:
        raise AssertionError("broken law: forward writes into out and returns it")
    if not torch.equal(z, before):
        raise AssertionError("broken law: forward leaves z as it is")
    if not bool(wide[..., -1].isnan().all()):
        raise AssertionError("broken law: forward writes nothing beside out")
    delta = torch.ones_like(z)
    if activation.backward(delta, z, out) is not delta:
        raise AssertionError("broken law: backward multiplies delta in place and returns it")


def _check_derivative(activation: Activation, z: Tensor) -> None:
    """Compare backward with central differences of forward."""
    up, down = (activation.forward(z + h, torch.empty_like(z)) for h in (_STEP, -_STEP))
    # A delta of 3, so that a backward which ignores delta is found out.
    expected = 3 * (up - down) / (2 * _STEP)
    out = activation.forward(z, torch.empty_like(z))
    found = activation.backward(torch.full_like(z, 3.0), z, out)
    worst = float((found - expected).abs().max())
    if not worst <= 1e-5:
        raise AssertionError(
            f"broken law: backward is the derivative of forward; they differ by up to {worst:.3g}"
        )


def _check_stack(activation: Activation) -> None:
    network = mlp(4, (6,), 3, activation=activation)
    members = [member(seed, network=network) for seed in range(3)]
    together = run(members)
    for k, one in enumerate(members):
        assert_same(run([one]), 0, together, k, "a network ends in a stack where it ends alone")
