import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wellfit.core.rng import Bits, Normals, derive, generator, permutation

MASK = (1 << 64) - 1


def splitmix64(key: int, index: int) -> int:
    """The paper's generator, in Python's whole numbers: the number after ``index`` steps."""
    z = (key + 0x9E3779B97F4A7C15 * index) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@given(key=st.integers(0, 2**63 - 1), step=st.integers(0, 2**40), shape=st.sampled_from([8, 20]))
def test_bits_are_splitmix64s(key, step, shape):
    drawn = Bits(torch.tensor([5, key]), (shape,), steps=3).draw(step)[2, 1].numpy()
    words = shape // 4
    expected = [splitmix64(key, ((step + 2) << 32) + word) for word in range(words)]
    assert np.frombuffer(drawn.tobytes(), np.uint64).tolist() == expected


def test_bits_do_not_depend_on_other_members_or_on_how_many_steps_are_drawn():
    keys = torch.tensor([derive(seed, "test") for seed in range(4)])
    together = Bits(keys, (3, 5), steps=6).draw(10)
    alone = Bits(keys[2:3], (3, 5), steps=1)
    for step in range(6):
        assert torch.equal(alone.draw(10 + step)[0, 0], together[step, 2])


def test_fewer_rows_begin_as_more_rows_do():
    keys = torch.tensor([derive(seed, "test") for seed in range(2)])
    few, more = (Bits(keys, (rows, 7), steps=2).draw(3) for rows in (5, 6))
    assert torch.equal(few, more[:, :, :5])


def test_bits_are_uniform():
    bits = Bits(torch.tensor([derive(7)]), (100_000,), steps=1).draw(0).double()
    counts = torch.histc(bits, bins=64, min=-32768, max=32767)
    chi2 = float(((counts - 100_000 / 64) ** 2 / (100_000 / 64)).sum())
    assert 25 < chi2 < 115  # 63 degrees of freedom; one in ten thousand on either side


def test_normals_are_the_integers_places_in_the_distribution():
    keys = torch.tensor([derive(seed, "test") for seed in range(3)])
    drawn = Normals(keys, (50, 40), steps=2, dtype=torch.float64).draw(5)
    places = (Bits(keys, (50, 40), steps=2).draw(5).double() + 32768.5) / 65536
    expected = torch.distributions.Normal(0.0, 1.0).icdf(places)
    torch.testing.assert_close(drawn, expected, rtol=1e-9, atol=1e-9)
    alone = Normals(keys[1:2], (50, 40), steps=1, dtype=torch.float64).draw(6)
    assert torch.equal(alone[0, 0], drawn[1, 1])


@given(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 50)), unique=True, min_size=2))
def test_derived_keys_differ(paths):
    keys = [derive(seed, "init", layer) for seed, layer in paths]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**63 for key in keys)


def test_a_path_is_not_its_pieces():
    assert len({derive(1, "a", 2), derive(1, 2, "a"), derive(2, "a", 1), derive(1, "a")}) == 4


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_an_order_visits_every_row_once(rows):
    orders = [permutation(0, epoch, rows) for epoch in range(3)]
    for order in orders:
        assert order.sort().values.tolist() == list(range(rows))
    assert rows < 3 or not torch.equal(orders[0], orders[1])


def test_generators_repeat():
    a, b = (torch.rand(3, generator=generator(3, "x")) for _ in range(2))
    assert torch.equal(a, b)
