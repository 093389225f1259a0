"""An estimator's parameters to the engine's settings."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.estimators.architectures import check_architectures, given_bagging
from wellfit.estimators.duration import batch_size, eval_interval, is_size
from wellfit.estimators.stopping import stopping_of
from wellfit.fitting import NumberTargets, TargetEncoder
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.scorer_choice import refuse_scorer, task_of
from wellfit.fitting.scoring import OWN, bare, scorer_list, scorer_name
from wellfit.nn import (
    Activation,
    Dense,
    HiddenLayer,
    Initializer,
    Layer,
    MeanAndQuantiles,
    Network,
)
from wellfit.nn.network import build_network, disturb
from wellfit.optim import (
    L1,
    L2,
    ClipByNorm,
    Clipping,
    Constraint,
    MaxNorm,
    Minimizer,
    Optimizer,
    Penalty,
    Schedule,
)
from wellfit.training import Callback, Progress, Scheduled

_DROPOUT = 0.1  # by default, where the loss may be random
_EMA_DECAY = 0.99  # by default, of weights that move at every batch
# Estimates the mean, and quantiles for intervals of any level up to 0.95 and beyond.
_SPREAD = MeanAndQuantiles((0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975))
SIZES = (256, 256)  # of the hidden layers, by default


class Architecture(NamedTuple):
    """The layers, and what their weights are subject to."""

    network: Network
    penalties: tuple[Penalty, ...]
    constraints: tuple[Constraint, ...]


def architecture(
    estimator: Any,
    inputs: int,
    n_outputs: int,
    borrowed: BorrowedLayers | None = None,
    embedding: Sequence[Layer] = (),
    categories: Sequence[Layer] = (),
) -> Architecture:
    """Return what an estimator's parameters describe, for so many inputs and outputs.

    ``borrowed`` layers take the place of the lowest; an ``embedding`` of columns is below all, but
    for that of ``categories``, which is below what disturbs the inputs too.

    Raises:
        HyperparameterError: a parameter out of its range, or parameters that don't go together.
    """
    layers, whole = hidden(estimator, borrowed), _whole(estimator)
    own: list[Dense] = []
    if borrowed is not None:
        layers, own = borrowed.under(layers, whole, inputs)
    before = disturb(estimator.input_dropout, estimator.input_noise)
    below, end = (*categories, *before, *embedding), output_activation(estimator)
    network, asked = build_network(inputs, below, layers, whole, n_outputs, end)
    asked[: len(own)] = own
    penalties = [
        *_penalties(L1, estimator.l1, [layer.l1 for layer in asked]),
        *_penalties(L2, estimator.l2, [layer.l2 for layer in asked]),
    ]
    limits = [layer.max_norm for layer in asked]
    return Architecture(network, tuple(penalties), tuple(_max_norms(estimator.max_norm, limits)))


def output_activation(estimator: Any) -> Activation | None:
    """Return what the output layer's numbers run through, of estimators that let it be chosen."""
    given = getattr(estimator, "output_activation", None)
    return None if given is None else resolve(Activation, given)


def targets(estimator: Any, y: ArrayLike) -> TargetEncoder:
    """Return the encoder of an estimator's targets, their form learned from all rows."""
    encoder = estimator.target_encoder.fit(y, loss(estimator))
    return with_end(estimator, encoder)


def loss(estimator: Any) -> Any:
    """Return the loss asked for; ``"auto"`` estimates what calibrated intervals are made of."""
    numbers_asked = issubclass(estimator.target_encoder, NumberTargets)
    spread = numbers_asked and estimator.conformal is not None
    return _SPREAD if is_auto(estimator.loss) and spread else estimator.loss


def with_end(estimator: Any, encoder: TargetEncoder) -> TargetEncoder:
    """Return an encoder of targets for a network that ends as an estimator's parameters say."""
    if not isinstance(encoder, NumberTargets):
        return encoder
    encoder = encoder.with_activation(output_activation(estimator))
    return encoder.with_clipping(bool(getattr(estimator, "clip_predictions", False)))


def check_saved(estimator: Any) -> None:
    """Refuse numbers out of their range in an estimator's parameters, before it is trained.

    Whether they describe its network is another question: its weights may be another model's.

    Raises:
        HyperparameterError: a parameter out of its range.
    """
    check_options(estimator)
    optimizer(estimator)
    batch_size(estimator.batch_size, 1)
    eval_interval(estimator.eval_every)
    clipping(estimator.gradient_clipping)
    hidden(estimator)
    disturb(estimator.input_dropout, estimator.input_noise)
    between = _whole(estimator).dropout
    if not isinstance(between, Layer):
        disturb(between or 0.0, 0.0)
    list(_penalties(L1, estimator.l1, [None]))
    list(_penalties(L2, estimator.l2, [None]))
    list(_max_norms(estimator.max_norm, [None]))


