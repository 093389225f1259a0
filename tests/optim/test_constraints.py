"""Constraints on weights, by themselves and in training."""

import numpy as np
import pytest
import torch

from engine import every, label, member, parameters, run, table
from wellfit.core.errors import HyperparameterError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import SGD, Adam, MaxNorm

ROWS = table(SoftmaxCrossEntropy())


def weights():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(3, 5, 4)) * 2)


def test_max_norm_is_the_nearest_point_of_the_ball():
    weight, limits = weights(), torch.tensor([0.5, 3.0, 1e9], dtype=torch.float64)
    expected = weight.numpy().copy()
    for k, limit in enumerate(limits.tolist()):
        for unit in range(4):
            norm = np.sqrt((expected[k, :, unit] ** 2).sum())
            if norm > limit:
                expected[k, :, unit] *= limit / norm
    MaxNorm().apply(weight, limits.view(3, 1, 1))
    np.testing.assert_allclose(weight, expected, rtol=1e-12)
    np.testing.assert_array_equal(weight[2], weights()[2])  # those that fulfil it stay


def test_max_norm_is_torchs():
    weight = weights()
    expected = torch.renorm(weight[0], p=2, dim=1, maxnorm=2.0)
    MaxNorm(2.0).apply(weight, 2.0)
    torch.testing.assert_close(weight[0], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("constraint", every("constraint"), ids=label)
def test_a_constraint_that_is_fulfilled_changes_nothing(constraint):
    weight = weights()
    constraint.apply(weight, 1.0)
    once = weight.clone()
    constraint.apply(weight, 1.0 + 1e-9)
    torch.testing.assert_close(weight, once, rtol=1e-7, atol=0)


def test_weights_of_zero_stay_numbers():
    weight = torch.zeros(1, 3, 2)
    MaxNorm(1.0).apply(weight, 1.0)
    assert (weight == 0).all()


def test_every_step_ends_within_each_members_limit():
    limits = (0.3, 0.9)
    members = [
        member(
            network=mlp(4, (6, 5), 3),
            optimizer=Adam(0.1),
            constraints=(MaxNorm(limit, only=(0, 1)),),
        )
        for limit in limits
    ]
    result = run(members, ROWS)
    for k, limit in enumerate(limits):
        blocks = [block for block in result.weights().blocks(k) if block.numel()]
        norms = [torch.linalg.vector_norm(block[:-1], dim=0).max().item() for block in blocks]
        assert norms[0] <= limit + 1e-12
        assert norms[1] <= limit + 1e-12
        assert norms[2] > limit  # not named
        assert blocks[0][-1].abs().max() > 0.05  # biases are free


def test_a_limit_that_is_never_reached_changes_nothing():
    free, held = (
        run([member(optimizer=SGD(0.1), constraints=held)], ROWS) for held in ((), (MaxNorm(1e6),))
    )
    # PyTorch takes the steps of the one, the compiled step those of the other.
    np.testing.assert_allclose(parameters(free, 0), parameters(held, 0), atol=1e-13)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("constraint", every("constraint"), ids=label)
def test_a_limit_must_be_a_positive_number(constraint, limit):
    with pytest.raises(HyperparameterError, match=r"limit of constraint .* expected .*\(0, inf\)"):
        constraint.replace(limit=limit)
