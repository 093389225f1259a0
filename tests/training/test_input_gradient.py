"""The derivatives of logits by the inputs equal finite differences, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from wellfit.core.errors import InputError
from wellfit.nn import (
    Activate,
    ConcatRows,
    Linear,
    MiniTabM,
    Network,
    Packed,
    Periodic,
    PiecewiseLinear,
    SoftmaxCrossEntropy,
    TabM,
    Tanh,
    mlp,
)
from wellfit.nn.embeddings import EntityEmbedding
from wellfit.training import Member, Weights
from wellfit.training.input_gradient import InputGradient

D, B = 4, 5


def embedded(layer: Any) -> Network:
    network = mlp(layer.width(D), (6,), 3, activation=Tanh())
    return Network(D, (layer, *network.layers))


NETWORKS: dict[str, Callable[[], Network]] = {
    "dropout, batch norm": lambda: mlp(
        D, (6, 5), 3, activation=Tanh(), batch_norm=True, dropout=0.5, input_dropout=0.2
    ),
    "one output": lambda: mlp(D, (6,), 1, activation=Tanh()),
    "no hidden layer": lambda: mlp(D, (), 3),
    "piecewise linear": lambda: embedded(PiecewiseLinear(n_bins=4, columns=(1, 2))),
    "periodic": lambda: embedded(Periodic(n_frequencies=3)),
    "tabm": lambda: TabM().applied(mlp(D, (6, 5), 3), 3, SoftmaxCrossEntropy()),
    "mini": lambda: MiniTabM().applied(mlp(D, (6,), 1), 3, SoftmaxCrossEntropy()),
    "packed": lambda: Packed().applied(mlp(D, (6,), 3), 3, SoftmaxCrossEntropy()),
    "codes": lambda: embedded(EntityEmbedding(2, levels=(4,))),
}


def drawn(network: Network) -> Weights:
    """Two networks with random weights and running statistics."""
    start = Weights.initial(
        [Member(network, seed=seed) for seed in range(2)], torch.float64, torch.device("cpu")
    )
    generator = torch.Generator().manual_seed(0)
    start.parameters.add_(0.1 * torch.randn(start.parameters.shape, generator=generator).double())
    return start


@pytest.mark.parametrize("name", NETWORKS)
def test_they_equal_finite_differences(name: str) -> None:
    network = InputGradient(drawn(NETWORKS[name]()))
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(B, D)))
    if name == "codes":
        rows[:, -1] = torch.tensor([0.0, 1, 2, 3, 9])  # beyond the last counts as the last
    x = network.lifted(rows).expand(2, -1, -1).clone()
    assert len(network.sources) == x.shape[2]
    logits = network.logits(x).clone()
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).double()
    found = network.gradient(weights).clone()
    h = 1e-6
    for at in range(x.shape[2]):
        step = torch.zeros_like(x)
        step[..., at] = h
        change = network.logits(x + step).clone() - network.logits(x - step)
        by_row = (change * weights).sum(2).view(2, B, -1).sum(2) / (2 * h)
        torch.testing.assert_close(found[..., at], by_row, rtol=1e-5, atol=1e-7)


def test_codes_are_read_from_their_embedding() -> None:
    network = InputGradient(drawn(NETWORKS["codes"]()))
    assert network.sources == [0, 1, 2, 3, 3]
    rows = torch.tensor([[0.0, 0, 0, 1], [0, 0, 0, 3]])
    lifted = network.lifted(rows)
    assert lifted.shape == (2, 2, 5)
    assert not torch.equal(lifted[0, 0], lifted[0, 1])
    assert not torch.equal(lifted[0], lifted[1])  # each network has its own


def test_networks_that_merge_rows_are_refused() -> None:
    layers = (ConcatRows(2), Linear(3), Activate(Tanh()), Linear(2))
    with pytest.raises(InputError, match="an example of this network has 2 rows"):
        InputGradient(drawn(Network(D, layers)))
