"""The plan: every step's numbers equal their formulas, and members plan for themselves."""

import numpy as np
import pytest
import torch

from engine import CPU, FLOAT64, member, network, parameters, run, table
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L1, L2, SGD, Adam, Custom, Exponential, Polynomial, Ramp, WarmUp
from wellfit.training import EarlyStopping, Scheduled, Stream
from wellfit.training.step_schedule import StepSchedule

ROWS = table(SoftmaxCrossEntropy())
PER_EPOCH = 5


def schedule_of(*members, scale=1.0):
    scales = torch.full((len(members),), scale, dtype=FLOAT64)
    return StepSchedule(members, scales, FLOAT64, CPU)


def numbers(value, k):
    """A number for each of k members, whether they share one or not."""
    return np.broadcast_to(np.asarray(value).reshape(-1), (k,))


def test_every_number_follows_its_own_schedule_step_by_step():
    members = [
        member(
            optimizer=SGD(rate, 0.8),
            lr_schedule=Exponential(0.5),
            schedules=(
                Scheduled("momentum", Ramp(0.5, 1.0)),
                Scheduled("l2", Polynomial(power)),
                Scheduled("l1", Custom(lambda epoch: 2 + epoch)),
            ),
            penalties=(L2(0.1), L1(0.01, decoupled=True), L2(0.2, decoupled=True)),
            epochs=epochs,
        )
        for rate, power, epochs in ((0.1, 1.0, 4), (0.2, 2.0, 2))
    ]
    powers, rates, totals = np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([20.0, 10.0])
    ours = schedule_of(*members, scale=0.5)
    for epoch in range(2):
        start = epoch * PER_EPOCH
        for t, values in enumerate(ours.values(start, PER_EPOCH), start):
            share = np.minimum(t / totals, 1)
            rate = rates * 0.5 * 0.5 ** (t / PER_EPOCH)
            coupled, lasso, decay = (numbers(value, 2) for value in values.strengths)
            np.testing.assert_allclose(numbers(values.updates[0]["learning_rate"], 2), rate)
            momentum = 0.8 * (0.5 + 0.5 * share)
            np.testing.assert_allclose(numbers(values.updates[0]["momentum"], 2), momentum)
            np.testing.assert_allclose(coupled, 0.1 * (1 - share) ** powers)
            np.testing.assert_allclose(lasso, 0.01 * (2 + t / PER_EPOCH) * rate)
            np.testing.assert_allclose(decay, 0.2 * (1 - share) ** powers * rate)
        np.testing.assert_allclose(ours.learning_rates(start, PER_EPOCH), rates / 2 * 0.5**epoch)


def test_training_with_scheduled_strength_is_the_formula():
    """Plain gradient descent in NumPy, λ and μ changing from step to step."""
    one = member(
        network=mlp(4, (), 3),
        optimizer=SGD(0.2, 0.9),
        schedules=(Scheduled("momentum", Ramp(0.0, 1.0)), Scheduled("l2", Ramp(1.0, 3.0))),
        penalties=(L2(0.05),),
        batch_size=1000,
        epochs=8,
    )
    x, y = ROWS._table.numbers.numpy(), np.eye(3)[ROWS._y.numpy()]
    w = torch.cat(one.network.initial_parameters(one.seed)).numpy().copy()
    velocity = np.zeros_like(w)
    for t in range(8):
        share = t / 8
        z = np.exp(x @ w)
        grad = x.T @ (z / z.sum(1, keepdims=True) - y) / len(x)
        grad[:-1] += 0.05 * (1 + 2 * share) * w[:-1]
        velocity = 0.9 * share * velocity + grad
        w -= 0.2 * velocity
    np.testing.assert_allclose(parameters(run([one], ROWS), 0), w.ravel(), atol=1e-10)


