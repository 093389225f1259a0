"""Clipping = torch.nn.utils', each member by itself."""

import pytest
import torch

from wellfit.core import registry
from wellfit.core.errors import HyperparameterError
from wellfit.optim import ClipByLayerNorm, ClipByNorm, ClipByValue

SHAPES = [(5, 4), (2, 4), (0, 0), (5, 3)]  # of one member's layers, one without parameters
LIMITS = [0.5, 3.0, 1e-3, 1e6]


def gradients(members: int = 4) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """A flat buffer, and its layers (K, rows, columns); members' sizes differ."""
    sizes = [members * rows * columns for rows, columns in SHAPES]
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(sum(sizes), generator=generator, dtype=torch.float64)
    parts = flat.split(sizes)
    views = [part.view(members, *shape) for part, shape in zip(parts, SHAPES, strict=True)]
    for view in views:
        view.mul_(10.0 ** torch.arange(members).view(-1, 1, 1) / 10)
    return flat, views


def parameter(grad: torch.Tensor) -> torch.Tensor:
    one = torch.zeros_like(grad, requires_grad=True)
    one.grad = grad.clone()
    return one


def by_value(params, limit):
    torch.nn.utils.clip_grad_value_(params, limit)


def by_norm(params, limit):
    torch.nn.utils.clip_grad_norm_(params, limit)


def by_layer_norm(params, limit):
    for one in params:
        torch.nn.utils.clip_grad_norm_(one, limit)


ORACLES = {ClipByValue: by_value, ClipByNorm: by_norm, ClipByLayerNorm: by_layer_norm}


def test_every_clipping_has_an_oracle():
    known = {registry.lookup("clipping", name) for name in registry.names("clipping")}
    assert set(ORACLES) == known


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("cls", ORACLES)
def test_clipping_is_torchs_for_each_member(cls, shared):
    _, grads = gradients()
    limits = [0.5] * 4 if shared else LIMITS
    expected = [[parameter(grad[k]) for grad in grads] for k in range(4)]
    for params, limit in zip(expected, limits, strict=True):
        ORACLES[cls](params, limit)
    before = [grad.clone() for grad in grads]
    cls().apply(grads, 0.5 if shared else torch.tensor(limits).double().view(-1, 1, 1))
    for layer, grad in enumerate(grads):
        theirs = torch.stack([expected[k][layer].grad for k in range(4)])
        # PyTorch adds 1e-6 to the norm.
        torch.testing.assert_close(grad, theirs, rtol=2e-5, atol=0)
    assert shared or torch.equal(grads[0][3], before[0][3])
    assert not torch.equal(grads[0][2], before[0][2])


@pytest.mark.parametrize("cls", ORACLES)
@pytest.mark.parametrize("broken", [float("inf"), float("nan")])
def test_a_broken_member_changes_no_other_and_stays_broken(cls, broken):
    _, whole = gradients()
    _, grads = gradients()
    grads[3][1, 2, 0] = broken
    for each in (whole, grads):
        cls().apply(each, 1.0)
    for grad, expected in zip(grads, whole, strict=True):
        for member in (0, 2, 3):
            assert torch.equal(grad[member], expected[member])
    if cls is not ClipByValue or broken != broken:
        assert not torch.isfinite(grads[3][1]).all()


@pytest.mark.parametrize("cls", ORACLES)
def test_no_gradient_is_no_trouble(cls):
    flat, grads = gradients()
    flat.zero_()
    cls().apply(grads, 1.0)
    assert (flat == 0).all()


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_positive(limit):
    with pytest.raises(HyperparameterError, match=r"limit of clipping 'by_norm'.*\(0, inf\)"):
        ClipByNorm(limit)
