"""What freezing, unfreezing and rates of a layer's own do, over the whole registry, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine import CPU, FLOAT64, every, label, member, network, parameters, run, table
from wellfit.core.errors import HyperparameterError
from wellfit.nn import PReLU, SoftmaxCrossEntropy
from wellfit.optim import (
    L1,
    L2,
    LBFGS,
    SGD,
    Adam,
    ClipByNorm,
    Exponential,
    LayerRates,
    Lion,
    MaxNorm,
    Minimizer,
)
from wellfit.training import (
    Stack,
    Weights,
    load_checkpoint,
    save_checkpoint,
    step_schedule,
)
from wellfit.training.step import Step

LOSS = SoftmaxCrossEntropy()
ROWS = table(LOSS)
RULES = [rule for rule in every("optimizer") if not isinstance(rule, Minimizer)]
DESCENTS = [rule for rule in every("optimizer") if isinstance(rule, Minimizer)]
LAYER_RATES = (
    LayerRates((0, 1, 1)),
    LayerRates(),
    LayerRates((0, 0, 1)),
    LayerRates((0.3, 0.6, 1)),
    LayerRates(start_epochs=(3, 2, 1)),
    LayerRates((0.5, 0, 1), start_epochs=(2, 1, 1)),
)
by_rule = pytest.mark.parametrize("rule", RULES, ids=label)


def busy(rule, layer_rates, k=0, **options):
    """A member with everything that could move a weight.

    Biases below batch norm have gradients of rounding noise alone, by whose size AdaGrad's own ε
    would let it divide.
    """
    if rule.name == "adagrad":
        rule = rule.replace(epsilon=1e-8)
    return member(
        **{
            "network": network(activation=PReLU(), batch_norm=rule.name != "lion"),
            "optimizer": rule.replace(learning_rate=0.003 * (k + 1)),
            "penalties": (L2(0.01), L2(0.1, decoupled=True), L1(0.01, decoupled=True)),
            "constraints": (MaxNorm(0.5),),
            "gradient_clipping": (ClipByNorm(0.5),),
            "ema_decay": 0.5,
            "seed": k,
            "layer_rates": layer_rates,
            **options,
        }
    )


def layers(result, k=0, weights=None):
    """A member's parameters and statistics by layer with weights: those of three."""
    found = [[], [], []]
    last, count = weights or result.last, -1
    stats = last.network.statistics.views(last.statistics, last.members)
    for block, stat in zip(last.blocks(k), stats, strict=True):
        count += bool(block.numel() and len(block) > 2)
        found[max(count, 0)] += [block.flatten(), stat[k].flatten()]
    return [torch.cat(parts) for parts in found]


def started(members):
    return Weights.initial(members, FLOAT64, CPU)


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-7)


@by_rule
def test_what_is_frozen_does_not_move_by_a_bit(rule):
    members = [busy(rule, layer_rates, k) for k, layer_rates in enumerate(LAYER_RATES)]
    result, before = run(members, ROWS), started(members)
    for k, one in enumerate(members):
        now = layers(result, k)
        used = layers(result, k, result.weights())
        for layer, first in enumerate(layers(None, k, before)):
            learned = not one.layer_rates.rates or one.layer_rates.rates[layer] > 0
            assert torch.equal(now[layer], first) != learned
            assert torch.equal(used[layer], first) != learned


@by_rule
def test_what_is_frozen_leaves_no_memory(rule):
    members = [busy(rule, layer_rates, k) for k, layer_rates in enumerate(LAYER_RATES[:3])]
    result = run(members, ROWS)
    for name, slot in result.last.slots.items():
        top, bottom = (result.last.network.parameters.views(slot, 3)[i] for i in (-1, 1))
        assert bool(top.any()) or name == "force", name
        assert name == "average" or not bottom[[0, 2]].any(), name


@by_rule
def test_rates_of_one_change_nothing(rule):
    several = LayerRates((1, 1, 1)), LayerRates(start_epochs=(1, 1, 1)), LayerRates()
    members = [busy(rule, layer_rates, seed=1) for layer_rates in several]
    alone = [parameters(run([one], ROWS), 0) for one in members]
    np.testing.assert_array_equal(alone[0], alone[2])
    np.testing.assert_array_equal(alone[1], alone[2])


@pytest.mark.parametrize(
    ("rule", "own", "cuts"),
    [
        (Adam(), 1, [(0, 2, (2, 3, 6, 7, 9)), (0, 1, (1, 5)), (1, 2, (1, 5))]),
        (Adam(), 0, [(0, 2, (1, 2, 3, 5, 6, 7, 9))]),
        (Lion(), 1, [(0, 2, (1, 2, 4, 5, 7))]),
    ],
    ids=["own rates", "one rate", "a rule without a kernel"],
)
def test_wide_layers_of_members_who_disagree_are_updated_one_by_one(rule, own, cuts, monkeypatch):
    monkeypatch.setattr(step_schedule, "_WIDE", 30)
    members = [busy(rule, LayerRates(), own * k) for k in range(2)]
    found = Stack(members, started(members)).step_schedule.update_groups
    assert [(cut.start, cut.stop, cut.layers) for cut in found] == cuts


