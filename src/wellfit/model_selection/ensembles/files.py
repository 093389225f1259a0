"""Ensembles to model folders and back: all members in one document, in one file of tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from torch import Tensor

from wellfit import store
from wellfit.core import former
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.hyper import resolve
from wellfit.core.schema import Length, Positive, Range, conform
from wellfit.estimators import persistence
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.conformal import Scores
from wellfit.fitting.conformalizing import from_arrays, to_arrays
from wellfit.model_selection.ensembles.conformal import common_levels
from wellfit.model_selection.ensembles.selection import Selection


class EnsembleParameters(TypedDict):
    """The parameters of an ensemble, but for those that its members are made like."""

    n_estimators: Positive
    bootstrap: bool
    selection: dict[str, Any]


class EnsembleDocument(TypedDict):
    """An ensemble as plain data; its members are checked one by one."""

    estimator: str
    like: list[dict[str, Any]]
    several: bool
    params: EnsembleParameters
    weights: list[Annotated[float, Range(0, open_low=True)]]
    members: list[dict[str, Any]]


def save_ensemble(
    ensemble: Any, like: Sequence[BaseMLP], selection: Selection, path: str | os.PathLike[str]
) -> Path:
    """Write a fitted ensemble to a model folder; see :meth:`Ensemble.save`.

    Args:
        ensemble: fitted.
        like: the estimators that its members were made like.
        selection: how they were weighed.
        path: the folder.
    """
    if not ensemble.__sklearn_is_fitted__():
        raise InputError(f"this {type(ensemble).__name__} is not fitted; call fit before save")
    members: list[dict[str, Any]] = []
    tensors: dict[str, Any] = {}
    for place, member in enumerate(ensemble.estimators_):
        document, arrays = persistence.described(member)
        members.append(document)
        tensors |= {f"{place}.{key}": value for key, value in arrays.items()}
    if hasattr(ensemble, "conformal_"):
        tensors |= to_arrays(ensemble.conformal_)
    # Like what estimators save, it leaves out what is a session's: scoring and random_state.
    document = {
        "estimator": type(ensemble).__name__,
        "like": [persistence.parameters(each) for each in like],
        "several": isinstance(ensemble.estimator, (list, tuple)),
        "params": {
            "n_estimators": int(ensemble.n_estimators),
            "bootstrap": bool(ensemble.bootstrap),
            "selection": selection.to_dict(),
        },
        "weights": ensemble.weights_.tolist(),
        "members": members,
    }
    return store.save(path, document, tensors)


def ensemble_from(
    member: type[BaseMLP], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Any], list[BaseMLP], Scores | None]:
    """Return the parameters of the ensemble that a folder holds, its fitted members, its scores.

    Raises:
        ModelFileError: the folder's document isn't of the declared form; names the field.
    """
    document = former.renamed(document, former.PARAMETERS, "params")
    conform(document, EnsembleDocument, "")
    count = len(document["weights"])
    conform(document["members"], Annotated[list[Any], Length(count)], "members")
    if not count or not document["like"]:
        raise ModelFileError("members or like is empty; expected one at least")
    like = [member(**persistence.restored(member, each)) for each in document["like"]]
    params = {
        **document["params"],
        "estimator": like if document["several"] else like[0],
        "selection": resolve(Selection, document["params"]["selection"]),
    }
    members = [
        _member(member, place, each, tensors) for place, each in enumerate(document["members"])
    ]
    _check_alike(members)
    known = {"conformal", *(f"{place}" for place in range(count))}
    for name in sorted(name for name in tensors if name.partition(".")[0] not in known):
        raise ModelFileError(f"tensor {name!r} is none of the model's")
    own = {name: array for name, array in tensors.items() if name == "conformal"}
    targets, levels = members[0].network_.targets, common_levels(members)
    return params, members, from_arrays(targets, own, 1, levels)


def _member(
    kind: type[BaseMLP], place: int, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> BaseMLP:
    if document.get("estimator") != kind.__name__:
        raise ModelFileError(
            f"members[{place}].estimator is {document.get('estimator')!r:.40}; expected "
            f"{kind.__name__!r}"
        )
    try:
        model: BaseMLP = persistence.rebuilt(document, _of_member(place, tensors))
    except InputError as error:
        raise ModelFileError(f"members[{place}]: {error}") from error
    return model


def _check_alike(members: list[BaseMLP]) -> None:
    """Check that members read the same columns and predict the same classes or outputs."""
    known = [
        (
            each.n_features_in_,
            getattr(each, "feature_names_in_", np.empty(0)).tolist(),
            getattr(each, "classes_", np.empty(0)).tolist(),
            getattr(each, "n_outputs_", 1),
        )
        for each in members
    ]
    for place, each in enumerate(known):
        if each != known[0]:
            raise ModelFileError(
                f"members[{place}] is of other columns, classes or outputs than members[0]"
            )


def _of_member(place: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return one member's tensors, by its own names for them."""
    prefix = f"{place}."
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
