import numpy as np
import pytest
import torch

from engine import every, label
from wellfit.core.members import stacked
from wellfit.optim import Constant, Exponential, OneCycle


def factors(schedule, total: int, per_epoch: int = 1, steps: int | None = None) -> np.ndarray:
    hypers = stacked([schedule], torch.float64, torch.device("cpu"))
    ts = torch.arange(steps or total, dtype=torch.float64)[:, None]
    return schedule.factor(ts, torch.tensor([float(total)]).double(), per_epoch, hypers)[
        :, 0
    ].numpy()


@pytest.mark.parametrize("total", [10, 100, 997])
def test_one_cycle_is_torchs(total):
    schedule = OneCycle()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=total, cycle_momentum=False
    )
    expected = []
    for _ in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < total:
            theirs.step()
    np.testing.assert_allclose(factors(schedule, total), expected, rtol=1e-9, atol=1e-12)


def test_exponential_smooth_and_in_jumps():
    smooth = factors(Exponential(0.5, every=2.0), 40, per_epoch=10)
    np.testing.assert_allclose(smooth, 0.5 ** (np.arange(40) / 20))
    jumps = factors(Exponential(0.5, every=2.0, staircase=True), 40, per_epoch=10)
    np.testing.assert_allclose(jumps, np.repeat([1, 0.5], 20))


def test_constant_is_constant():
    assert set(factors(Constant(), 5)) == {1.0}


@pytest.mark.parametrize("schedule", every("schedule"), ids=label)
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_every_schedule_stays_between_zero_and_one(schedule, total):
    values = factors(schedule, total)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (values <= 1).all()


@pytest.mark.parametrize("schedule", every("schedule"), ids=label)
def test_members_have_their_own_lengths(schedule):
    hypers = stacked([schedule, schedule], torch.float64, torch.device("cpu"))
    ts = torch.arange(10.0).double()[:, None]
    both = schedule.factor(ts, torch.tensor([10.0, 20.0]).double(), 1, hypers)
    both = both.expand(10, 2).numpy()
    np.testing.assert_allclose(both[:, 0], factors(schedule, 10))
    np.testing.assert_allclose(both[:, 1], factors(schedule, 20, steps=10))
