"""Small trained networks of every kind, and the other libraries as functions of rows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import torch

from wellfit import MLPClassifier, MLPRegressor
from wellfit.transfer import network_input, to_numpy, to_onnx, to_torch

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (90, 4))
THREE = np.array(["ant", "bee", "cat"])[(X[:, 0] > 2).astype(int) + (X[:, 1] > 4)]
TWO = np.where(X[:, 0] > X[:, 1], "yes", "no")
LABELS = (X[:, :3] > 3).astype(int)
NUMBER = np.exp(X[:, 0] / 3) + 0.1 * X[:, 1] ** 2
NUMBERS = np.column_stack([NUMBER, 5 * np.abs(X[:, 2])])
QUICK = {
    "epochs": 2,
    "random_state": 0,
    "early_stopping": False,
    "numeric_embedding": None,
    "n_threads": 1,
}


def classifier(y: Any = THREE, rows: Any = X, **params: Any) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (7, 5), **QUICK, **params}).fit(rows, y)


def regressor(y: Any = NUMBER, rows: Any = X, **params: Any) -> MLPRegressor:
    return MLPRegressor(**{"hidden_layer_sizes": (7, 5), **QUICK, **params}).fit(rows, y)


def answers(model: Any, rows: Any = X) -> np.ndarray:
    """What a model gives, as (rows, outputs)."""
    if isinstance(model, MLPClassifier):
        return model.predict_proba(rows)
    loss = model.network_.targets.loss
    if loss.levels() and loss.point_level is not None:  # of the mean and quantiles, the mean
        return model.predict_quantiles(rows).reshape(len(rows), -1)
    return model.predict(rows).reshape(len(rows), -1)


def by_onnx(model: Any, feed: Any = X) -> list[np.ndarray]:
    """All outputs of the exported graph, run by onnxruntime."""
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    wanted = session.get_inputs()
    if not isinstance(feed, dict):
        dtype = np.float64 if "double" in wanted[0].type else np.float32
        feed = {"X": np.asarray(feed, dtype=dtype)}
    return session.run(None, feed)


def by_torch(model: Any, rows: Any = X) -> np.ndarray:
    with torch.inference_mode():
        return to_torch(model)(torch.tensor(network_input(model, rows))).numpy()


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_numpy(model: Any, folder: Path, rows: Any = X) -> np.ndarray:
    module = loaded(to_numpy(model, folder / "net.py")[0])
    given = getattr(module, "predict_proba", module.predict)(rows)
    return np.asarray(given).reshape(len(rows), -1)


def frame() -> pd.DataFrame:
    """A table with gaps, flags, dates, rare levels, missing ones, and two levels."""
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    table.loc[::9, "b"] = np.nan
    table["flag"] = X[:, 0] > 3
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(90) * 3601, unit="s")
    table["town"] = np.resize(["Bern", "Ulm", "Rome", "Ulm"], 90)
    table.loc[5, "town"] = "Nice"  # once only: rare
    table["size"] = np.resize(["s", "l"], 90)
    table["grade"] = np.resize(["x", "y", None], 90)
    return table


def columns(table: Any) -> dict[str, np.ndarray]:
    """A frame as ONNX takes it: seconds for dates, text for text."""
    feed = {}
    for name in table:
        column = table[name]
        if name == "when":
            column = (column - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
        if name in ("town", "size", "grade"):
            feed[name] = column.fillna("").to_numpy(dtype=object)[:, None]
        else:
            feed[name] = column.to_numpy(dtype=np.float64)[:, None]
    return feed