@pytest.mark.parametrize(
    ("rule", "rates"),
    [
        pytest.param(rule, rates, id=f"{rates}-{label(rule)}")
        for rates in ("one", "own", "own, one by one")
        for rule in RULES
        # Members are updated one by one by rules with a kernel only.
        if rates != "own, one by one" or rule.has_fused_kernel
    ],
)
def test_alone_is_together(rule, rates, monkeypatch):
    if rates == "own, one by one":  # but for the last layer, which has fewer parameters
        monkeypatch.setattr(step_schedule, "_WIDE", 30)
    members = [
        busy(rule, layer_rates, seed=k, epochs=3 + k % 2, lr_schedule=Exponential(0.9))
        if rates == "one"
        else busy(rule, layer_rates, k, epochs=3 + k % 2)
        for k, layer_rates in enumerate(LAYER_RATES)
    ]
    together = run(members, ROWS)
    for k, one in enumerate(members):
        alone = run([one], ROWS)
        same(parameters(alone, 0), parameters(together, k))
        same(alone.history(0)["loss"], together.history(k)["loss"])


# Layers thaw in the second and in the third epoch; rules with and without a kernel do it alike.
@pytest.mark.parametrize(
    ("rule", "pause"),
    [pytest.param(rule, 1, id=f"1-{label(rule)}") for rule in RULES]
    + [pytest.param(rule, 2, id=f"2-{label(rule)}") for rule in (Adam(), Lion())],
)
def test_pausing_changes_nothing(rule, pause):
    members = [busy(rule, layer_rates, k) for k, layer_rates in enumerate(LAYER_RATES)]
    whole = run(members, ROWS)
    document, tensors = save_checkpoint(run(members, ROWS, until=pause))
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    parts = run(members, ROWS, resume=load_checkpoint(members, document, tensors))
    for k in range(len(members)):
        np.testing.assert_array_equal(parameters(parts, k), parameters(whole, k))


def test_unfreezing_is_going_on_without_layer_rates_where_a_rule_has_no_memory():
    plain = [busy(SGD(), LayerRates(), seed=1, ema_decay=0.0)]
    unfreezing, frozen = (
        [plain[0].replace(layer_rates=layer_rates)]
        for layer_rates in (LAYER_RATES[4], LAYER_RATES[2])
    )
    middle = [plain[0].replace(layer_rates=LayerRates((0, 1, 1)))]
    result = run(frozen, ROWS, until=1)
    result = run(middle, ROWS, until=2, resume=result)
    result = run(plain, ROWS, resume=result)
    np.testing.assert_array_equal(parameters(result, 0), parameters(run(unfreezing, ROWS), 0))


def test_a_layer_that_thaws_forgets_an_earlier_time():
    rule = SGD(0.1, momentum=0.9)
    learned = run([member(optimizer=rule)], ROWS, until=2)
    unfreezing = [member(optimizer=rule, layer_rates=LayerRates(start_epochs=(4, 1, 1)))]
    result = run(unfreezing, ROWS, resume=learned)
    emptied = learned.copy()
    emptied.last.network.parameters.views(emptied.last.slots["momentum"], 1)[1].zero_()
    emptied.last.network.parameters.views(emptied.last.slots["momentum"], 1)[2].zero_()
    clean = run(unfreezing, ROWS, resume=emptied)
    np.testing.assert_array_equal(parameters(result, 0), parameters(clean, 0))
    assert bool(learned.last.slots["momentum"].any())


@pytest.mark.parametrize("begins", [True, False])
def test_memory_is_emptied_where_an_epoch_begins_and_not_when_it_is_taken_up(begins):
    several = LayerRates(start_epochs=(3, 1, 1)), LayerRates(start_epochs=(2, 3, 1))
    members = [
        member(optimizer=SGD(momentum=0.9), layer_rates=layer_rates) for layer_rates in several
    ]
    slots = {"momentum": torch.ones_like(started(members).parameters)}
    stack = Stack(members, replace(started(members), slots=slots))
    assert stack.advance(3, begins=begins)
    found = layers(None, 0, replace(started(members), parameters=stack.weights.slots["momentum"]))
    assert bool(found[0][:30].any()) != begins
    assert bool(found[1][:30].all())
    found = layers(None, 1, replace(started(members), parameters=stack.weights.slots["momentum"]))
    assert bool(found[0][:30].all())
    assert bool(found[1][:30].any()) != begins


