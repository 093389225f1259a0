"""Law: every update rule = torch.optim's."""

import numpy as np
import pytest
import torch

from engine import CPU, FLOAT64, member, run, table
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import SGD, Adam, AdamW
from wellfit.training import Stack, Weights
from wellfit.training.step import Step

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
}


def test_every_rule_has_an_oracle():
    from wellfit.core import registry

    assert {rule.name for rule, _ in RULES.values()} >= set(registry.names("optimizer"))


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_rule_is_torchs(name, together):
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
        step(out, next(stack.coefficients(index, 1)), x.expand(together, -1, -1), target)
    ours = torch.cat([block.flatten() for block in blocks])
    expected = torch.cat([p.detach().flatten() for p in params])
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_learning_rate_zero_moves_nothing():
    for rule in (SGD(0.0, 0.9), Adam(0.0), AdamW(0.0)):
        members = [member(optimizer=rule, epochs=2)]
        start = Weights.initial(members, FLOAT64, CPU).parameters
        rows = table(SoftmaxCrossEntropy())
        torch.testing.assert_close(run(members, rows).last.parameters, start, rtol=0, atol=1e-25)
