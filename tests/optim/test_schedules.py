"""Schedules = torch.optim.lr_scheduler's, or their formula."""

import json
import math

import numpy as np
import pytest
import torch

from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.core.hyper import from_dict
from wellfit.core.stacking import stack_key, stacked
from wellfit.optim import (
    ConstantSchedule,
    Cosine,
    Custom,
    Exponential,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    Power,
    Ramp,
    Schedule,
    TimeBased,
    WarmUp,
)

DEFAULTS = [
    cls()
    for cls in (registry.lookup("schedule", name) for name in registry.names("schedule"))
    if cls.__module__.startswith("wellfit.optim")
]
VARIED = [
    *DEFAULTS,
    TimeBased(0.5, every=0.3, staircase=True),
    PiecewiseConstant((0.5, 1), (1, 2, 0)),
    Power(0.1, 3.0),
    Polynomial(power=0.0, end=0.5),
    Ramp(0.0, 5.0, share=1e-9),
    Cosine(period=0.7, multiplier=1.5, decay=0.5, end=0.1),
    Cosine(period=1e-3),
    WarmUp(0.0),
    WarmUp(1000.0),
    WarmUp(1.0, unit="run", then=OneCycle()),
    WarmUp(3.0, then=WarmUp(2.0, then=Cosine(period=2.0))),
    Custom(lambda step, total: step / total),
]


def name_of(schedule):
    return repr(schedule)


def factors(schedule, total: int, per_epoch: int = 1, steps: int | None = None) -> np.ndarray:
    return together([schedule], [total], per_epoch, steps or total)[:, 0]


def together(schedules, totals, per_epoch: int, steps: int) -> np.ndarray:
    """The factors (n, K) on K members."""
    hypers = stacked(schedules, torch.float64, torch.device("cpu"))
    ts = torch.arange(steps, dtype=torch.float64)[:, None]
    total = torch.tensor(totals, dtype=torch.float64)
    values = schedules[0].factor(ts, total, per_epoch, hypers)
    return values.expand(steps, len(totals)).numpy()


def torchs(make, steps: int) -> np.ndarray:
    """The learning rates of one of PyTorch's schedulers, from a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if len(rates) < steps:
            scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize("total", [10, 100, 997])
def test_one_cycle_is_torchs(total):
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 1.0, total_steps=total, cycle_momentum=False
        ),
        total,
    )
    np.testing.assert_allclose(factors(OneCycle(), total), expected, rtol=1e-9, atol=1e-12)


def test_exponential_smooth_and_in_jumps():
    smooth = factors(Exponential(0.5, every=2.0), 40, per_epoch=10)
    np.testing.assert_allclose(smooth, 0.5 ** (np.arange(40) / 20))
    jumps = factors(Exponential(0.5, every=2.0, staircase=True), 40, per_epoch=10)
    np.testing.assert_allclose(jumps, np.repeat([1, 0.5], 20))


def test_constant_is_constant():
    assert set(factors(ConstantSchedule(), 5)) == {1.0}


def test_time_based_is_kerass_decay():
    """lr / (1 + decay · iterations), the formula of Keras's optimizers before 2.3."""
    per_step = TimeBased(1e-2, every=1 / 10)
    np.testing.assert_allclose(
        factors(per_step, 50, per_epoch=10), 1 / (1 + 1e-2 * np.arange(50)), rtol=1e-12
    )
    jumps = factors(TimeBased(0.5, staircase=True), 30, per_epoch=10)
    np.testing.assert_allclose(jumps, np.repeat([1, 1 / 1.5, 1 / 2], 10))


def test_power_is_its_formula():
    epochs = np.arange(50) / 10
    np.testing.assert_allclose(
        factors(Power(2.0, 1.5), 50, per_epoch=10), 1 / (1 + epochs / 2) ** 1.5, rtol=1e-12
    )


def test_piecewise_constant_is_torchs():
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 7], 0.1), 10
    )
    schedule = PiecewiseConstant((3, 7), (1, 0.1, 0.01))
    np.testing.assert_allclose(factors(schedule, 10), expected)
    by_epoch = factors(schedule, 100, per_epoch=10)
    np.testing.assert_allclose(by_epoch, np.repeat(expected, 10))


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_polynomial_is_torchs_down_to_its_end(power):
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.PolynomialLR(optimizer, 20, power), 20
    )
    np.testing.assert_allclose(factors(Polynomial(power), 20), expected, rtol=1e-9)
    ended = factors(Polynomial(power, end=0.2), 20)
    np.testing.assert_allclose(ended, 0.2 + 0.8 * expected, rtol=1e-9)