def test_all_layers_may_wait():
    waiting = [
        busy(Adam(), layer_rates)
        for layer_rates in (LayerRates(start_epochs=(4, 3, 3)), LayerRates(start_epochs=(3, 3, 3)))
    ]
    result, first = run(waiting, ROWS, until=2), started(waiting)
    assert torch.equal(result.last.parameters, first.parameters)
    assert torch.equal(result.last.statistics, first.statistics)
    result = run(waiting, ROWS, resume=result)
    assert not any(torch.equal(layers(result, 1)[i], layers(None, 1, first)[i]) for i in range(3))


# What it costs


class Count(TorchDispatchMode):
    """Counts the operations on tensors."""

    operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations += 1
        return func(*args, **(kwargs or {}))


def operations(*several):
    members = [member(layer_rates=layer_rates) for layer_rates in several]
    stack = Stack(members, started(members))
    step, values = Step(stack, 50, 1), next(stack.step_schedule.values(0, 1))
    x = torch.ones(len(members), 50, 5, dtype=FLOAT64)
    step.refresh(0, 1)
    stack.gradients.fill_(torch.nan)
    with torch.no_grad(), Count() as count:
        logits = x.new_empty(len(members), 3, 50)
        step(logits, values, x, torch.zeros(len(members), 1, 50, dtype=torch.int64))
    return count.operations, stack


def test_nothing_is_computed_below_the_lowest_layer_that_learns():
    whole, _ = operations(LayerRates(), LayerRates())
    assert operations(LayerRates((1, 1, 1)), LayerRates())[0] == whole
    fewer, stack = operations(LayerRates((0, 1, 1)), LayerRates((0, 0, 1)))
    views = stack.network.parameters.views(stack.gradients, 2)
    untouched = [bool(view.isnan().all()) for view in views if view.numel()]
    assert untouched == [True, True, False, False, False]
    fewest, _ = operations(LayerRates((0, 0, 1)), LayerRates((0, 0, 1)))
    assert fewest < fewer < whole


def test_noise_stays_where_it_is():
    still = [member(optimizer=SGD(0.0), layer_rates=LayerRates((0, 0, 1)), batch_size=50)]
    losses = run(still, ROWS).history()["loss"]
    assert len(set(losses)) == len(losses)


# Minimizers


@pytest.mark.parametrize("rule", DESCENTS, ids=label)
def test_minimizers_leave_alone_what_is_frozen(rule):
    net = network(dropout=0.0, input_dropout=0.0, activation=PReLU())
    several = LayerRates((0, 1, 1)), LayerRates(), LayerRates((1, 0, 1)), LayerRates((0, 0, 1))
    penalties = (L2(0.01),)
    members = [
        member(
            network=net,
            optimizer=rule,
            layer_rates=layer_rates,
            penalties=penalties,
            seed=k,
            epochs=6,
        )
        for k, layer_rates in enumerate(several)
    ]
    together, before = run(members, ROWS), started(members)
    for k, one in enumerate(members):
        alone = run([one], ROWS)
        same(parameters(alone, 0), parameters(together, k))
        losses = alone.history()["loss"]
        assert losses[-1] < losses[0]
        for layer, first in enumerate(layers(None, k, before)):
            learned = not one.layer_rates.rates or one.layer_rates.rates[layer] > 0
            assert torch.equal(layers(alone)[layer], first) != learned


@pytest.mark.parametrize(
    "layer_rates", [LayerRates((0.5, 1, 1)), LayerRates(start_epochs=(2, 1, 1))], ids=repr
)
def test_minimizers_refuse_rates_and_unfreezing(layer_rates):
    net = network(dropout=0.0, input_dropout=0.0)
    with pytest.raises(
        HyperparameterError, match="no layer rates other than 0 and 1; given LayerRates"
    ):
        run([member(network=net, optimizer=LBFGS(), layer_rates=layer_rates)], ROWS)


# What can't be meant


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (0, -0.1)}, "0 or more for each layer, which -0.1 for layer 1 isn't"),
        ({"rates": (float("nan"),)}, "finite"),
        ({"rates": (True, 1)}, "finite number"),
        ({"rates": "all"}, "finite number"),
        (
            {"start_epochs": (1, 0)},
            "whole number of 1 or more for each layer, which 0 for layer 1",
        ),
        ({"start_epochs": (1.5,)}, "whole number"),
        ({"rates": (1, 1), "start_epochs": (1,)}, "given 2 rates and 1 epochs"),
        ({"rates": (0, 0)}, "need a layer that learns"),
    ],
)
def test_bad_paces(options, message):
    with pytest.raises(HyperparameterError, match=message):
        LayerRates(**options)


def test_a_pace_of_another_number_of_layers():
    with pytest.raises(HyperparameterError, match=r"are for 2 layers, and the network has 3"):
        member(layer_rates=LayerRates((0, 1)))


def test_layer_rates_of_numpy_numbers_and_lists():
    assert LayerRates(np.array([0, 1]).tolist(), [np.int64(2), 1]) == LayerRates(
        (0.0, 1.0), (2, 1)
    )
