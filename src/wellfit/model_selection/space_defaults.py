"""Default search space of an estimator: the presets first, then what lies around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import clone

from wellfit.core._sklearn_compat import num_samples
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.estimators import settings
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.parts import parts_of
from wellfit.estimators.presets import DEFAULT
from wellfit.estimators.without_auto import without_auto
from wellfit.model_selection.distributions import Choices, Distribution, Number
from wellfit.model_selection.spaces import Space
from wellfit.optim import L2, Minimizer, Optimizer

# Few structures, so that candidates share stacks.
_SIZES = ((64,), (128,), (256,), (64, 64), (128, 128), (256, 256))
_NARROW_SIZES = ((64, 64), (128, 128), (128, 128, 128))
_WIDE = (256, 256)  # takes some three times as long, and needs many rows
_MANY_ROWS = 10_000
_SUBMODELS = ("tabm", "mini")  # packed ones have as many weights as so many networks
_OF_OPTIMIZERS = ("learning_rate", "momentum", "beta_1")

# Those that are one network. "best" averages sixteen, whose folds are no folds of a search.
_PRESETS = (DEFAULT, "fast")

# How much less and more is tried than what a fit uses; numbers of narrow networks suit each other.
_RATE_FACTOR, _NARROW_RATE_FACTOR = 10.0, 3.0
_DECAY_FACTOR, _DROPOUT_FACTOR = 5.0, 3.0


def default_space(estimator: BaseMLP, X: Any = None, y: ArrayLike | None = None) -> Space:
    """Return what is worth searching, as rows and the hyper-parameters' own declarations say.

    The optimizer's learning rate and momentum, the strength of L2, the share of dropout, the
    hidden layers' sizes, and how numeric columns and categories of many levels are embedded, where
    the rows have such. Where a fit to the rows would be of several narrow networks, learning rate
    and L2 lie around what it uses; where these are submodels, there are their number and what they
    share. The space begins with the presets ``"default"`` and ``"fast"`` as they would be fitted
    to the rows, or with an estimator of another preset as it is. Without rows, it is of a network
    whose columns nobody knows, in the ranges of the declarations, and begins with none.

    Args:
        estimator: ``MLPClassifier`` or ``MLPRegressor``.
        X: (n_samples, n_features) to search on, or a :class:`~wellfit.datasets.Dataset`; None
            where they aren't known.
        y: their targets; None of a data set.

    Raises:
        InputError: data that ``fit`` refuses.

    >>> from wellfit import MLPClassifier
    >>> list(default_space(MLPClassifier(optimizer="sgd", layers=[8])).axes)
    ['optimizer__learning_rate', 'optimizer__momentum', 'l2', 'numeric_embedding']
    """
    if X is None:
        return _around(estimator, None)
    X, y, *_ = parts_of(X, y, None, None)
    space = _around(without_auto(estimator, X, y), num_samples(X))
    return replace(space, first=tuple(_presets(estimator, space.axes, X, y)))


@dataclass(frozen=True)
class DecoupledL2(Distribution):
    """Decoupled L2 penalties, by their strengths.

    >>> DecoupledL2(Number(0.01, 1.0, log=True)).at(0.5)
    L2(strength=0.1, decoupled=True)
    """

    strengths: Number

    def at(self, share: float) -> L2:
        """Return the penalty whose strength is the number."""
        return L2(self.strengths.at(share), decoupled=True)

    def suggested(self, trial: Any, name: str) -> L2:
        """Return the penalty whose strength a trial of Optuna's suggests."""
        return L2(self.strengths.suggested(trial, name), decoupled=True)


def _around(estimator: BaseMLP, rows: int | None) -> Space:
    """Return what is searched of an estimator, whose ``"auto"`` has no meaning without rows."""
    axes: dict[str, Distribution] = dict(_optimizer_axes(estimator, known=rows is not None))
    axes["l2"] = _l2_axis(estimator)
    conditions = {}
    if _has_submodels(estimator):
        several = (estimator.n_submodels, 2 * estimator.n_submodels)
        axes["n_submodels"], axes["submodels"] = Choices((1, *several)), Choices(_SUBMODELS)
        conditions["submodels"] = {"n_submodels": several}
    if estimator.layers is None:
        if not isinstance(resolve(Optimizer, estimator.optimizer), Minimizer):
            axes["dropout"] = _dropout_axis(estimator)
        # Activations may be one for each layer, and layers that are reused have their sizes.
        if not isinstance(estimator.activation, (list, tuple)) and estimator.pretrained is None:
            axes["hidden_layer_sizes"] = Choices(_sizes(estimator, rows or 0))
    if estimator.pretrained is None:
        axes |= _embedding_axes(estimator)
    return Space(axes, conditions)


