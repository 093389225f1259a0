r"""Test functions of two numbers, on which optimizers are compared.

Each is written for tensors x, y of any shape, so that autograd gives its derivatives. To add one,
write a class here: its name, its formula, its minima, where to look and to start.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import Config

Point = tuple[float, float]


class Landscape(Config, family="landscape"):
    """A function of two numbers.

    Attributes:
        minima: where it is lowest; none where it has no bottom.
        start: where optimizers start.
        window: (left, right, bottom, top) of what is worth drawing.

    >>> float(Beale().value(torch.tensor(3.0), torch.tensor(0.5)))
    0.0
    """

    minima: ClassVar[tuple[Point, ...]] = ()
    start: ClassVar[Point] = (0.0, 0.0)
    window: ClassVar[tuple[float, float, float, float]] = (-5.0, 5.0, -5.0, 5.0)

    @abstractmethod
    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height at every (x, y)."""

    def gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heights (K,) and their derivatives (K, 2) at points (K, 2)."""
        with torch.enable_grad():
            leaves = points.detach().clone().requires_grad_()
            heights = self.value(leaves[:, 0], leaves[:, 1])
            # The points don't interact, so the gradient of the sum holds each point's own.
            (slopes,) = torch.autograd.grad(heights.sum(), leaves)
        return heights.detach(), slopes


class Beale(Landscape, name="beale"):
    r"""(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²: plains between steep walls.

    Source: Beale, "On an iterative method for finding a local minimum", 1958.

    >>> Beale().minima
    ((3.0, 0.5),)
    """

    minima: ClassVar[tuple[Point, ...]] = ((3.0, 0.5),)
    start: ClassVar[Point] = (4.0, 4.0)
    window: ClassVar[tuple[float, float, float, float]] = (-4.5, 4.5, -4.5, 4.5)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


class Rosenbrock(Landscape, name="rosenbrock"):
    r"""(1 - x)² + 100 (y - x²)²: a long, bent, flat valley.

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a
    function", 1960.

    >>> float(Rosenbrock().value(torch.tensor(1.0), torch.tensor(1.0)))
    0.0
    """

    minima: ClassVar[tuple[Point, ...]] = ((1.0, 1.0),)
    start: ClassVar[Point] = (-1.2, 1.0)
    window: ClassVar[tuple[float, float, float, float]] = (-2.0, 2.0, -1.0, 3.0)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2


class Himmelblau(Landscape, name="himmelblau"):
    r"""(x² + y - 11)² + (x + y² - 7)²: four minima, all alike.

    Source: Himmelblau, "Applied nonlinear programming", 1972.

    >>> len(Himmelblau().minima)
    4
    """

    minima: ClassVar[tuple[Point, ...]] = (
        (3.0, 2.0),
        (-2.805118, 3.131312),
        (-3.779310, -3.283186),
        (3.584428, -1.848126),
    )
    start: ClassVar[Point] = (0.0, 0.0)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


class Rastrigin(Landscape, name="rastrigin"):
    r"""20 + x² - 10 cos 2πx + y² - 10 cos 2πy: a bowl full of dents.

    Source: Rastrigin, "Systems of extremal control", 1974.

    >>> float(Rastrigin().value(torch.tensor(0.0), torch.tensor(0.0)))
    0.0
    """

    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    start: ClassVar[Point] = (2.8, 3.4)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        wavy = torch.cos(2 * torch.pi * x) + torch.cos(2 * torch.pi * y)
        return 20 + x**2 + y**2 - 10 * wavy


class Saddle(Landscape, name="saddle"):
    r"""x² - y² + y⁴/4: flat at the saddle (0, 0), lowest on both sides of it, at y = ±√2.

    Source: the picture of optimizers at a saddle, after Dauphin et al., "Identifying and attacking
    the saddle point problem in high-dimensional non-convex optimization", 2014.

    >>> round(float(Saddle().value(torch.tensor(0.0), torch.tensor(2.0**0.5))), 4)
    -1.0
    """

    minima: ClassVar[tuple[Point, ...]] = ((0.0, 2**0.5), (0.0, -(2**0.5)))
    # Nearly on the ridge, where the slope along y vanishes: a rule must leave the saddle by
    # itself.
    start: ClassVar[Point] = (1.5, 0.001)
    window: ClassVar[tuple[float, float, float, float]] = (-2.0, 2.0, -2.0, 2.0)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        return x**2 - y**2 + y**4 / 4


class Ravine(Landscape, name="ravine"):
    r"""x²/20 + y²: a bowl twenty times as steep in one direction as in the other.

    Source: the usual example of Polyak's momentum, "Some methods of speeding up the
    convergence of iteration methods", 1964.

    >>> float(Ravine().value(torch.tensor(0.0), torch.tensor(0.0)))
    0.0
    """

    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    start: ClassVar[Point] = (-7.0, 2.0)
    window: ClassVar[tuple[float, float, float, float]] = (-10.0, 10.0, -5.0, 5.0)

    def value(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the height."""
        return x**2 / 20 + y**2
