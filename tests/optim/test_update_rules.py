"""Law: every update rule = torch.optim's, or the paper's formula where PyTorch has none."""

import math

import numpy as np
import pytest
import torch

from engine import CPU, FLOAT64, label, member, run, table
from wellfit.core import registry
from wellfit.core.stacking import stacked
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import (
    FTRL,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    Muon,
    Nadam,
    RMSProp,
)
from wellfit.optim.minimizers import Minimizer
from wellfit.training import Stack, Weights
from wellfit.training.step import Step


class Written:
    """A rule written out for one tensor: rule(w, g, state, decays) changes w and state."""

    def __init__(self, params, rule):
        self.params, self.rule = params, rule
        self.states = [{} for _ in params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for index, (p, state) in enumerate(zip(self.params, self.states, strict=True)):
            self.rule(p, p.grad, state, decays=index % 2 == 0)


def ftrl(alpha, l1=0.0, l2=0.0, beta=1.0, power=0.5):
    """Algorithm 1; z starts where it gives back the first weight, 0 in the paper, without l1."""

    def rule(w, g, state, decays):
        z = state.get("z", -w * beta / alpha)
        n = state.get("n", torch.zeros_like(w))
        sigma = ((n + g * g) ** power - n**power) / alpha
        z, n = z + g - sigma * w, n + g * g
        inverse = (beta + n**power) / alpha + l2
        w.copy_(torch.where(z.abs() <= l1, 0.0, -(z - z.sign() * l1) / inverse))
        state.update(z=z, n=n)

    return rule


def lion(rate, decay, beta_1=0.9, beta_2=0.99):
    def rule(w, g, state, decays):
        m = state.get("m", torch.zeros_like(w))
        direction = torch.sign(beta_1 * m + (1 - beta_1) * g)
        w.sub_(rate * (direction + (decay * w if decays else 0)))
        state["m"] = beta_2 * m + (1 - beta_2) * g

    return rule


def nadam(params, *args, **options):
    """PyTorch's, its product of momenta in double precision like the rest."""
    optimizer = torch.optim.NAdam(params, *args, **options)
    for p in params:
        zeros = {key: torch.zeros_like(p) for key in ("exp_avg", "exp_avg_sq")}
        product = torch.ones((), dtype=FLOAT64)
        optimizer.state[p] = {"step": torch.tensor(0.0), "mu_product": product, **zeros}
    return optimizer


class Several:
    """Several of PyTorch's optimizers, each for some of the parameters."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    def zero_grad(self):
        for each in self.optimizers:
            each.zero_grad()

    def step(self):
        for each in self.optimizers:
            each.step()


def muon(rate, decay, iterations=5, **options):
    """PyTorch's for the weights, its AdamW for the biases."""
    return lambda p: Several(
        torch.optim.Muon(
            p[::2],
            rate,
            decay,
            ns_steps=iterations,
            adjust_lr_fn="match_rms_adamw",
            **options,
        ),
        torch.optim.AdamW(p[1::2], rate, weight_decay=0.0),
    )


# Weights decay and biases don't: ``p`` holds them in turns.
RULES = {
    "sgd": (SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (SGD(0.1, 0.9), lambda p: torch.optim.SGD(p, 0.1, 0.9)),
    "nesterov": (SGD(0.1, 0.9, True), lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=True)),
    "adam": (Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam, other betas": (
        Adam(0.01, 0.5, 0.9, 1e-3),
        lambda p: torch.optim.Adam(p, 0.01, (0.5, 0.9), 1e-3),
    ),
    "adamw": (
        AdamW(0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(
            [{"params": p[::2], "weight_decay": 0.1}, {"params": p[1::2], "weight_decay": 0.0}],
            0.01,
        ),
    ),
    "amsgrad": (AMSGrad(0.01), lambda p: torch.optim.Adam(p, 0.01, amsgrad=True)),
    "amsgrad, other betas": (
        AMSGrad(0.01, 0.5, 0.6),
        lambda p: torch.optim.Adam(p, 0.01, (0.5, 0.6), amsgrad=True),
    ),
    "nadam": (Nadam(), nadam),
    "nadam, fast": (
        Nadam(0.01, 0.8, 0.9, 1e-6, 0.5),
        lambda p: nadam(p, 0.01, (0.8, 0.9), 1e-6, momentum_decay=0.5),
    ),
    "adamax": (Adamax(), torch.optim.Adamax),
    "adamax, other betas": (
        Adamax(0.01, 0.5, 0.6, 1e-3),
        lambda p: torch.optim.Adamax(p, 0.01, (0.5, 0.6), 1e-3),
    ),
    "adagrad": (AdaGrad(), torch.optim.Adagrad),
    "adagrad, initial": (
        AdaGrad(0.1, 0.3, 1e-3),
        lambda p: torch.optim.Adagrad(p, 0.1, initial_accumulator_value=0.3, eps=1e-3),
    ),
    "adadelta": (AdaDelta(), torch.optim.Adadelta),
    "adadelta, other": (
        AdaDelta(0.5, 0.7, 1e-3),
        lambda p: torch.optim.Adadelta(p, 0.5, rho=0.7, eps=1e-3),
    ),
    "rmsprop": (RMSProp(), lambda p: torch.optim.RMSprop(p, 0.001, 0.9)),
    "rmsprop, momentum": (
        RMSProp(0.01, 0.8, 0.9, 1e-4),
        lambda p: torch.optim.RMSprop(p, 0.01, 0.8, 1e-4, momentum=0.9),
    ),
    "rmsprop, centered": (
        RMSProp(0.01, centered=True),
        lambda p: torch.optim.RMSprop(p, 0.01, 0.9, centered=True),
    ),
    "rmsprop, centered, momentum": (
        RMSProp(0.01, momentum=0.5, centered=True),
        lambda p: torch.optim.RMSprop(p, 0.01, 0.9, momentum=0.5, centered=True),
    ),
    "ftrl": (FTRL(), lambda p: Written(p, ftrl(0.1))),
    "ftrl, sparse": (
        FTRL(0.5, 0.3, 0.2, 2.0, 0.4),
        lambda p: Written(p, ftrl(0.5, 0.3, 0.2, 2.0, 0.4)),
    ),
    "lion": (Lion(), lambda p: Written(p, lion(1e-4, 0.0))),
    "lion, decay": (
        Lion(0.01, 0.1, 0.8, 0.9),
        lambda p: Written(p, lion(0.01, 0.1, 0.8, 0.9)),
    ),
}
RULES |= {
    "muon": (Muon(0.01), muon(0.01, 0.01)),
    "muon, other": (
        Muon(0.02, weight_decay=0.1, momentum=0.5, nesterov=False, iterations=3),
        muon(0.02, 0.1, 3, momentum=0.5, nesterov=False),
    ),
}
OWN_STEPS = [  # rules that don't leave the step to a minimizer
    registry.lookup("optimizer", name)
    for name in registry.names("optimizer")
    if not issubclass(registry.lookup("optimizer", name), Minimizer)
]


def test_every_rule_has_an_oracle():
    assert {type(rule) for rule, _ in RULES.values()} >= set(OWN_STEPS)


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_rule_is_torchs(name, together, monkeypatch):
    # PyTorch's Muon multiplies in half precision; here it is to be exact.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    rule, oracle = RULES[name]
    # Alone, coefficients meet the whole buffer; beside members of other rates, each its rows.
    others = [rule.replace(learning_rate=0.01 * k) for k in range(1, together)]
    members = [
        member(optimizer=optimizer, network=mlp(4, (6,), 3)) for optimizer in [rule, *others]
    ]
    stack = Stack(members, Weights.initial(members, FLOAT64, CPU))
    blocks = [block for block in stack.weights.blocks(0) if block.numel()]
    params = [
        part.clone().requires_grad_() for block in blocks for part in (block[:-1], block[-1:])
    ]
    theirs, step = oracle(params), Step(stack, 8, 1)
    rng = np.random.default_rng(0)
    for index in range(20):
        x = torch.tensor(np.c_[rng.normal(size=(8, 4)), np.ones(8)])
        y = torch.tensor(rng.integers(0, 3, 8))
        hidden = (x @ torch.cat(params[:2])).relu()
        logits = torch.cat([hidden, torch.ones(8, 1, dtype=FLOAT64)], 1) @ torch.cat(params[2:])
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(logits, y).backward()
        theirs.step()
        target = SoftmaxCrossEntropy().encode(y, 3, FLOAT64)
        out = torch.empty(together, 3, 8, dtype=FLOAT64)
        step(out, next(stack.step_schedule.values(index, 1)), x.expand(together, -1, -1), target)
    ours = torch.cat([block.flatten() for block in blocks])
    expected = torch.cat([p.detach().flatten() for p in params])
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_numbers_tensors_and_rows_do_the_same(name):
    """A CPU is given numbers where members agree, a GPU tensors; rows where they don't."""
    rule, steps = RULES[name][0], 4
    hypers = stacked([rule], FLOAT64, CPU)
    ts, rate = torch.arange(4.0).double()[:, None], torch.rand(steps, 1).double() / 10
    numbers = rule.scalars(ts, rate, hypers)
    tensors = {
        key: value.expand(steps, 1) for key, value in rule.coefficients(ts, rate, hypers).items()
    }
    assert all(
        isinstance(value, float)
        for c in numbers
        for value in c.values()
        if value is not c.get("step")
    )
    start, grads = torch.randn(6).double(), torch.randn(steps, 6).double()
    ends = []
    for shape in (None, (1,), (1, 1)):
        p = start.clone() if shape != (1, 1) else start.repeat(3, 1)
        slots = {key: torch.zeros_like(p) for key in rule.slots()}
        for step in range(steps):
            row = {key: value[step].reshape(shape or (1,)) for key, value in tensors.items()}
            c = numbers[step] if shape is None else row
            rule.update(p, grads[step].expand_as(p).clone(), slots, c)
        ends.append(p.view(-1, 6)[-1])
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ends[1], ends[2], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", RULES)
def test_hyper_parameters_may_change_from_step_to_step(name):
    rule = RULES[name][0]
    factors = torch.tensor([[1.0], [0.5], [0.7]]).double()
    hypers = {
        # FTRL has numbers of another kind where all powers are a half.
        key: value * (torch.ones_like(factors) if key == "power" else factors)
        for key, value in stacked([rule], FLOAT64, CPU).items()
    }
    ts, rate = torch.arange(3.0).double()[:, None], torch.full((3, 1), 0.1).double()
    together = rule.scalars(ts, rate, hypers)
    table = rule.coefficients(ts, rate, hypers)
    for step in range(3):
        now = {key: value[step] for key, value in hypers.items()}
        assert rule.scalars(ts[step : step + 1], rate[step : step + 1], now) == [together[step]]
        alone = rule.coefficients(ts[step : step + 1], rate[step : step + 1], now)
        for key, value in alone.items():
            torch.testing.assert_close(table[key].expand(3, 1)[step], value.expand(1, 1)[0])


@pytest.mark.parametrize("cls", OWN_STEPS, ids=label)
def test_learning_rate_zero_moves_nothing(cls):
    members = [member(optimizer=cls(learning_rate=0.0), epochs=2)]
    start = Weights.initial(members, FLOAT64, CPU).parameters
    ends = run(members, table(SoftmaxCrossEntropy())).last.parameters
    # FTRL computes weights anew at every step, and rounds them.
    rounding = 1e-13 if cls is FTRL else 0
    torch.testing.assert_close(ends, start, rtol=rounding, atol=1e-25)


def moved(rule, start, grads, rates):
    """Where a rule takes ``start`` by gradients, at these learning rates."""
    ts = torch.arange(float(len(grads))).double()[:, None]
    scalars = rule.scalars(
        ts, torch.tensor(rates, dtype=FLOAT64)[:, None], stacked([rule], FLOAT64, CPU)
    )
    p, slots = start.clone(), {key: torch.zeros_like(start) for key in rule.slots()}
    for g, c in zip(grads, scalars, strict=True):
        rule.update(p, g.clone(), slots, c)
    return p


def test_ftrl_from_zero_is_algorithm_1_to_the_zero():
    torch.manual_seed(0)
    grads = torch.randn(30, 200).double()
    ours = moved(FTRL(0.5, l1=4.0, l2=0.1), torch.zeros(200).double(), grads, [0.5] * 30)
    expected, state, rule = torch.zeros(200).double(), {}, ftrl(0.5, 4.0, 0.1)
    for g in grads:
        rule(expected, g, state, decays=True)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)
    assert 20 < int((ours == 0).sum()) < 180
    assert torch.equal(ours == 0, expected == 0)


def test_ftrl_keeps_its_place_when_the_learning_rate_changes():
    """Without penalties it is p - α g / (β + √Σg²), whatever α was before."""
    torch.manual_seed(0)
    start, grads, rates = torch.randn(5).double(), torch.randn(20, 5).double(), [0.5, 0.1] * 10
    expected, seen = start.clone(), torch.zeros(5).double()
    for g, rate in zip(grads, rates, strict=True):
        seen += g * g
        expected -= rate * g / (1 + seen.sqrt())
    ours = moved(FTRL(), start, grads, rates)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_nadams_momenta_multiply_over_a_long_run():
    steps, beta = 5000, 0.9999
    rule = Nadam(beta_1=beta)
    c = rule.scalars(
        torch.tensor([[steps - 1.0]]).double(),
        torch.ones(1, 1).double(),
        stacked([rule], FLOAT64, CPU),
    )[0]
    momenta = [beta * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in range(1, steps + 2)]
    product = math.prod(momenta[:-1])
    assert c["of_gradient"] == pytest.approx((1 - momenta[-2]) / (1 - product), rel=1e-9)
    assert c["of_mean"] == pytest.approx(momenta[-1] / (1 - product * momenta[-1]), rel=1e-9)


def test_gradients_that_do_not_vary_break_no_centered_rmsprop():
    """Their variance is nothing but rounding, which may be below zero."""
    rule = RMSProp(centered=True)
    c = rule.scalars(torch.zeros(1, 1), torch.full((1, 1), 1e-3), stacked([rule], FLOAT64, CPU))[0]
    p, slots = torch.zeros(1000), {key: torch.zeros(1000) for key in rule.slots()}
    for _ in range(300):
        rule.update(p, torch.linspace(0.1, 3, 1000), slots, c)
    assert torch.isfinite(p).all()