def _has_submodels(estimator: BaseMLP) -> bool:
    return estimator.n_submodels not in (1, "auto")


def _is_narrow(estimator: BaseMLP) -> bool:
    """Say whether it is one of several narrow networks, which have a training of their own."""
    return _decoupled(estimator) > 0


def _decoupled(estimator: BaseMLP) -> float:
    """Return the strength of the decoupled L2 penalty."""
    given = estimator.l2
    return given.strength if isinstance(given, L2) and given.decoupled else 0.0


def _sizes(estimator: BaseMLP, rows: int) -> tuple[tuple[int, ...], ...]:
    if not _is_narrow(estimator):
        return _SIZES
    return (*_NARROW_SIZES, _WIDE) if rows >= _MANY_ROWS else _NARROW_SIZES


def _optimizer_axes(estimator: BaseMLP, *, known: bool) -> Iterator[tuple[str, Distribution]]:
    """Yield the numbers of the optimizer; its rate around the present one where rows are known."""
    optimizer, narrow = resolve(Optimizer, estimator.optimizer), _is_narrow(estimator)
    for name in _OF_OPTIMIZERS:
        declared = optimizer.hypers().get(name)
        if declared is None or declared.search is None:
            continue
        if name != "learning_rate":
            if not narrow:
                yield f"optimizer__{name}", _searched(declared, getattr(optimizer, name))
            continue
        factor = _NARROW_RATE_FACTOR if narrow else _RATE_FACTOR
        rate = settings.optimizer(estimator).learning_rate
        values = _near(rate, factor) if known and rate else _searched(declared, rate)
        # The estimator's own rate would override any that the optimizer is given.
        yield name if not is_auto(estimator.learning_rate) else f"optimizer__{name}", values


def _l2_axis(estimator: BaseMLP) -> Distribution:
    if _is_narrow(estimator):
        return DecoupledL2(_near(_decoupled(estimator), _DECAY_FACTOR))
    return _searched(estimator.declared_parameters["l2"].hyper, 0.0)


def _dropout_axis(estimator: BaseMLP) -> Distribution:
    """Return rates up to some times what narrow networks have, or to that of the declaration."""
    declared = estimator.declared_parameters["dropout"].hyper
    given = estimator.dropout
    if not _is_narrow(estimator) or not isinstance(given, (int, float)):
        return _searched(declared, 0.0)
    # Narrow networks that estimate numbers are mostly better without.
    return Number(0.0, _DROPOUT_FACTOR * given) if given else Choices((0.0, 0.1))


def _embedding_axes(estimator: BaseMLP) -> Iterator[tuple[str, Distribution]]:
    numeric = estimator.get_params(deep=False).get("numeric_embedding")
    if numeric is not None:
        # Columns that nobody has seen may be of another kind.
        smooth = () if is_auto(numeric) else ("periodic",)
        yield "numeric_embedding", Choices(tuple(dict.fromkeys((numeric, *smooth, None))))
    categorical = estimator.get_params(deep=False).get("categorical_embedding")
    if categorical is not None and not is_auto(categorical):
        yield "categorical_embedding", Choices((categorical, None))


def _near(value: float, factor: float) -> Number:
    return Number(value / factor, value * factor, log=True)


def _searched(declared: Any, value: Any) -> Number:
    low, high = declared.search or (0.0, 1.0)
    return Number(low, high, declared.scale == "log", isinstance(value, int))


def _presets(
    estimator: BaseMLP, axes: Mapping[str, Distribution], X: Any, y: ArrayLike
) -> Iterator[dict[str, Any]]:
    """Yield the presets as candidates: with all that the space varies as a fit would have it."""
    own = estimator.get_params(deep=False).get("preset")
    for name in _PRESETS if own == DEFAULT else (own,):
        chosen = clone(estimator)
        if name is not None:
            chosen.set_params(preset=name)
        values = without_auto(chosen, X, y)
        shown = {axis: _value(values, axis, axes[axis]) for axis in axes}
        if values.n_submodels == 1:
            shown.pop("submodels", None)
        yield {"preset": name, **shown} if name is not None else shown


def _value(estimator: BaseMLP, axis: str, values: Distribution) -> Any:
    """Return an estimator's value of an axis, written as the axis writes its own."""
    outer, nested, inner = axis.partition("__")
    if axis == "learning_rate" or inner == "learning_rate":
        return settings.optimizer(estimator).learning_rate
    if nested:
        return getattr(resolve(Optimizer, getattr(estimator, outer)), inner)
    value = getattr(estimator, axis)
    if isinstance(values, DecoupledL2) and value == 0:
        return L2(0.0, decoupled=True)
    return value
