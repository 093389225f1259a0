"""Activations, deltas and gradients of a fitted network, against autograd and the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch.nn import functional

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError
from wellfit.diagnose import layer_values
from wellfit.nn import Dense
from wellfit.transfer import to_torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).round(3)
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
NAMES = np.array(["low", "mid", "high"])
EASY = {"epochs": 3, "random_state": 0, "preprocess": None, "early_stopping": False}

MODELS: dict[str, tuple[Any, Any]] = {
    "hidden": (MLPClassifier((7, 4), activation=["tanh", "relu"], **EASY), NAMES[Y]),
    "linear": (MLPClassifier((), **EASY), Y),
    "binary": (MLPClassifier((6,), **EASY), Y > 0),
    "labels": (MLPClassifier((6,), **EASY), np.column_stack([Y > 0, Y > 1]).astype(int)),
    "noisy": (MLPClassifier((6,), dropout=0.5, input_noise=0.3, batch_norm=True, **EASY), Y),
    "after": (MLPClassifier((6, 5), batch_norm="after", input_dropout=0.2, **EASY), Y),
    "numbers": (MLPRegressor((6,), activation="elu", **EASY), 3 * X[:, 0] - 8),
    "outputs": (MLPRegressor(layers=[Dense(6, "selu"), Dense(3, "gelu")], **EASY), X[:, :2]),
}


@pytest.fixture(params=MODELS)
def fitted(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    model, y = MODELS[request.param]
    return model.fit(X, y), y


def test_pre_activations_and_outputs_are_the_models(fitted: tuple[Any, Any]) -> None:
    model, _ = fitted
    found = layer_values(model, X)
    assert (found.losses, found.deltas, found.coef_grads) == (None, None, None)
    np.testing.assert_allclose(found.activations[0], X)
    layers = zip(found.activations, model.coefs_, model.intercepts_, strict=False)
    for z, (h, weights, biases) in zip(found.pre_activations, layers, strict=True):
        np.testing.assert_allclose(z, h @ weights + biases, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.activations[-1], model.outputs(X), rtol=1e-4, atol=1e-6)


def test_deltas_and_gradients_are_autograds(fitted: tuple[Any, Any]) -> None:
    model, y = fitted
    equal_to_autograd(model, y)


@pytest.mark.parametrize("place", ["before", "after"])
def test_batch_norm_in_training_is_autograds(place: str) -> None:
    model = MLPClassifier((6, 5), batch_norm=place, dropout=0.0, **EASY).fit(X, Y)
    equal_to_autograd(model, Y, training=True)


def test_noise_in_training_is_drawn_and_leaves_the_model_alone() -> None:
    model = MLPClassifier((50,), dropout=0.5, input_dropout=0.4, batch_norm=True, **EASY).fit(X, Y)
    before = model.predict_proba(X)
    found, again, other = (
        layer_values(model, X, Y, training=True, random_state=s) for s in (0, 0, 1)
    )
    still = layer_values(model, X, Y)
    for a, b in zip(found.activations, again.activations, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (found.activations[1] != other.activations[1]).any()
    dropped = found.activations[0] == 0
    assert 0.3 < dropped.mean() < 0.5
    np.testing.assert_allclose(found.activations[0][~dropped], X[~dropped] / 0.6)
    silent = (found.activations[1] == 0).mean() - (still.activations[1] == 0).mean()
    assert 0.1 < silent < 0.4  # half of those that rectified units leave
    for h, delta, grad in zip(
        found.activations, found.deltas or [], found.coef_grads or [], strict=False
    ):
        np.testing.assert_allclose(grad, h.T @ delta / len(X), atol=1e-12)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_one_row_has_no_batch_norm_in_training() -> None:
    model = MLPClassifier((6,), batch_norm=True, **EASY).fit(X, Y)
    with pytest.raises(DataError, match="expected at least 2, found 1"):
        layer_values(model, X[:1], training=True)


def equal_to_autograd(model: Any, y: Any, *, training: bool = False) -> None:
    found = layer_values(model, X, y, training=training)
    module = to_torch(model).double().train(training)
    while not isinstance(module[-1], torch.nn.Linear):  # probabilities are made of logits
        module = module[:-1]
    linear = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    # Exported regressors return numbers in the targets' units: here as they are learned.
    linear[-1].weight.data = torch.tensor(model.coefs_[-1].T).double()
    linear[-1].bias.data = torch.tensor(model.intercepts_[-1]).double()
    seen: list[torch.Tensor] = []
    for layer in linear:
        layer.register_forward_hook(lambda _, __, z: (z.retain_grad(), seen.append(z))[0])
    logits = module(torch.tensor(X))
    encoded = model.network_.targets.encode(model.network_.targets.read(y), X)
    loss = model.network_.targets.loss
    target = loss.encode(torch.tensor(encoded)[None], outputs=logits.shape[1], dtype=logits.dtype)
    rows = loss.value(logits.T[None], target)[0]
    rows.sum().backward()
    np.testing.assert_allclose(found.losses, rows.detach(), rtol=1e-9)
    for place, layer in enumerate(linear):
        np.testing.assert_allclose(found.deltas[place], seen[place].grad, rtol=1e-6, atol=1e-12)
        grad = layer.weight.grad.T / len(X)
        np.testing.assert_allclose(found.coef_grads[place], grad, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(
            found.intercept_grads[place], layer.bias.grad / len(X), rtol=1e-6, atol=1e-12
        )


def test_gradients_are_means_of_products_of_deltas_and_activations(
    fitted: tuple[Any, Any],
) -> None:
    found = layer_values(fitted[0], X, fitted[1])
    for place, delta in enumerate(found.deltas):
        grad = found.activations[place].T @ delta / len(X)
        np.testing.assert_allclose(found.coef_grads[place], grad, atol=1e-12)
        np.testing.assert_allclose(found.intercept_grads[place], delta.mean(0), atol=1e-12)


def test_the_output_delta_of_softmax_is_probability_minus_one_hot() -> None:
    model = MODELS["hidden"][0].fit(X, NAMES[Y])
    found = layer_values(model, X, NAMES[Y])
    one_hot = (NAMES[Y][:, None] == model.classes_).astype(float)
    np.testing.assert_allclose(found.deltas[-1], found.activations[-1] - one_hot, atol=1e-12)
    expected = functional.nll_loss(
        torch.tensor(found.activations[-1]).log(),
        torch.tensor(one_hot.argmax(1)),
        reduction="none",
    )
    np.testing.assert_allclose(found.losses, expected)


def test_tables_and_pixels_are_encoded_as_in_training() -> None:
    table = pd.DataFrame({"a": X[:, 0], "b": NAMES[Y]})
    model = MLPClassifier((4,), epochs=1, numeric_embedding=None, random_state=0)
    model.fit(table, Y > 0)
    assert layer_values(model, table).activations[0].shape == (40, model.coefs_[0].shape[0])
    pixels = RNG.integers(0, 256, (40, 9)).astype(np.uint8)
    model = MLPClassifier((4,), epochs=1, random_state=0, image_shape=(3, 3)).fit(pixels, Y)
    expected = pixels / model.network_.features.pixel_max
    np.testing.assert_allclose(layer_values(model, pixels, Y).activations[0], expected)


def test_what_can_not_be_looked_at() -> None:
    with pytest.raises(NotFittedError):
        layer_values(MLPClassifier(), X)
    model = MODELS["linear"][0].fit(X, Y)
    with pytest.raises(DataError, match="X has 40 rows and y 39"):
        layer_values(model, X, Y[1:])
    with pytest.raises(ValueError, match="X has 4 features"):
        layer_values(model, X[:, 1:])
