"""What layers do to units at random: the right numbers, of the right distribution."""

import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from engine import CPU, FLOAT64, member
from wellfit.nn import AlphaDropout, Dropout, GaussianNoise, MaskingNoise, Network
from wellfit.nn.layers import Linear
from wellfit.training import Stack, Weights

WIDTH, B, STEPS = 200, 100, 5


def seen(layers, x: torch.Tensor, step: int = 0) -> torch.Tensor:
    """What a layer makes of rows x (B, width), for members with a layer each: (steps, K, …)."""
    members = [
        member(network=Network(WIDTH, (layer, Linear(1))), seed=k)
        for k, layer in enumerate(layers)
    ]
    stack = Stack(members, Weights.initial(members, FLOAT64, CPU))
    executor = stack.executor(len(x), STEPS)
    executor.refresh(step, STEPS)
    batch = torch.cat([x, torch.ones(len(x), 1, dtype=FLOAT64)], 1).expand(len(members), -1, -1)
    outputs = []
    for _ in range(STEPS):
        executor.forward(batch)
        outputs.append(executor.outputs()[0][1])
    return torch.stack(outputs)


def normal_rows() -> torch.Tensor:
    return torch.randn(B, WIDTH, dtype=FLOAT64, generator=torch.Generator().manual_seed(0))


def test_noise_is_normal_with_each_members_spread():
    x = normal_rows()
    noise = seen([GaussianNoise(0.5), GaussianNoise(2.0), GaussianNoise(0.0)], x) - x
    assert not noise[:, 2].any()
    for k, std in enumerate([0.5, 2.0]):
        values = (noise[:, k] / std).flatten()
        assert stats.kstest(values.numpy(), "norm").pvalue > 1e-4
        assert float(values.mean()) == pytest.approx(0, abs=4 / len(values) ** 0.5)
        assert float(values.var()) == pytest.approx(1, abs=6 / len(values) ** 0.5)
        assert float((values**4).mean()) == pytest.approx(3, abs=0.15)


def test_noise_differs_by_step_and_member_and_repeats_with_them():
    x = normal_rows()
    noise = seen([GaussianNoise(1.0)] * 2, x) - x
    flat = noise.flatten(2).flatten(0, 1)
    correlations = torch.corrcoef(flat).fill_diagonal_(0)
    assert float(correlations.abs().max()) < 5 / flat.shape[1] ** 0.5
    later = seen([GaussianNoise(1.0)], x, step=2) - x
    torch.testing.assert_close(later[:3, 0], noise[2:, 0])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_is_pytorchs(rate):
    """A constant comes out as one of two numbers, which PyTorch's function gives too."""
    x = torch.full((B, WIDTH), 0.7, dtype=FLOAT64)
    torch.manual_seed(0)
    expected = F.alpha_dropout(x, rate, training=True).unique()
    ours = seen([AlphaDropout(rate)], x)
    close = (ours.flatten()[:, None] - expected).abs() < 1e-6  # theirs is rounded to float32
    assert bool(close.any(1).all())
    dropped = float(close[:, int(expected.argmin())].double().mean())
    assert dropped == pytest.approx(rate, abs=0.01)


def test_alpha_dropout_keeps_mean_and_variance_at_each_members_rate():
    rates = [0.0, 0.05, 0.3, 0.8]
    x = normal_rows()
    x = (x - x.mean()) / x.std()
    out = seen([AlphaDropout(rate) for rate in rates], x).transpose(0, 1).flatten(1)
    torch.testing.assert_close(out[0], x.expand(STEPS, -1, -1).flatten())
    torch.testing.assert_close(out.mean(1), torch.zeros(4, dtype=FLOAT64), rtol=0, atol=0.02)
    torch.testing.assert_close(out.var(1), torch.ones(4, dtype=FLOAT64), rtol=0, atol=0.04)


def test_masking_noise_hides_what_dropout_would_and_leaves_the_rest_as_it_is():
    x, rates = normal_rows(), [0.0, 0.25, 0.5]
    masked = seen([MaskingNoise(rate) for rate in rates], x)
    assert bool(((masked == 0) | (masked == x)).all())
    hidden = (masked == 0).double().mean((0, 2, 3))
    torch.testing.assert_close(hidden, torch.tensor(rates, dtype=FLOAT64), rtol=0, atol=0.01)
    dropped = seen([Dropout(rate) for rate in rates], x)
    kept = 1 - torch.tensor(rates, dtype=FLOAT64).view(1, -1, 1, 1)
    torch.testing.assert_close(masked, dropped * kept)
