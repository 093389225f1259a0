"""A trained network to take layers from, and how it reads rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.estimators.inputs import Inputs
from wellfit.nn import Layer, Linear

if TYPE_CHECKING:
    from wellfit.estimators.base import BaseMLP


@dataclass(frozen=True)
class Source:
    """A trained network, and how it reads rows.

    Attributes:
        layers: from the input to the output layer.
        parameters: what each has learned, (rows, columns).
        statistics: what each has tracked, (rows, columns).
        told: what it is, in a few words.
        model: what it is of, whose reading of rows is kept; or None.
    """

    layers: tuple[Layer, ...]
    parameters: tuple[Tensor, ...]
    statistics: tuple[Tensor, ...]
    told: str
    model: Any = None

    @classmethod
    def of(cls, model: BaseMLP) -> Source:
        """Return a fitted estimator's network.

        Raises:
            InputError: it isn't fitted.
        """
        if not model.__sklearn_is_fitted__():
            raise InputError(
                f"the pretrained {type(model).__name__} is not fitted; expected a fitted one"
            )
        weights = model._weights
        tracked = weights.network.statistics.views(weights.statistics, weights.members)
        return cls(
            weights.networks[0].layers,
            tuple(weights.blocks(0)),
            tuple(view[0] for view in tracked),
            type(model).__name__,
            model,
        )

    @property
    def inputs(self) -> int:
        """How many numbers its first linear layer reads."""
        return self._linear()[0].shape[0] - 1

    @property
    def first_shape(self) -> tuple[int, int]:
        """The shape of its first linear layer's weights, (inputs, units)."""
        return self.inputs, self._linear()[0].shape[1]

    @property
    def units(self) -> tuple[int, ...]:
        """The units of its hidden layers, from the input on."""
        return tuple(block.shape[1] for block in self._linear()[:-1])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its hidden layers: ``linear_1`` is the lowest."""
        return tuple(f"linear_{number}" for number in range(1, len(self.units) + 1))

    def _linear(self) -> list[Tensor]:
        pairs = zip(self.layers, self.parameters, strict=True)
        return [block for layer, block in pairs if isinstance(layer, Linear)]

    def at_work(self) -> list[int]:
        """Return the places of the layers that don't only disturb training."""
        return [place for place, each in enumerate(self.layers) if not each.training_only]


def reading_of(source: Source, estimator: BaseMLP) -> Inputs | None:
    """Return how a source reads rows, which an estimator goes on with; None where it doesn't say.

    Raises:
        InputError: it reads other columns, or takes numbers as they are while the estimator
            would scale them.
    """
    if source.model is None or estimator.preprocess is None:
        return None
    _check_columns(source.model, estimator)
    inputs = source.model._inputs
    if inputs.kind == "raw":
        raise InputError(
            "the reused model takes numbers as they are, and this estimator has "
            "preprocess='auto'; expected preprocess=None here too"
        )
    return Inputs.from_document(*inputs.to_document())


def _check_columns(theirs: Any, own: BaseMLP) -> None:
    if theirs.n_features_in_ != own.n_features_in_:
        raise InputError(
            f"X has {own.n_features_in_} columns and the reused model was trained on "
            f"{theirs.n_features_in_}; expected the same"
        )
    names = [list(getattr(each, "feature_names_in_", ())) for each in (own, theirs)]
    if all(names) and names[0] != names[1]:
        place = next(i for i, pair in enumerate(zip(*names, strict=True)) if pair[0] != pair[1])
        raise InputError(
            f"column {place} of X is {names[0][place]!r}, where the reused model was trained on "
            f"{names[1][place]!r}; expected the same columns in the same order"
        )


def check_numbers(source: Source, inputs: int) -> None:
    """Check that rows become as many numbers as a source reads.

    Raises:
        InputError: naming both.
    """
    if inputs != source.inputs:
        raise InputError(
            f"a row of X comes to {inputs} numbers and the reused model reads {source.inputs}: "
            f"its first weights are of shape {source.first_shape}"
        )


def same_head(source: Source, estimator: Any) -> None:
    """Let a head that is kept mean what it meant: the same classes, or targets' scale.

    Raises:
        InputError: it is of other classes.
    """
    model: Any = source.model
    if model is None:
        return
    theirs: Any = getattr(model, "classes_", None)
    own: Any = getattr(estimator, "classes_", None)
    if (theirs is None) != (own is None) or (own is None and not hasattr(model, "_scaler")):
        raise InputError(
            f"head is 'keep', and the reused model is of another kind: {type(model).__name__}; "
            "expected head='new'"
        )
    if own is None:
        estimator._scaler = model._scaler
    elif not np.array_equal(theirs, own):
        raise InputError(
            f"head is 'keep', and the reused model knows the classes {theirs.tolist()}; y has "
            f"{own.tolist()}; expected the same, or head='new'"
        )