def test_linear_is_torchs():
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(optimizer, 0.25, 1.0, 10), 40
    )
    np.testing.assert_allclose(factors(Ramp(0.25, 1.0, share=0.25), 40), expected, rtol=1e-9)


def test_cosine_over_the_run_is_torchs():
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30, 0.1), 30
    )
    np.testing.assert_allclose(factors(Cosine(end=0.1), 30, per_epoch=7), expected, rtol=1e-9)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_cosine_with_restarts_is_torchs(multiplier):
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, 10, multiplier, eta_min=0.1
        ),
        500,
    )
    schedule = Cosine(period=2.0, multiplier=float(multiplier), end=0.1)
    np.testing.assert_allclose(factors(schedule, 500, per_epoch=5), expected, rtol=1e-9)


def test_each_restart_rises_to_a_share_of_the_last_peak():
    """1 + 2 + 4 + … epochs; peaks as in TensorFlow: alpha + (1-alpha) mⁱ."""
    values = factors(Cosine(period=1.0, multiplier=2.0, decay=0.5, end=0.2), 310, per_epoch=10)
    starts = [0, 10, 30, 70, 150]
    np.testing.assert_allclose(values[starts], 0.2 + 0.8 * 0.5 ** np.arange(5.0))
    assert (np.diff(values)[np.array(starts[1:]) - 1] > 0).all()
    assert (np.diff(values) > 0).sum() == 4


@pytest.mark.parametrize("multiplier", [1.0, 1.1, 2.0])
def test_restarts_fall_on_their_step_after_a_thousand_epochs(multiplier):
    values = factors(Cosine(period=1.0, multiplier=multiplier), 30000, per_epoch=30)
    start, length = 0.0, 30.0
    while start < 29990:
        first = math.ceil(start - 1e-6)
        expected = (1 + math.cos(math.pi * (first - start) / length)) / 2
        assert values[first] == pytest.approx(expected, abs=1e-6)
        start, length = start + length, length * multiplier


def test_warm_up_then_the_other_on_the_steps_that_are_left():
    values = factors(WarmUp(2.0, start=0.5, then=Polynomial()), 100, per_epoch=10)
    np.testing.assert_allclose(values[:20], np.linspace(0.5, 1, 21)[:-1])
    np.testing.assert_allclose(values[20:], factors(Polynomial(), 80))
    shared = factors(WarmUp(0.2, unit="run", start=0.5, then=Polynomial()), 100, per_epoch=7)
    np.testing.assert_allclose(shared, values)


def test_warm_up_is_torchs_linear_then_constant():
    expected = torchs(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, 15), 30
    )
    np.testing.assert_allclose(factors(WarmUp(3.0, start=0.1), 30, per_epoch=5), expected)


def test_members_differ_in_nested_numbers_too():
    schedules = [
        WarmUp(length, then=Exponential(decay)) for length, decay in ((1.0, 0.5), (3.0, 0.9))
    ]
    both = together(schedules, [50, 80], 10, 50)
    np.testing.assert_allclose(both[:, 0], factors(schedules[0], 50, 10))
    np.testing.assert_allclose(both[:, 1], factors(schedules[1], 80, 10, steps=50))
    assert stack_key(schedules[0]) == stack_key(schedules[1])
    jumps = WarmUp(1.0, then=Exponential(0.5, staircase=True))
    assert stack_key(schedules[0]) != stack_key(jumps)
    assert stack_key(schedules[0]) != stack_key(WarmUp(1.0, then=ConstantSchedule()))


def test_nested_schedules_may_be_named_and_survive_json():
    schedule = WarmUp(2.0, then="cosine")
    assert schedule.then == Cosine()
    assert from_dict(Schedule, json.loads(json.dumps(schedule.to_dict()))) == schedule
    with pytest.raises(UnknownNameError, match="did you mean 'cosine'"):
        WarmUp(then="cosin")


def halved(epoch):
    return 0.5 ** int(epoch)


