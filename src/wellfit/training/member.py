"""Member: everything that makes one training, apart from the data."""

from __future__ import annotations

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, fraction, hyper
from wellfit.nn.losses import Loss, SoftmaxCrossEntropy
from wellfit.nn.network import Network, mlp
from wellfit.optim.clipping import Clipping
from wellfit.optim.constraints import Constraint
from wellfit.optim.layer_rates import LayerRates
from wellfit.optim.minimizers import Minimizer
from wellfit.optim.optimizers import Adam, Optimizer
from wellfit.optim.penalties import Penalty
from wellfit.optim.schedules import ConstantSchedule, Schedule


class Scheduled(Config):
    """A schedule of something else than the learning rate: what it is multiplied by, when.

    >>> Scheduled("momentum").of
    'momentum'
    """

    of: str = hyper("momentum, dropout, l1, l2 or the like", default="momentum")
    schedule: Schedule = hyper("the factor on it", default=ConstantSchedule())


class Member(Config):
    """Everything that makes one network's training, apart from the data.

    Raises:
        HyperparameterError: ``layer_rates`` are for another number of layers than the network's;
            ``batch_size`` is 1 and the network has batch norm.

    >>> Member(mlp(4, (8,), 3), epochs=5).network.size
    67
    """

    network: Network = hyper("the layers", default=mlp(1, (), 1))
    loss: Loss = hyper("what is lowered", default=SoftmaxCrossEntropy())
    optimizer: Optimizer = hyper("the update rule", default=Adam())
    lr_schedule: Schedule = hyper("of the learning rate", default=ConstantSchedule())
    schedules: tuple[Scheduled, ...] = hyper("of other hyper-parameters", default=())
    penalties: tuple[Penalty, ...] = hyper("costs of large weights", default=())
    constraints: tuple[Constraint, ...] = hyper("what weights are held to", default=())
    gradient_clipping: tuple[Clipping, ...] = hyper("what gradients are cut to", default=())
    ema_decay: float = fraction(
        "share of the averaged weights kept at a step; 0 for none",
        default=0.0,
        search=(0.9, 0.9999),
    )
    layer_rates: LayerRates = hyper(
        "each layer's own: frozen, unfrozen later, slower", default=LayerRates()
    )
    batch_size: int = hyper("rows of a step", default=128, low=1, scale="log", search=(16, 1024))
    epochs: int = hyper("passes over the rows", default=20, low=1, scale="log", per_member=True)
    max_steps: int | None = hyper(
        "steps at most, where epochs would come to more; None for whole epochs",
        default=None,
        low=1,
        optional=True,
    )
    seed: int = hyper("of weights and dropout", default=0, low=0, per_member=True)
    # Their random numbers are those of a network that has the layers below.
    below: int = hyper("layers below the first, whose outputs its rows are", default=0, low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size == 1 and any(layer.mixes_rows for layer in self.network.layers):
            raise HyperparameterError(
                "batch_size is 1, by which batch norm takes every row for its own mean; expected "
                "at least 2, or no batch norm"
            )
        if not self.layer_rates.layers:
            return
        there = sum(shape.weight_rows > 0 for shape in self.network.parameters.shapes)
        if self.layer_rates.layers != there:
            raise HyperparameterError(
                f"layer_rates are for {self.layer_rates.layers} layers, and the network has "
                f"{there} with weights; given {self.layer_rates!r}"
            )

    def steps(self, per_epoch: int) -> int:
        """Return how many steps it takes in all, of so many to an epoch."""
        whole = self.epochs * per_epoch
        return whole if self.max_steps is None else min(whole, self.max_steps)

    @property
    def rows_independent(self) -> bool:
        """Whether a row's output and gradient don't depend on the other rows of its batch."""
        if isinstance(self.optimizer, Minimizer):
            return False  # it takes all rows at once
        # Rows that a mean of submodels takes together are of one example anyway.
        return not any(
            layer.mixes_rows or (layer.rows_per_output > 1 and not layer.predicting_only)
            for layer in self.network.layers
        )

    def slots(self) -> tuple[str, ...]:
        """Return the names of what is remembered of each parameter."""
        return (*self.optimizer.slots(), *(("average",) if self.ema_decay else ()))
