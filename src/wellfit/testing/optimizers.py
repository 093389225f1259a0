"""Checks of update rules."""

from __future__ import annotations

import torch

from wellfit.optim import Optimizer
from wellfit.testing.configs import check_config
from wellfit.testing.training import EPOCHS, assert_same, member, run
from wellfit.training import Weights


def check_optimizer(optimizer: Optimizer) -> None:
    """Check that a rule moves each network of a stack as it would move it alone.

    Beside networks of other learning rates a rule gets rows of parameters and tensors of
    coefficients; alone it gets flat parameters and plain numbers. Both must end alike.

    Args:
        optimizer: to be checked, with any hyper-parameters.

    Raises:
        AssertionError: a law is broken; the message says which.

    >>> from wellfit.optim import AdamW
    >>> check_optimizer(AdamW(0.01))
    """
    check_config(optimizer)
    rates = [optimizer.learning_rate * factor for factor in (1.0, 0.5, 0.1)]
    members = [
        member(seed, optimizer=optimizer.replace(learning_rate=rate))
        for seed, rate in enumerate(rates)
    ]
    together = run(members)
    for k, one in enumerate(members):
        assert_same(run([one]), 0, together, k, "a network ends in a stack where it ends alone")
    # Alike members take the path of plain numbers and fused kernels, unlike the ones above.
    alike = [member(seed, optimizer=optimizer) for seed in range(2)]
    law = "networks that share all hyper-parameters end where they end alone"
    for k, one in enumerate(alike):
        assert_same(run([one]), 0, run(alike), k, law)
    for pause in range(1, EPOCHS):
        law = f"a training paused after epoch {pause} ends where a whole one ends"
        assert_same(run(members, pause=pause), 0, together, 0, law)
    _check_rate_zero(optimizer)


def _check_rate_zero(optimizer: Optimizer) -> None:
    still = [member(optimizer=optimizer.replace(learning_rate=0.0))]
    start = Weights.initial(still, torch.float64, torch.device("cpu")).parameters
    moved = float((run(still).last.parameters - start).abs().max())
    # `not <=` and not `>`: NaN fails too.
    if not moved <= 1e-12:
        raise AssertionError(
            f"broken law: a learning rate of 0 moves nothing; weights moved by up to {moved:.3g}"
        )