@pytest.mark.parametrize(
    "function",
    [
        halved,
        lambda step, total: 0.5 ** (step // 10),
        lambda epoch: np.power(0.5, np.floor(epoch)),
        lambda epoch, base=0.5: torch.tensor(base ** math.floor(epoch)),
    ],
    ids=["epoch", "step and total", "numpy's", "a default"],
)
def test_any_function(function):
    np.testing.assert_allclose(
        factors(Custom(function), 30, per_epoch=10), np.repeat([1, 0.5, 0.25], 10)
    )


def test_a_function_is_told_each_members_steps():
    schedule = Custom(lambda step, total: 1 - step / total)
    both = together([schedule] * 2, [10, 20], 5, 10)
    np.testing.assert_allclose(both[:, 0], 1 - np.arange(10) / 10)
    np.testing.assert_allclose(both[:, 1], 1 - np.arange(10) / 20)
    warmed = factors(WarmUp(2.0, start=1.0, then=schedule), 30, per_epoch=5)
    np.testing.assert_allclose(warmed, np.r_[np.ones(10), 1 - np.arange(20) / 20])


@pytest.mark.parametrize(
    "wrong", [-0.1, float("nan"), float("inf"), None, "a", [1, 2], torch.ones(2)]
)
def test_a_function_that_returns_no_factor_is_an_error(wrong):
    def misguided(epoch):
        return wrong if epoch >= 2 else 1.0

    with pytest.raises(HyperparameterError, match=r"misguided\(2\).*finite number, at least 0"):
        factors(Custom(misguided), 30, per_epoch=10)


@pytest.mark.parametrize("wrong", ["module.function", 3, lambda: 1.0, lambda a, b, c: 1.0])
def test_only_functions_of_one_or_two_numbers_are_taken(wrong):
    with pytest.raises(HyperparameterError, match="expected a function of the epoch"):
        Custom(wrong)


def test_a_function_is_named_in_json_and_not_called_back_from_it():
    data = json.loads(json.dumps(Custom(halved).to_dict()))
    assert data == {"family": "schedule", "name": "custom", "function": f"{__name__}.halved"}
    with pytest.raises(HyperparameterError, match=r"halved.*has to be given again"):
        from_dict(Schedule, data)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: PiecewiseConstant((3, 2), (1, 1, 1)), "boundaries.*larger than the one before"),
        (lambda: PiecewiseConstant((3,), (1, 1, 1)), "factors.*2 numbers"),
        (lambda: PiecewiseConstant((3,), (1, -1)), r"factors.*\[0, inf\)"),
        (lambda: PiecewiseConstant((float("nan"),), (1, 1)), r"boundaries.*\[0, inf\)"),
        (lambda: PiecewiseConstant(3, (1, 1)), "boundaries.*a sequence of numbers"),
        (lambda: PiecewiseConstant(("a",), (1, 1)), "boundaries.*a sequence of numbers"),
        (lambda: WarmUp(2.0, unit="run"), r"length.*of the run.*\[0, 1\]"),
        (lambda: WarmUp(2.0, unit="minutes"), "unit.*one of"),
        (lambda: Ramp(-1.0), r"start.*\[0, inf\)"),
        (lambda: Cosine(multiplier=0.5), r"multiplier.*\[1, inf\)"),
        (lambda: Polynomial(power=-1.0), r"power.*\[0, inf\)"),
        (lambda: Power(every=0.0), r"every.*\(0, inf\)"),
        (lambda: TimeBased(-0.1), r"decay.*\[0, inf\)"),
    ],
)
def test_settings_out_of_range_are_refused(make, expected):
    with pytest.raises(HyperparameterError, match=expected):
        make()


def test_lists_and_arrays_of_boundaries_become_tuples():
    assert PiecewiseConstant([3], np.array([1, 0.5])) == PiecewiseConstant((3.0,), (1.0, 0.5))


@pytest.mark.parametrize("schedule", DEFAULTS, ids=name_of)
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_every_schedule_stays_between_zero_and_one(schedule, total):
    values = factors(schedule, total)
    assert (values >= 0).all()
    assert (values <= 1).all()


@pytest.mark.parametrize("schedule", VARIED, ids=name_of)
@pytest.mark.parametrize(("total", "per_epoch"), [(1, 1), (2, 7), (50, 10)])
def test_every_schedule_is_finite_even_beyond_its_end(schedule, total, per_epoch):
    values = factors(schedule, total, per_epoch, steps=2 * total)
    assert np.isfinite(values).all()
    assert (values >= 0).all()


@pytest.mark.parametrize("schedule", VARIED, ids=name_of)
def test_members_have_their_own_lengths(schedule):
    both = together([schedule, schedule], [10, 20], 3, 10)
    np.testing.assert_allclose(both[:, 0], factors(schedule, 10, 3))
    np.testing.assert_allclose(both[:, 1], factors(schedule, 20, 3, steps=10))
