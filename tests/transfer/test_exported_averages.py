"""Averages of several networks are computed elsewhere as they are here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from samples import (
    LABELS,
    NUMBER,
    NUMBERS,
    THREE,
    TWO,
    X,
    answers,
    by_numpy,
    by_onnx,
    by_torch,
    classifier,
    loaded,
    regressor,
)
from torch import nn

from wellfit import MLPClassifier
from wellfit.core.errors import InputError
from wellfit.nn import EntityEmbedding
from wellfit.transfer import network_input, to_sklearn, to_torch, write_torch

FOLDS = {"bagging": 3, "early_stopping": True, "epochs": 2, "dropout": 0.2}
CLOSE = {"float32": {"rtol": 1e-6, "atol": 1e-6}, "float64": {"rtol": 1e-12, "atol": 1e-12}}
TOWNS = pd.DataFrame(X, columns=list("abcd")).assign(
    town=np.resize([f"s{at}" for at in range(15)], len(X))
)
OTHERS = [{"numeric_embedding": "periodic"}, {"hidden_layer_sizes": (4,), "n_submodels": 2}]

AVERAGES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "three classes": (X, THREE, {"batch_norm": True}),
    "two classes": (X, TWO, {}),
    "two classes by a sigmoid": (X, TWO, {"loss": "sigmoid_cross_entropy"}),
    "one class against the rest": (X, THREE, {"loss": "sigmoid_cross_entropy"}),
    "several labels": (X, LABELS, {}),
    "calibrated": (X, THREE, {"calibration": "temperature"}),
    "a number": (X, NUMBER, {"loss": "squared_error"}),
    "several numbers": (X, NUMBERS, {"loss": "huber"}),
    "counts": (X, NUMBERS, {"loss": "poisson"}),
    "quantiles": (X, NUMBERS, {"loss": "quantile"}),
    "within a range": (X, NUMBER, {"clip_predictions": True, "learning_rate": 0.1}),
    "submodels": (X, THREE, {"n_submodels": 2}),
    "embedded numbers": (X, NUMBER, {"numeric_embedding": "piecewise_linear"}),
    "embedded categories": (
        TOWNS,
        THREE,
        {"categorical_embedding": EntityEmbedding(3, std=0.5, min_levels=9)},
    ),
    "architectures": (X, THREE, {"architectures": OTHERS}),
    "architectures of numbers": (X, NUMBERS, {"architectures": OTHERS, "learning_rate": 0.02}),
}


@cache
def fitted(name: str, precision: str = "float32") -> Any:
    rows, y, params = AVERAGES[name]
    kind = regressor if y.dtype.kind == "f" else classifier
    return kind(y, rows, **{**FOLDS, "precision": precision, **params})


@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("name", AVERAGES)
def test_pytorch_computes_the_average(name: str, precision: str, tmp_path: Path) -> None:
    model, rows = fitted(name, precision), AVERAGES[name][0]
    expected = answers(model, rows)
    np.testing.assert_allclose(by_torch(model, rows), expected, **CLOSE[precision])
    source, _ = write_torch(model, tmp_path / "net.py")
    written = loaded(source).network()
    given = torch.tensor(network_input(model, rows))
    with torch.inference_mode():
        np.testing.assert_array_equal(written(given), to_torch(model)(given))
    assert source.read_text().count("nn.Sequential(") <= 1 + len(model.network_.stacks)


@pytest.mark.parametrize("name", [name for name in AVERAGES if "categories" not in name])
def test_onnx_and_numpy_compute_the_average(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    *_, outputs = by_onnx(model)
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(outputs.reshape(len(X), -1), answers(model), **close)
    np.testing.assert_allclose(by_numpy(model, tmp_path), answers(model), **close)


def test_architectures_count_by_shares_that_differ() -> None:
    """The laws above would hold of a plain mean, if the selection had weighed all alike."""
    for name in ("architectures", "architectures of numbers"):
        assert len(set(fitted(name).network_.member_shares)) > 1


@pytest.mark.parametrize("name", ["three classes", "several labels", "architectures"])
def test_without_its_last_module_it_gives_logits_of_the_average(name: str) -> None:
    model = fitted(name, "float64")
    network = to_torch(model)
    logits = network[:-1](torch.tensor(network_input(model, X)))
    link = torch.sigmoid if model.network_.targets.loss.name.startswith("sigmoid") else None
    found = link(logits) if link else torch.softmax(logits, 1)
    np.testing.assert_allclose(found.detach(), answers(model), **CLOSE["float64"])


def test_probabilities_that_round_to_nothing_keep_finite_logits() -> None:
    """A mean of probabilities would be 0, its logarithm -inf, and a training on it NaN."""
    network = to_torch(fitted("three classes"))
    assert isinstance(network[0], nn.ModuleList)
    logits = network[:-1](torch.full((2, 4), 1e6))
    loss = nn.CrossEntropyLoss()(logits, logits.argmin(1))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_default_model_of_a_table_is_exported() -> None:
    table = TOWNS.assign(town=np.resize(["Bern", "Ulm", "Rome"], len(X)))
    model = MLPClassifier(random_state=0, epochs=1).fit(table, THREE)
    assert model.network_.n_networks == 8
    np.testing.assert_allclose(by_torch(model, table), answers(model, table), rtol=1e-6, atol=1e-6)


def test_what_cannot_average_names_the_formats_that_can() -> None:
    with pytest.raises(InputError, match=r"3 networks.*'torch', 'keras'.*bagging=None"):
        to_sklearn(fitted("two classes"))
