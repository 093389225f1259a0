"""Estimators that start from another network's layers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import import_module
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.estimators import reusing, settings
from wellfit.estimators.caching import Below, cached
from wellfit.estimators.continuing import network_to_go_on_with, settled
from wellfit.estimators.freezing import best
from wellfit.estimators.inputs import Inputs
from wellfit.estimators.parameters import Parameters
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.reusing import Reusing, Taken
from wellfit.estimators.sources import Source, check_numbers, reading_of
from wellfit.nn import Network
from wellfit.training import Result, Weights


class Starting(Parameters):
    """Start from pretrained layers: take them, freeze them, compute frozen ones once."""

    pretrained: Reusing | None = None
    _taken: Taken | None = None
    _below: Below | None = None
    _settled: Mapping[str, Any] | None = None

    def transfer(
        self,
        n_layers: int | str | None = None,
        freeze: int | Literal["auto"] = 0,
        head: Literal["new", "keep"] = "new",
        *,
        unfreeze: Any = None,
        layerwise_lr_decay: float = 1.0,
        **params: Any,
    ) -> Self:
        """Return an unfitted estimator that will start from this one's layers.

        Args:
            n_layers: how many hidden layers to take, or up to which; None for all.
            freeze: how many of them stay as they are; ``"auto"`` finds out.
            head: ``"new"``, or ``"keep"`` for the output layer of the same classes.
            unfreeze: the epoch from which frozen layers learn too; see
                :class:`wellfit.transfer.Pretrained` for this and ``layerwise_lr_decay``.
            layerwise_lr_decay: each layer's rate over that of the layer above, in (0, 1].
            params: what is to differ from this estimator's own parameters, such as ``epochs``.

        Raises:
            UnknownNameError: naming the nearest parameter, of the estimator or of this method.
            InputError: this one isn't fitted, or of a kind that can't start from another.

        >>> from sklearn.datasets import load_iris
        >>> from wellfit import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPClassifier((16, 16), random_state=0).fit(X, y > 0)
        >>> clf.transfer(freeze=1, epochs=20).fit(X, y).pretrained_["frozen"]
        1
        """
        model: Any = self
        Source.of(model)  # refuses one that isn't fitted
        if "pretrained" not in self.get_params(deep=False):
            kind = type(self).__name__
            raise InputError(
                f"{kind} can't start from another model's layers; expected a classifier or "
                f"regressor, such as MLPClassifier(pretrained=Pretrained({kind.lower()}))"
            )
        # Of a floor above, which implements what this floor asks for.
        pretrained = import_module("wellfit.transfer").Pretrained
        taken = pretrained(
            model,
            n_layers,
            freeze,
            unfreeze=unfreeze,
            layerwise_lr_decay=layerwise_lr_decay,
            head=head,
        )
        known = [*self.get_params(), *(field.name for field in fields(pretrained))]
        for key in params:
            if "__" not in key and key not in known:
                raise UnknownNameError(f"parameter of {type(self).__name__}.transfer", key, known)
        twin = type(self)(**{**self.get_params(deep=False), "pretrained": taken})
        return twin.set_params(**params)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, ``pretrained__freeze`` and the like among them.

        Raises:
            UnknownNameError: naming the nearest parameter there is.
            HyperparameterError: part of a ``pretrained`` that isn't there.
        """
        inner = [key for key in params if key.startswith("pretrained__")]
        if inner and params.get("pretrained", self.pretrained) is None:
            raise HyperparameterError(
                f"{inner[0]} can't be set, since pretrained is None; expected "
                "pretrained=Pretrained(model)"
            )
        return super().set_params(**params)

    def _borrow(self) -> Source | None:
        """Return the network to take layers from, if any, and learn which."""
        self._taken = None
        if self.pretrained is None:
            return None
        if not isinstance(self.pretrained, Reusing):
            raise HyperparameterError(
                f"pretrained is {self.pretrained!r}; expected None, or "
                "wellfit.transfer.Pretrained(model)"
            )
        source = self.pretrained.source()
        self._taken = Taken.of(self.pretrained, source)
        return source

    def _fit_inputs(self, x: Any, rows: NDArray[np.integer], source: Source | None) -> Inputs:
        """Return how rows are read: as the layers that are taken have learned to, if any."""
        model: Any = self
        known = None if source is None else reading_of(source, model)
        shape = settings.image_shape(model.image_shape)
        return known or Inputs.fit(x, self.preprocess, rows, shape)

    def _settle(self, going_on: bool) -> Network | None:
        """Let the parameters of now hold until another training; return what to go on with."""
        model: Any = self
        now = settled(model)
        before = self._settled or now  # nothing, in pickles of an earlier version
        if going_on and now.get("pretrained") is None and before.get("pretrained") is not None:
            now["pretrained"] = before["pretrained"]  # it began with these layers all the same
        self._settled = now
        return network_to_go_on_with(model, before) if going_on else None

    def _as_trained(self, name: str) -> Any:
        """Return a parameter as it was when training began; before that, as it is."""
        return (self._settled or {}).get(name, getattr(self, name))

    def _begin(self, work: Prepared, source: Source | None) -> Prepared:
        """Return a training that starts from what is taken, and computes what it can once."""
        self._below = None
        if self.pretrained is None:
            if not work.going_on:
                self.__dict__.pop("pretrained_", None)
            return work
        if self._taken is None:
            raise InputError(
                "training goes on from this model's own weights, and pretrained was set since it "
                "began; expected a new estimator, such as one of transfer(freeze=…)"
            )
        work = replace(work, start=self._start(work, source))
        frozen, tried = self._frozen(work, source)
        reusing.check_frozen(frozen, self._taken.count)
        work = replace(work, member=reusing.with_layer_rates(work.member, self.pretrained, frozen))
        cut = cached(work, 0 if self.pretrained.unfreezes() or work.one_more else frozen)
        if cut is not None:
            work, self._below = cut
        self._tell(frozen, cut is not None, tried, source)
        return work

    def _frozen(
        self, work: Prepared, source: Source | None
    ) -> tuple[int, Mapping[str, list[float]] | None]:
        """Return how many layers are frozen, and what was tried to find out."""
        assert self.pretrained is not None
        assert self._taken is not None
        frozen = self.pretrained.frozen(self._taken.count)
        if frozen is not None:
            return frozen, None
        if source is None:  # found out when training began
            return self.pretrained_["frozen"], self.pretrained_["tried"]
        if work.one_more:
            raise HyperparameterError(
                "freeze is 'auto', which partial_fit can't find out from some of the rows; "
                "expected a whole number"
            )
        return best(work, self.pretrained, self._taken.count)

    def _start(self, work: Prepared, source: Source | None) -> Weights | None:
        """Return the weights to begin with; None where the optimizer's memory goes on."""
        model: Any = self
        if source is not None:
            check_numbers(source, work.member.network.inputs)
            assert self._taken is not None
            weights = reusing.first_weights(source, self._taken, work.member)
        elif work.one_more:
            return None
        else:
            weights = model._weights
        return reusing.with_start(work.member, weights)

    def _tell(
        self,
        frozen: int,
        once: bool,
        tried: Mapping[str, list[float]] | None,
        source: Source | None,
    ) -> None:
        assert self._taken is not None
        told = source.told if source is not None else self.pretrained_["model"]
        self.pretrained_: dict[str, Any] = {
            "model": told,
            "layers": self._taken.count,
            "head": "keep" if self._taken.head else "new",
            "frozen": frozen,
            "cached": once,
            "tried": None if tried is None else dict(tried),
        }
        if self.verbose:
            print(in_words(self.pretrained_), file=sys.stderr)

    def _whole(self, result: Result) -> Result:
        """Return the result of the whole network, where only its upper layers were trained."""
        # A search that halves asks several times, as training goes on.
        return result if self._below is None else self._below.joined(result)


def in_words(reused: Mapping[str, Any]) -> str:
    """Return what was reused as a line.

    >>> in_words({"model": "MLPClassifier", "layers": 5, "frozen": 4, "cached": True,
    ...            "tried": None})
    'pretrained: 5 hidden layers of MLPClassifier, 4 frozen, computed once for all rows'
    """
    frozen = f"{reused['frozen'] or 'none'} frozen"
    once = ", computed once for all rows" if reused["cached"] else ""
    tried = f", the best of 0 to {len(reused['tried']['frozen']) - 1}" if reused["tried"] else ""
    return (
        f"pretrained: {reused['layers']} hidden layers of {reused['model']}, {frozen}{tried}{once}"
    )
