"""Shapes of networks: widths of the hidden layers, of every number of them."""

from __future__ import annotations

import pytest

from wellfit.core import registry
from wellfit.core.errors import HyperparameterError
from wellfit.nn import NetworkShape

SHAPES: list[type[NetworkShape]] = [
    registry.lookup("network_shape", name) for name in registry.names("network_shape")
]


@pytest.mark.parametrize("cls", SHAPES)
@pytest.mark.parametrize("units", [1, 7, 512])
def test_the_widest_layer_has_the_units(cls: type[NetworkShape], units: int) -> None:
    for depth in range(cls.fewest, 9):
        sizes = cls().sizes(depth, units)
        assert len(sizes) == depth
        assert max(sizes, default=units) == units
        assert min(sizes, default=1) >= 1
    for depth in range(cls.fewest):
        with pytest.raises(HyperparameterError, match=f"at least {cls.fewest} hidden layers"):
            cls().sizes(depth, units)


@pytest.mark.parametrize(
    ("name", "depth", "expected"),
    [
        ("regular", 4, (64, 64, 64, 64)),
        ("tapered", 4, (64, 32, 16, 8)),
        ("tapered", 1, (64,)),
        ("bottleneck", 3, (64, 32, 64)),
        ("bottleneck", 4, (64, 32, 32, 64)),
        ("bottleneck", 5, (64, 32, 16, 32, 64)),
        ("over_complete", 3, (32, 64, 32)),
        ("over_complete", 4, (32, 64, 64, 32)),
        ("over_complete", 5, (16, 32, 64, 32, 16)),
        ("over-complete", 3, (32, 64, 32)),
    ],
)
def test_widths(name: str, depth: int, expected: tuple[int, ...]) -> None:
    assert registry.lookup("network_shape", name)().sizes(depth, 64) == expected
