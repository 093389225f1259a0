"""Ensembles to model folders and back: all members in one document, in one file of tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from wellfit import store
from wellfit.core.errors import InputError
from wellfit.core.hyper import resolve
from wellfit.estimators import persistence
from wellfit.estimators.base import BaseMLP
from wellfit.model_selection.ensembles.selection import Selection

if TYPE_CHECKING:
    from wellfit.model_selection.ensembles.base import Ensemble


def save_ensemble(ensemble: Ensemble, path: str | os.PathLike[str]) -> Path:
    """Write a fitted ensemble to a model folder; see :meth:`Ensemble.save`."""
    if not ensemble.__sklearn_is_fitted__():
        raise InputError(f"this {type(ensemble).__name__} is not fitted; call fit before save")
    members: list[dict[str, Any]] = []
    tensors: dict[str, Any] = {}
    for place, member in enumerate(ensemble.estimators_):
        document, arrays = persistence.described(member)
        members.append(document)
        tensors |= {f"{place}.{key}": value for key, value in arrays.items()}
    # Like what estimators save, it leaves out what is a session's: scoring and random_state.
    document = {
        "estimator": type(ensemble).__name__,
        "like": [persistence.parameters(each) for each in ensemble._given()],
        "several": isinstance(ensemble.estimator, (list, tuple)),
        "params": {
            "n_members": int(ensemble.n_members),
            "bootstrap": bool(ensemble.bootstrap),
            "selection": ensemble._selection().to_dict(),
        },
        "weights": ensemble.weights_.tolist(),
        "members": members,
    }
    return store.save(path, document, tensors)


def ensemble_from(
    member: type[BaseMLP], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Any], list[BaseMLP]]:
    """Return the parameters of the ensemble that a folder holds, and its fitted members."""
    like = [member(**persistence.restored(each)) for each in document["like"]]
    params = {
        **document["params"],
        "estimator": like if document["several"] else like[0],
        "selection": resolve(Selection, document["params"]["selection"]),
    }
    members = [
        persistence.rebuilt(each, _of_member(place, tensors))
        for place, each in enumerate(document["members"])
    ]
    return params, members


def _of_member(place: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return one member's tensors, by its own names for them."""
    prefix = f"{place}."
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