def _whole(estimator: Any) -> Dense:
    """Return what holds for all layers that say nothing themselves."""
    activation = estimator.activation
    return Dense(
        activation=None if _is_list(activation) else resolve(Activation, activation),
        batch_norm=estimator.batch_norm,
        dropout=dropout(estimator),
        initializer=resolve(Initializer, estimator.initializer),
        bias_initializer=resolve(Initializer, estimator.bias_initializer),
    )


def optimizer(estimator: Any) -> Optimizer:
    """Return the update rule, at the estimator's own ``learning_rate`` where that is a number.

    Raises:
        HyperparameterError: a rate that is none, or a rule that has no learning rate.
    """
    rule, rate = resolve(Optimizer, estimator.optimizer), estimator.learning_rate
    if is_auto(rate):
        return rule
    if isinstance(rule, Minimizer):
        raise HyperparameterError(
            f"learning_rate is {rate!r}, and optimizer {rule.name!r} has none; expected 'auto'"
        )
    return rule.replace(learning_rate=rate)


def dropout(estimator: Any) -> float | Layer:
    """Return the hidden dropout, ``"auto"`` resolved: none where the loss must not be random."""
    given: float | Layer = _unless_minimized(estimator, estimator.dropout, _DROPOUT)
    return given


def ema_decay(estimator: Any, penalties: Iterable[Penalty]) -> float:
    """Return the decay of the averaged weights, ``"auto"`` resolved."""
    # A mean of weights, some of which were 0 and others not, isn't 0.
    if is_auto(estimator.ema_decay) and any(each.proximal for each in penalties):
        return 0.0
    given: float = _unless_minimized(estimator, estimator.ema_decay, _EMA_DECAY)
    return given


def _unless_minimized(estimator: Any, given: Any, default: float) -> Any:
    """Return a number, where ``"auto"`` is 0 for a minimizer and else the default."""
    if not is_auto(given):
        return given
    return 0.0 if isinstance(resolve(Optimizer, estimator.optimizer), Minimizer) else default


def hidden(estimator: Any, borrowed: BorrowedLayers | None = None) -> list[HiddenLayer | Layer]:
    """Return the hidden layers: those given one by one, or some of the sizes given."""
    if estimator.layers is not None:
        if not _is_list(estimator.layers):
            raise HyperparameterError(
                f"layers is {estimator.layers!r}; expected a list of hidden layers, such as "
                "[Dense(64), 32]"
            )
        return [layer if not is_size(layer) else Dense(int(layer)) for layer in estimator.layers]
    if is_auto(estimator.hidden_layer_sizes):
        sizes = SIZES if borrowed is None else tuple(borrowed.units)
    else:
        sizes = hidden_sizes(estimator.hidden_layer_sizes)
    if not _is_list(estimator.activation):
        return [Dense(size) for size in sizes]
    if len(estimator.activation) != len(sizes):
        raise HyperparameterError(
            f"activation names {len(estimator.activation)} functions; expected one, or one for "
            f"each of the {len(sizes)} hidden layers"
        )
    return [Dense(size, name) for size, name in zip(sizes, estimator.activation, strict=True)]


def hidden_sizes(given: Sequence[int] | int) -> tuple[int, ...]:
    """Return the hidden layers' units; a number is one layer.

    >>> hidden_sizes(64), hidden_sizes([64, 32]), hidden_sizes(())
    ((64,), (64, 32), ())
    """
    sizes = tuple(given) if isinstance(given, (Sequence, np.ndarray)) else (given,)
    for size in sizes:
        if not is_size(size) or size < 1:
            raise HyperparameterError(
                f"hidden_layer_sizes is {given!r}; expected whole numbers, at least 1"
            )
    return tuple(map(int, sizes))


def _penalties(
    kind: type[Penalty], given: Any, asked: Sequence[float | None]
) -> Iterable[Penalty]:
    """Yield a penalty for the layers that ask for none of their own, and those they ask for."""
    whole = given if isinstance(given, kind) else kind(0.0 if is_auto(given) else given)
    rest = tuple(index for index, strength in enumerate(asked) if strength is None)
    if whole.strength and rest:
        yield whole if len(rest) == len(asked) else whole.replace(only=rest)
    for index, strength in enumerate(asked):
        if strength:
            yield kind(strength, decoupled=whole.decoupled, only=(index,))


def _max_norms(given: float | None, asked: Sequence[float | None]) -> Iterable[Constraint]:
    """Yield a constraint for the hidden layers, but for those that ask for their own."""
    # The output layer's units are no features: it is left alone unless it is all there is.
    last = len(asked) - 1
    rest = tuple(i for i, limit in enumerate(asked) if limit is None and (i < last or not last))
    if given is not None and rest:
        yield MaxNorm(given, only=rest)
    for index, limit in enumerate(asked):
        if limit is not None:
            yield MaxNorm(limit, only=(index,))


def clipping(given: Any) -> tuple[Clipping, ...]:
    """Return how gradients are clipped; a number is the longest norm of all of them.

    >>> clipping(5), clipping("by_value"), clipping(None)
    ((ClipByNorm(limit=5),), (ClipByValue(),), ())
    """
    if given is None:
        return ()
    if _is_number(given):
        return (ClipByNorm(given),)
    return (resolve(Clipping, given),)


