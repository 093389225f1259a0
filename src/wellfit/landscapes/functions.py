r"""Test functions of two and more numbers, on which optimizers are compared.

Each is written for tensors of any shape, one for each number, so that autograd gives its
derivatives. To add one, write a class: its name, its formula, its minima, where to look and to
start.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper

Point = tuple[float, ...]


class Landscape(Config, family="landscape"):
    """A function of numbers, two of them where a class says nothing else.

    Attributes:
        minima: where it is lowest; none where it has no bottom.
        start: where optimizers start; as many numbers as the function has.
        window: (left, right, bottom, top) of what is worth drawing, of two of the numbers.

    >>> float(Beale().value(torch.tensor(3.0), torch.tensor(0.5)))
    0.0
    """

    minima: ClassVar[tuple[Point, ...]] = ()
    start: ClassVar[Point] = (0.0, 0.0)
    window: ClassVar[tuple[float, float, float, float]] = (-5.0, 5.0, -5.0, 5.0)

    @property
    def n_parameters(self) -> int:
        """How many numbers it is a function of."""
        return len(self.start)

    @abstractmethod
    def value(self, *x: Tensor) -> Tensor:
        """Return the height at every point, of a tensor for each number."""

    def gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heights (K,) and derivatives (K, n_parameters) at points of that shape."""
        with torch.enable_grad():
            leaves = points.detach().clone().requires_grad_()
            heights = self.value(*leaves.unbind(1))
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

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x, y = at
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


class _Scalable(Landscape):
    """A function of any number of numbers, whose minimum and start are alike in all of them."""

    n: int = hyper("how many numbers it is a function of", default=2, low=2, high=1000)
    lowest: ClassVar[float] = 0.0  # each number at the minimum
    begin: ClassVar[Point] = (1.0,)  # the numbers at the start, over and over

    def __post_init__(self) -> None:
        super().__post_init__()
        start = tuple(self.begin[place % len(self.begin)] for place in range(self.n))
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "minima", ((self.lowest,) * self.n,))


class Rosenbrock(_Scalable, name="rosenbrock"):
    r"""Σ (1 - xᵢ)² + 100 (xᵢ₊₁ - xᵢ²)²: a long, bent, flat valley.

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a
    function", 1960.

    >>> float(Rosenbrock().value(torch.tensor(1.0), torch.tensor(1.0)))
    0.0
    >>> Rosenbrock(4).start
    (-1.2, 1.0, -1.2, 1.0)
    """

    lowest: ClassVar[float] = 1.0
    begin: ClassVar[Point] = (-1.2, 1.0)
    window: ClassVar[tuple[float, float, float, float]] = (-2.0, 2.0, -1.0, 3.0)

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        terms = [(1 - x) ** 2 + 100 * (y - x**2) ** 2 for x, y in pairwise(at)]
        return torch.stack(terms).sum(0)


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

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x, y = at
        return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


class Rastrigin(_Scalable, name="rastrigin"):
    r"""Σ 10 + xᵢ² - 10 cos 2πxᵢ: a bowl full of dents.

    Source: Rastrigin, "Systems of extremal control", 1974.

    >>> float(Rastrigin().value(torch.tensor(0.0), torch.tensor(0.0)))
    0.0
    """

    begin: ClassVar[Point] = (2.8, 3.4)

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x = torch.stack(at)
        return (10 + x**2 - 10 * torch.cos(2 * torch.pi * x)).sum(0)


class Ackley(_Scalable, name="ackley"):
    r"""20 (1 - exp(-‖x‖/(5√n))) + e - exp(Σ cos 2πxᵢ / n): a hole in a nearly flat, dented plain.

    Source: Ackley, "A connectionist machine for genetic hillclimbing", 1987.

    >>> round(float(Ackley(3).value(*torch.zeros(3, dtype=torch.float64))), 9)
    0.0
    """

    begin: ClassVar[Point] = (1.3, 0.7)

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x = torch.stack(at)
        # The tiny number keeps the root's slope finite at the minimum.
        far = 20 * (1 - torch.exp(-0.2 * (x.square().mean(0) + 1e-24).sqrt()))
        return far + torch.e - torch.exp(torch.cos(2 * torch.pi * x).mean(0))


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

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x, y = at
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

    def value(self, *at: Tensor) -> Tensor:
        """Return the height."""
        x, y = at
        return x**2 / 20 + y**2
