"""scikit-learn's networks as wellfit's."""

from __future__ import annotations

from typing import Any

import sklearn.neural_network
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import InputError
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.transfer.interop.estimator import from_parts
from wellfit.transfer.interop.fitted_layers import FittedLayer

_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "identity": "identity"}
_OUTPUTS = {"softmax": "softmax", "logistic": "sigmoid", "identity": "identity", "exp": "exp"}


def from_sklearn(model: Any) -> MLPClassifier | MLPRegressor:
    """Return a fitted MLPClassifier or MLPRegressor of scikit-learn as one of wellfit.

    It takes the same rows; what scaled them before (a pipeline, say) has to go on doing so.

    Args:
        model: fitted, of ``sklearn.neural_network``.

    Raises:
        InputError: another model, or one that isn't fitted.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = sklearn.neural_network.MLPClassifier((8,), random_state=0, tol=0.01).fit(X, y)
    >>> float(abs(from_sklearn(theirs).predict_proba(X) - theirs.predict_proba(X)).max().round(9))
    0.0
    """
    known = (sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor)
    if not isinstance(model, known):
        raise InputError(
            f"{type(model).__name__} can't be imported; expected a fitted MLPClassifier or "
            "MLPRegressor of scikit-learn"
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise InputError(f"this {type(model).__name__} is not fitted") from error
    imported = from_parts(
        _parts(model),
        output=_OUTPUTS[model.out_activation_],
        classes=getattr(model, "classes_", None),
        task=_task(model),
        precision=model.coefs_[0].dtype.name,
    )
    if hasattr(model, "feature_names_in_"):
        imported.feature_names_in_ = model.feature_names_in_
    return imported


def _parts(model: Any) -> list[FittedLayer]:
    parts = []
    for weights, bias in zip(model.coefs_, model.intercepts_, strict=True):
        parts += [
            FittedLayer.linear(weights, bias),
            FittedLayer.activation(_ACTIVATIONS[model.activation]),
        ]
    return parts[:-1]


def _task(model: Any) -> Any:
    if isinstance(model, sklearn.neural_network.MLPRegressor):
        return "regression"
    kind = vars(model)["_label_binarizer"].y_type_  # scikit-learn keeps it nowhere else
    return "multilabel" if kind == "multilabel-indicator" else "classification"
