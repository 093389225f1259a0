"""Networks as scikit-learn's own, where it can express them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

from wellfit.core.errors import InputError
from wellfit.nn import Activate, Linear
from wellfit.transfer.interop.export_spec import ExportSpec, form_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, simplified

_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


def to_sklearn(model: Any) -> MLPClassifier | MLPRegressor:
    """Return a fitted estimator's network as scikit-learn's MLPClassifier or MLPRegressor.

    It can express networks whose hidden layers all have relu, tanh, sigmoid or no activation.
    Batch norms are folded into the linear layers; dropout is left out. It takes the numbers of
    :func:`network_input`.

    Args:
        model: a fitted MLPClassifier or MLPRegressor of wellfit.

    Raises:
        InputError: something that scikit-learn can't express, by name.

    >>> import wellfit
    >>> clf = wellfit.MLPClassifier((4,), dropout=0, epochs=2).fit([[0.0], [1.0]], ["a", "b"])
    >>> to_sklearn(clf).n_layers_
    3
    """
    form = form_of(model, two_sided=False)
    form.refuse("scikit-learn", ("softmax", "sigmoid", "identity", "exp"))
    parts = simplified(form.parts)
    if isinstance(parts[-1].layer, Activate):  # there, linear layers alone put numbers out
        parts.append(FittedLayer.linear(np.eye(form.width)))
    activation, linear = _activation(parts), parts[::2]
    sizes = tuple(len(part.bias) for part in linear[:-1])
    if form.classes is None:
        loss = "poisson" if form.link == "exp" else "squared_error"
        fitted = MLPRegressor(loss, sizes, activation)
    else:
        fitted = MLPClassifier(sizes, activation)
        linear[-1] = _one_output_for_two(form, linear[-1])
        _label(fitted, form)
    return _filled(fitted, form, linear)


def _filled(fitted: Any, form: ExportSpec, linear: list[FittedLayer]) -> Any:
    """Return it with all that scikit-learn's ``fit`` leaves behind for predicting."""
    fitted.coefs_ = [part.weights for part in linear]
    fitted.intercepts_ = [part.bias for part in linear]
    fitted.n_layers_, fitted.n_outputs_ = len(linear) + 1, len(linear[-1].bias)
    fitted.n_features_in_ = len(linear[0].weights)
    if form.names and form.features.table is None:
        fitted.feature_names_in_ = np.array(form.names, dtype=object)
    ends = {"sigmoid": "logistic", "exp": "exp", "identity": "identity"}
    single = form.classes is not None and fitted.n_outputs_ == 1
    fitted.out_activation_ = "logistic" if single else ends.get(form.link, "softmax")
    fitted.n_iter_ = fitted.t_ = 0
    fitted.loss_ = fitted.best_loss_ = np.nan
    fitted.loss_curve_ = []
    return fitted


def _activation(parts: list[FittedLayer]) -> str:
    """Return the one activation of all hidden layers, as scikit-learn names it.

    Raises:
        InputError: there are several, or one that scikit-learn hasn't, or another layer.
    """
    names = set()
    for number, part in enumerate(parts):
        if isinstance(part.layer, Linear) != (number % 2 == 0):
            raise InputError(
                f"scikit-learn can't express this network: its layer {part.layer.name!r} stands "
                "where no other can take it in; expected linear layers with an activation between"
            )
        if isinstance(part.layer, Activate):
            names.add(part.layer.activation.name)
    if not names:
        return "identity"
    if len(names) > 1 or not names <= set(_ACTIVATIONS):
        raise InputError(
            f"scikit-learn can't express hidden layers of {', '.join(sorted(names))}; expected "
            f"one of {', '.join(_ACTIVATIONS)} or identity in all of them"
        )
    return _ACTIVATIONS[names.pop()]


def _one_output_for_two(form: ExportSpec, last: FittedLayer) -> FittedLayer:
    """Return the last layer; a softmax of two is the sigmoid of the logits' difference."""
    if form.link != "softmax" or len(last.bias) != 2:
        return last
    return FittedLayer.linear(last.weights @ [[-1.0], [1.0]], last.bias @ [[-1.0], [1.0]])


def _label(fitted: MLPClassifier, form: ExportSpec) -> None:
    """Teach the labels."""
    assert form.classes is not None
    binarizer, count = LabelBinarizer(), len(form.classes)
    if form.multilabel:
        binarizer.fit(np.vstack([np.eye(count, dtype=int), np.ones((1, count), dtype=int)]))
    else:
        binarizer.fit(form.classes)
    vars(fitted).update(_label_binarizer=binarizer, classes_=binarizer.classes_)
