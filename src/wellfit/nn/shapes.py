"""Shapes of networks by name: how the widths of the hidden layers follow from one number."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper


class NetworkShape(Config, family="network_shape"):
    """The widths of the hidden layers, from the input on, by their number and the widest of them.

    Source: the names and the question which of them to take are those of Gouws, Bhoopchand and
    Paquet, "Deep Learning Indaba, practical 2", 2017.

    >>> Tapered().sizes(depth=3, units=512)
    (512, 256, 128)
    """

    fewest: ClassVar[int] = 0  # hidden layers that the shape needs to be one

    def sizes(self, depth: int, units: int) -> tuple[int, ...]:
        """Return the widths of ``depth`` hidden layers, the widest having ``units``.

        Raises:
            HyperparameterError: fewer layers than the shape needs.
        """
        self.check_depth(depth)
        return tuple(max(1, round(units * self.share(place, depth))) for place in range(depth))

    def check_depth(self, depth: int) -> None:
        """Refuse fewer layers than the shape needs."""
        if depth < self.fewest:
            raise HyperparameterError(
                f"the shape {self.name} needs at least {self.fewest} hidden layers; given {depth}"
            )

    @abstractmethod
    def share(self, place: int, depth: int) -> float:
        """Return the width of the layer at ``place``, from 0, over that of the widest."""


class Regular(NetworkShape, name="regular"):
    """All hidden layers equally wide, between the inputs and the outputs.

    >>> Regular().sizes(depth=3, units=256)
    (256, 256, 256)
    """

    def share(self, place: int, depth: int) -> float:
        """Return 1."""
        return 1.0


class _Stepped(NetworkShape):
    """A shape whose widths change by a constant factor from layer to layer."""

    ratio: float = hyper(
        "width of a layer over that of its wider neighbour",
        default=0.5,
        low=0,
        high=1,
        open_low=True,
        search=(0.3, 0.9),
    )


class Tapered(_Stepped, name="tapered"):
    """Large, medium, small: each layer ``ratio`` times as wide as the one below.

    >>> Tapered(0.6).sizes(depth=2, units=500)
    (500, 300)
    """

    def share(self, place: int, depth: int) -> float:
        """Return ratioⁱ."""
        return float(self.ratio**place)


class Bottleneck(_Stepped, name="bottleneck"):
    """Large, small, large: narrow in the middle, as in an autoencoder.

    >>> Bottleneck(0.25).sizes(depth=3, units=256)
    (256, 64, 256)
    """

    fewest: ClassVar[int] = 3

    def share(self, place: int, depth: int) -> float:
        """Return ratio to the power of the layers between this one and the nearest end."""
        return float(self.ratio ** min(place, depth - 1 - place))


class OverComplete(_Stepped, name="over_complete", aliases=("over-complete", "overcomplete")):
    """Small, large, small: wide in the middle.

    >>> OverComplete().sizes(depth=3, units=256)
    (128, 256, 128)
    """

    fewest: ClassVar[int] = 3

    def share(self, place: int, depth: int) -> float:
        """Return ratio to the power of the layers between this one and the middle."""
        return float(self.ratio ** ((depth - 1) // 2 - min(place, depth - 1 - place)))