@pytest.mark.parametrize("of", ["momentum", "dropout", "l1", "l2"])
def test_members_with_schedules_of_their_own_numbers(of):
    members = [
        member(
            seed=k,
            network=network(dropout=0.2 + 0.1 * k),
            optimizer=SGD(0.1, 0.8),
            lr_schedule=WarmUp(0.5 + k, then=Exponential(0.3 + 0.2 * k)),
            schedules=(Scheduled(of, Ramp(0.2 * k, 1.0 - 0.1 * k)),),
            penalties=(L1(1e-3 * (k + 1)), L2(1e-2 * (k + 1), decoupled=True)),
            epochs=3 + k,
        )
        for k in range(3)
    ]
    together = run(members, ROWS)
    constant = run([one.replace(schedules=()) for one in members], ROWS)
    for k, one in enumerate(members):
        alone = parameters(run([one], ROWS), 0)
        np.testing.assert_allclose(alone, parameters(together, k), rtol=1e-8, atol=1e-7)
        assert np.abs(alone - parameters(constant, k)).max() > 1e-5


def test_the_share_of_new_weights_in_averages():
    ours = schedule_of(member(ema_decay=0.5), member(ema_decay=0.9))
    ema_weight = [numbers(values.ema_weight, 2) for values in ours.values(0, 12)]
    decays = [[min(decay, t / (t + 9)) for decay in (0.5, 0.9)] for t in range(12)]
    np.testing.assert_allclose(ema_weight, 1 - np.array(decays))
    assert next(schedule_of(member()).values(0, 1)).ema_weight is None


def test_members_that_agree_share_a_number():
    values = next(schedule_of(*[member(penalties=(L2(0.1),), ema_decay=0.9)] * 3).values(0, 1))
    assert list(values.strengths) == [0.1]
    assert isinstance(values.ema_weight, float)
    values = next(
        schedule_of(member(penalties=(L2(0.1),)), member(penalties=(L2(0.2),))).values(0, 1)
    )
    assert values.strengths[0].shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedules": (Scheduled("momentum", Ramp(0, 2)),)}, r"momentum of 'sgd' to 1\.\d+"),
        ({"schedules": (Scheduled("dropout", Ramp(1, 4)),)}, r"rate of 'dropout' to .*\[0, 1\)"),
        ({"lr_schedule": Custom(lambda epoch: 2 - epoch)}, "at least 0"),
        ({"schedules": (Scheduled("l2", Custom(lambda epoch: 2 - epoch)),)}, "at least 0"),
    ],
    ids=["momentum", "dropout", "rate", "strength"],
)
def test_a_schedule_is_followed_to_its_end_before_training(options, message):
    """What goes wrong only in the third epoch of the second member is seen at once."""
    fine = member(optimizer=SGD(0.1, 0.9), penalties=(L2(0.1),), epochs=2)
    wrong = {"epochs": 5, **options}
    shared = {key: value for key, value in wrong.items() if key != "epochs"}
    with pytest.raises(HyperparameterError, match=message):
        schedule_of(fine.replace(**shared), fine.replace(**wrong)).scheduled.check(PER_EPOCH)
    with pytest.raises(HyperparameterError, match=message):
        run([fine.replace(**wrong)], ROWS)


def test_what_has_a_schedule_must_be_there():
    for of, near in (("momentun", "momentum"), ("l2", "dropout"), ("learning_rate", "momentum")):
        with pytest.raises(UnknownNameError, match=near):
            schedule_of(member(optimizer=SGD(0.1, 0.5), schedules=(Scheduled(of, Ramp()),)))


def test_judging_now_and_then_is_each_members_own():
    """Alone = together, and a pause changes nothing, with members of different lengths."""
    stream = Stream(np.arange(35), np.arange(35, 50))
    members = [
        member(seed=k, epochs=epochs, optimizer=Adam(0.01)) for k, epochs in enumerate([5, 8, 3])
    ]
    options = {"eval_every": 3, "callbacks": [EarlyStopping(patience=4)]}
    together = run(members, ROWS, [stream], **options)
    paused = run(members, ROWS, [stream], until=4, **options)
    resumed = run(members, ROWS, [stream], resume=paused, **options)
    for k, judged in enumerate([[3, 5], [3, 6, 8], [3]]):
        alone = run([members[k]], ROWS, [stream], **options)
        curve = together.history(k)["val_loss"]
        assert (np.flatnonzero(np.isfinite(curve)) + 1).tolist() == judged
        np.testing.assert_allclose(alone.history(0)["val_loss"], curve)
        np.testing.assert_array_equal(resumed.history(k)["val_loss"], curve)
        assert alone.best_epoch[0] == together.best_epoch[k] == resumed.best_epoch[k]
