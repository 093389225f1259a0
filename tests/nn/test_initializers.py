import numpy as np
import pytest
import torch

from engine import every, label
from wellfit.nn import mlp

SPREADS = {  # standard deviation of 300 x 200 weights
    "zeros": 0.0,
    "normal": 0.05,
    "truncated_normal": 0.05 * 0.8796,  # of a normal cut at two deviations
    "uniform": 0.05 / 3**0.5,
    "glorot_normal": (2 / 500) ** 0.5,
    "glorot_uniform": (2 / 500) ** 0.5,
    "he_normal": (2 / 300) ** 0.5,
    "he_uniform": (2 / 300) ** 0.5,
    "lecun_normal": (1 / 300) ** 0.5,
    "lecun_uniform": (1 / 300) ** 0.5,
}


@pytest.mark.parametrize("initializer", every("initializer"), ids=label)
def test_every_initializer_has_its_spread_and_depends_on_its_generator_alone(initializer):
    draws = [
        initializer.sample(300, 200, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]
    assert draws[0].shape == (300, 200)
    assert draws[0].dtype == torch.float64
    assert torch.equal(draws[0], draws[1])
    wanted = SPREADS[initializer.name]
    assert float(draws[0].std()) == pytest.approx(wanted, rel=0.02)
    assert abs(float(draws[0].mean())) <= 0.02 * wanted
    assert wanted == 0 or not torch.equal(draws[0], draws[2])
    if "uniform" in initializer.name:
        assert float(draws[0].abs().max()) <= wanted * 3**0.5 * 1.0001


def test_biases_start_at_zero_and_layers_differ():
    blocks = mlp(50, (50, 50), 50).initial_parameters(seed=3)
    dense = [block for block in blocks if block.numel()]
    assert all(not block[-1].any() for block in dense)
    assert not torch.equal(dense[0], dense[1])


def test_the_initial_loss_of_ten_classes_is_log_ten():
    from engine import run
    from wellfit.nn import Zeros
    from wellfit.optim import SGD
    from wellfit.training import Member, Rows

    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(100, 20)), rng.integers(0, 10, 100), dtype=torch.float64)
    one = Member(mlp(20, (30,), 10, initializer=Zeros()), optimizer=SGD(0.0), epochs=1)
    assert run([one], rows).history()["loss"][0] == pytest.approx(np.log(10))
