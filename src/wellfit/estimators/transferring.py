"""An estimator that starts from another's layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.lazy import public


def estimator_from(model: Any, taken: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    """Return an unfitted estimator like ``model`` that starts from its layers.

    Args:
        model: fitted.
        taken: the fields of a :class:`wellfit.transfer.Pretrained`, but for its model.
        params: parameters that are to differ from the model's own.

    Raises:
        UnknownNameError: naming the nearest parameter, of the estimator or of ``taken``.
        InputError: the model isn't fitted, or of a kind that can't start from another.
    """
    kind = type(model).__name__
    fitted_network(model)
    if "pretrained" not in model.get_params(deep=False):
        raise InputError(
            f"{kind} can't start from another model's layers; expected a classifier or "
            f"regressor, such as MLPClassifier(pretrained=Pretrained({kind.lower()}))"
        )
    pretrained = public("Pretrained")  # of a floor above, which implements what fitting asks for
    known = [*model.get_params(), *(field.name for field in fields(pretrained))]
    for key in params:
        if "__" not in key and key not in known:
            raise UnknownNameError(f"parameter of {kind}.transfer", key, known)
    own = {**model.get_params(deep=False), "pretrained": pretrained(model, **taken)}
    return type(model)(**own).set_params(**params)


def fitted_network(model: Any) -> Any:
    """Return the fitted network of a model that layers are to be taken from; the first of several.

    Raises:
        InputError: it isn't fitted.
    """
    if not model.__sklearn_is_fitted__():
        raise InputError(
            f"the pretrained {type(model).__name__} is not fitted; expected a fitted one"
        )
    return model.network_.first
