import numpy as np
import pytest
import torch

from engine import every, label
from wellfit.nn import (
    Constant,
    GlorotUniform,
    HeNormal,
    Identical,
    LecunUniform,
    Orthogonal,
    Uniform,
    Zeros,
    mlp,
)
from wellfit.nn.layers import Linear

SPREADS = {  # the root mean square of 300 x 200 weights
    "zeros": 0.0,
    "ones": 1.0,
    "constant": 0.1,
    "identical": 0.05,
    "normal": 0.05,
    "truncated_normal": 0.05 * 0.8796,  # of a normal cut at two deviations
    "uniform": 0.05 / 3**0.5,
    "glorot_normal": (2 / 500) ** 0.5,
    "glorot_uniform": (2 / 500) ** 0.5,
    "he_normal": (2 / 300) ** 0.5,
    "he_uniform": (2 / 300) ** 0.5,
    "lecun_normal": (1 / 300) ** 0.5,
    "lecun_uniform": (1 / 300) ** 0.5,
    "orthogonal": (1 / 300) ** 0.5,  # columns of length 1
}


def drawn(initializer, fan_in=300, fan_out=200, seed=0) -> torch.Tensor:
    return initializer.sample(fan_in, fan_out, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("initializer", every("initializer"), ids=label)
def test_every_initializer_has_its_spread_and_depends_on_its_generator_alone(initializer):
    draws = [drawn(initializer, seed=seed) for seed in (0, 0, 1)]
    assert draws[0].shape == (300, 200)
    assert draws[0].dtype == torch.float64
    assert torch.equal(draws[0], draws[1])
    wanted, name = SPREADS[initializer.name], initializer.name
    loose = 10 if name == "identical" else 1  # which draws 300 numbers, not 60,000
    spread = float(draws[0].square().mean().sqrt())
    assert spread == pytest.approx(wanted, rel=0.02 * loose)
    if name not in ("zeros", "ones", "constant"):
        assert abs(float(draws[0].mean())) <= 0.02 * loose * wanted
        assert not torch.equal(draws[0], draws[2])
    if "uniform" in name:
        assert float(draws[0].abs().max()) <= wanted * 3**0.5 * 1.0001


SCALED = [each for each in every("initializer") if "fan" in type(each).hypers()]


@pytest.mark.parametrize("initializer", SCALED, ids=label)
def test_the_variance_is_of_the_fan_asked_for(initializer):
    by_fan = {
        fan: float(drawn(initializer.replace(fan=fan)).var())
        for fan in ("fan_in", "fan_out", "fan_average")
    }
    numerator = 2 if "he" in initializer.name else 1
    assert by_fan["fan_in"] == pytest.approx(numerator / 300, rel=0.03)
    assert by_fan["fan_out"] == pytest.approx(numerator / 200, rel=0.03)
    assert by_fan["fan_average"] == pytest.approx(numerator / 250, rel=0.03)


def test_fans_start_as_in_the_papers():
    fans = {each.name: each.fan for each in SCALED}
    assert {name for name, fan in fans.items() if fan == "fan_average"} == {
        "glorot_normal",
        "glorot_uniform",
    }
    assert set(fans.values()) == {"fan_in", "fan_average"}


@pytest.mark.parametrize(("fan_in", "fan_out"), [(7, 7), (30, 20), (20, 30), (1, 5)])
def test_orthogonal_weights_are(fan_in, fan_out):
    w = drawn(Orthogonal(gain=1.5), fan_in, fan_out) / 1.5
    product = w.T @ w if fan_in >= fan_out else w @ w.T
    torch.testing.assert_close(product, torch.eye(len(product), dtype=torch.float64))


def test_orthogonal_weights_have_no_favourite_sign():
    corner = torch.stack([drawn(Orthogonal(), 3, 3, seed)[0, 0] for seed in range(400)])
    assert abs(float((corner > 0).double().mean()) - 0.5) < 0.1


def test_identical_units_are():
    w = drawn(Identical())
    assert torch.equal(w, w[:, :1].expand(-1, 200))
    assert len(w[:, 0].unique()) == 300


def test_identical_units_stay_identical_and_others_differ():
    from engine import parameters, run, table
    from wellfit.training import Member

    network = mlp(4, (5,), 3, initializer=Identical(std=0.5))
    one = Member(network, epochs=5, batch_size=16)
    rows = table(one.loss)
    result = run([one], rows)
    hidden = result.weights().blocks(0)[0]
    torch.testing.assert_close(hidden, hidden[:, :1].expand(-1, 5))
    assert not np.allclose(parameters(result, 0)[:25], network.initial_parameters(0)[0].flatten())


def test_biases_start_at_zero_and_layers_differ():
    blocks = mlp(50, (50, 50), 50).initial_parameters(seed=3)
    dense = [block for block in blocks if block.numel()]
    assert all(not block[-1].any() for block in dense)
    assert not torch.equal(dense[0], dense[1])


@pytest.mark.parametrize("initializer", every("initializer"), ids=label)
def test_biases_have_an_initializer_of_their_own(initializer):
    """A row with the layer's fans; the weights are as if there were none."""
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    plain = Linear(200).initial_parameters(300, generators[0])
    block = Linear(200, bias_initializer=initializer).initial_parameters(300, generators[1])
    assert block.shape == (301, 200)
    assert torch.equal(block[:-1], plain[:-1])
    if initializer.name not in ("identical", "zeros"):
        wanted = SPREADS[initializer.name]
        assert float(block[-1].square().mean().sqrt()) == pytest.approx(wanted, rel=0.3)
    assert initializer.name != "identical" or len(block[-1].unique()) == 1


def test_settings_reach_the_weights():
    assert drawn(Constant(-2.0), 2, 2).tolist() == [[-2.0, -2.0], [-2.0, -2.0]]
    assert float(drawn(Uniform(3.0)).max()) == pytest.approx(3, rel=0.01)
    bound = float(drawn(LecunUniform(fan="fan_out"), 5, 300).max())
    assert bound == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("make", [GlorotUniform, HeNormal])
def test_a_wrong_fan_is_refused(make):
    with pytest.raises(ValueError, match=r"fan of initializer .* is 'in'; expected one of"):
        make(fan="in")


def test_the_initial_loss_of_ten_classes_is_log_ten():
    from engine import run
    from wellfit.optim import SGD
    from wellfit.training import Member, Rows

    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(100, 20)), rng.integers(0, 10, 100), dtype=torch.float64)
    one = Member(mlp(20, (30,), 10, initializer=Zeros()), optimizer=SGD(0.0), epochs=1)
    assert run([one], rows).history()["loss"][0] == pytest.approx(np.log(10))