def schedules(given: Mapping[str, Any] | None) -> tuple[Scheduled, ...]:
    """Return the schedules of other hyper-parameters than the learning rate.

    >>> schedules({"momentum": "ramp"})
    (Scheduled(schedule=Ramp()),)
    """
    if given is not None and not isinstance(given, Mapping):
        raise HyperparameterError(
            f"schedules is {given!r}; expected a dictionary such as "
            "{'momentum': Ramp(start=0.5)}"
        )
    items = (given or {}).items()
    return tuple(Scheduled(of, resolve(Schedule, schedule)) for of, schedule in items)


def callbacks(estimator: Any, one_more: bool) -> list[Callback]:
    """Return the callbacks of the training; nothing stops the one epoch of ``partial_fit``."""
    chosen = estimator.callbacks
    if not _is_list(chosen):
        raise HyperparameterError(f"callbacks is {chosen!r}; expected a list of callbacks")
    for callback in chosen:
        if not isinstance(callback, Callback):
            raise HyperparameterError(f"callbacks hold {callback!r}; expected a Callback")
    stopping = stopping_of(estimator)
    # Before the others: what they see and write is what has been decided.
    first = [stopping] if stopping is not None and not one_more else []
    return [*first, *chosen, *Progress.of(estimator.verbose)]


def holds_out(estimator: Any) -> bool:
    """Say whether some of the rows to train on are held out.

    A share that is given always is, and a fold for each of several networks. Else it is a tenth,
    where the probabilities are calibrated, where early stopping looks at validation rows, or
    where something else does while it is on.
    """
    calibration = getattr(estimator, "calibration", None)
    asked = estimator.validation_fraction, given_bagging(estimator), calibration
    if any(each is not None for each in asked):
        return True
    stopping = stopping_of(estimator)
    if stopping is None:
        return False
    monitoring = (
        stopping,
        resolve_schedule(estimator),
        *callbacks(estimator, one_more=True),
    )
    monitors = [getattr(each, "monitor", None) for each in monitoring]
    return bool(scored(estimator)) or any(each not in (None, *OWN) for each in monitors)


def scored(estimator: Any) -> list[Any]:
    """Return the scorers whose values an estimator wants to see, or to be judged by."""
    wanted = scorer_list(estimator.scoring)
    names = {scorer_name(each) for each in wanted}
    for each in (stopping_of(estimator), resolve_schedule(estimator)):
        monitor = getattr(each, "monitor", None)
        if monitor is not None and bare(monitor) not in {*OWN, *names}:
            wanted.append(monitor)
    return wanted


def refuse_scorers(estimator: Any, scoring: Any, y: ArrayLike) -> None:
    """Refuse names of scorers for other targets, before an estimator is trained.

    Args:
        estimator: a classifier or a regressor.
        scoring: names or functions, one or several.
        y: the targets.

    Raises:
        UnknownNameError: no such scorer.
        HyperparameterError: one for other targets; names the nearest that suits.
    """
    names = [name for name in scorer_list(scoring) if isinstance(name, str)]
    task = task_of(targets(estimator, y)) if names else None
    for name in names:
        refuse_scorer(bare(name), task)


def resolve_schedule(estimator: Any) -> Schedule:
    """Return the learning rate's schedule."""
    return resolve(Schedule, estimator.lr_schedule)


def image_shape(given: Any) -> tuple[int, ...] | None:
    """Return (height, width) or (height, width, channels) as a tuple, or None."""
    if given is None:
        return None
    return tuple(given) if _is_list(given) else (given,)


def check_options(estimator: Any) -> None:
    """Refuse values of the training's options that can't be meant.

    Raises:
        HyperparameterError: naming the option.
    """
    for name, each in estimator.declared_parameters.items():
        each.check(name, getattr(estimator, name))
    check_architectures(estimator)
    bagging = given_bagging(estimator)
    if bagging is not None and estimator.pretrained is not None:
        raise HyperparameterError(
            f"bagging is {bagging} and pretrained is given, whose layers are of one "
            "network; expected bagging=None, or pretrained=None"
        )
    conformal = estimator.conformal
    if conformal == "cross" and (bagging is None or bagging < 3):
        raise HyperparameterError(
            f"conformal is 'cross' and bagging is {estimator.bagging!r}: a fold calibrates, "
            "another chooses the epoch, and the others are trained on. Expected bagging of 3 or "
            "more, such as 10, or conformal='split'"
        )
    if estimator.warm_start and conformal is not None:
        raise HyperparameterError(
            f"conformal is {conformal!r} and warm_start is True: rows that an earlier "
            "fit has learned from can't calibrate. Expected conformal=None, and "
            "conformalize(X, y) with rows of their own after fit"
        )


def _is_number(value: Any) -> TypeGuard[float]:
    """Say whether a value is a real number, of any type of Python's or NumPy's."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))
