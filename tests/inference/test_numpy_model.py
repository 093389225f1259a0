"""What NumPy alone predicts is what the estimator predicts; what it can't, it leaves to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit import MLPClassifier, MLPRegressor, store
from wellfit.core import registry
from wellfit.core.errors import ModelFileError
from wellfit.inference import read_numpy_model
from wellfit.inference.functions import ACTIVATIONS
from wellfit.inference.model import LOSS_LINKS
from wellfit.model_selection import MLPEnsembleClassifier
from wellfit.nn import (
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    EntityEmbedding,
    MaskingNoise,
    Periodic,
    PiecewiseLinear,
    PiecewiseWithJumps,
    PReLU,
)
from wellfit.nn.links import link_of

ROWS = 90
QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (7, 5),
    "epochs": 2,
    "random_state": 0,
    "early_stopping": False,
    "learning_rate": 0.05,  # moves what starts at 0
    "n_threads": 1,
}


def make_table() -> pd.DataFrame:
    """A table of every kind of column, with gaps, rare levels and levels in plenty."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(3, 2, (ROWS, 3)), columns=["a", "b", "c"])
    table.loc[::9, "b"] = np.nan
    table["flag"] = table["a"] > 3
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) * 3601, unit="s")
    table["town"] = np.resize(["Bern", "Ulm", "Rome", None], ROWS)
    table.loc[5, "town"] = "Nice"  # once only: rare
    table["code"] = [f"k{at % 12}" for at in range(ROWS)]
    return table


X = make_table()
NEW = X.iloc[::-1].assign(town=np.resize(["Ulm", "Oslo"], ROWS), b=1e6)
THREE = np.array(["ant", "bee", "cat"])[(X["a"] > 2).astype(int) + (X["c"] > 4)]
NUMBER = np.exp(X["a"] / 3).to_numpy()
NETWORKS: dict[str, dict[str, Any]] = {
    **{name: {"activation": name} for name in ACTIVATIONS if name in registry.names("activation")},
    "as it comes": {},
    "identity": {"activation": "identity"},
    "prelu": {"activation": PReLU()},
    "gelu by tanh": {"activation": GELU("tanh")},
    "linear": {"hidden_layer_sizes": ()},
    "double": {"precision": "float64"},
    "norm before": {"batch_norm": True, "dropout": 0.3},
    "norm of the outputs": {"batch_norm": BatchNorm(0.5, 0.1, output=True)},
    "noise": {"layers": [MaskingNoise(0.2), Dense(6, "selu"), Dropout(0.1)]},
    "no embedding": {"numeric_embedding": None},
    "bins": {"numeric_embedding": PiecewiseLinear(3, "relu", n_bins=5, columns=(1, 2))},
    "jumps": {
        "numeric_embedding": PiecewiseWithJumps(3, "relu", n_bins=5, columns=(1, 2), jumping=(2,)),
        "learning_rate": 0.05,
    },
    "waves": {"numeric_embedding": Periodic(3, "relu", columns=(0, 2)), "batch_norm": "after"},
    "codes": {"categorical_embedding": EntityEmbedding(3, min_levels=5)},
    "submodels": {"n_submodels": 3},
    "submodels of scaled inputs": {"n_submodels": 2, "submodels": "mini"},
    "packed submodels": {"n_submodels": 2, "submodels": "packed"},
    "averaged folds": {"bagging": 2},
    "calibrated": {"calibration": "temperature", "early_stopping": True},
}
UNKNOWN_HERE = {"gelu"}


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("name", NETWORKS)
def test_it_predicts_what_the_estimator_predicts(name: str, tmp_path: Path) -> None:
    model = MLPClassifier(**{**QUICK, **NETWORKS[name]}).fit(X, THREE)
    quick = read_numpy_model(model.save(tmp_path / "model"))
    if name in UNKNOWN_HERE:
        assert quick is None
        return
    assert quick is not None
    expected = model.predict_proba(NEW)
    found = quick.predict_proba(NEW)  # type: ignore[attr-defined]
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)
    np.testing.assert_array_equal(quick.predict(NEW), model.predict(NEW))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(quick.classes_, model.classes_)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(quick.feature_names_in_, model.feature_names_in_)


TARGETS = {
    "two classes": np.where(X["a"] > 3, "yes", "no"),
    "booleans": (X["a"] > 3).to_numpy(),
    "whole numbers": (X["a"] > 3).to_numpy().astype(int) + 4,
    "label sets": (X[["a", "b", "c"]].fillna(0) > 3).to_numpy().astype(int),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("loss", ["auto", "sigmoid_cross_entropy"])
def test_every_kind_of_classes(target: str, loss: str, tmp_path: Path) -> None:
    model = MLPClassifier(**QUICK, loss=loss).fit(X, TARGETS[target])
    quick: Any = read_numpy_model(model.save(tmp_path / "model"))
    np.testing.assert_allclose(quick.predict_proba(NEW), model.predict_proba(NEW), rtol=2e-5)
    found, expected = quick.predict(NEW), model.predict(NEW)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "poisson"},
        {"loss": "huber", "clip_predictions": True},
        {"output_activation": "relu"},
        {"n_submodels": 2, "loss": "poisson"},
    ],
    ids=str,
)
@pytest.mark.parametrize("y", [NUMBER, np.stack([NUMBER, X["c"] ** 2], axis=1)], ids=["1", "2"])
def test_every_kind_of_estimates(params: Any, y: Any, tmp_path: Path) -> None:
    model = MLPRegressor(**QUICK, **params).fit(X, y)
    quick: Any = read_numpy_model(model.save(tmp_path / "model"))
    np.testing.assert_allclose(quick.predict(NEW), model.predict(NEW), rtol=2e-5, atol=1e-6)


def test_the_links_are_those_of_the_losses() -> None:
    for name in registry.names("loss"):
        cls = registry.lookup("loss", name)
        if not cls.__module__.startswith("wellfit."):
            continue
        # Those without a name here are left to the estimator.
        known = {LOSS_LINKS.get(each) for each in (name, *registry.aliases("loss", name))}
        assert known == ({None} if cls().levels() else {link_of(cls())})


@pytest.mark.parametrize(
    "fit",
    [
        lambda: MLPRegressor(**QUICK, loss="quantile").fit(X, NUMBER),
        lambda: MLPClassifier(**QUICK).fit(X[["a", "c"]].to_numpy(), THREE),
        lambda: MLPClassifier(**QUICK, preprocess=None).fit(X[["a", "c"]], THREE),
        lambda: MLPClassifier(**QUICK, precision="bfloat16").fit(X, THREE),
        lambda: MLPEnsembleClassifier(MLPClassifier(**QUICK), n_estimators=2).fit(X, THREE),
    ],
    ids=["quantiles", "no names", "raw", "bfloat16", "ensemble"],
)
def test_what_it_does_not_know_is_left_to_the_estimator(fit: Any, tmp_path: Path) -> None:
    assert read_numpy_model(fit().save(tmp_path / "model")) is None


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = MLPClassifier(**QUICK).fit(X, THREE)
    return model.save(tmp_path_factory.mktemp("saved") / "model")


def shorter(flat: Any) -> Any:
    return flat[:-1]


def infinite(flat: Any) -> Any:
    return np.full_like(flat, np.inf)


@pytest.mark.parametrize("change", [shorter, infinite, lambda flat: flat.astype(float)])
def test_other_numbers_are_left_to_the_estimator(change: Any, saved: Path, tmp_path: Path) -> None:
    document, arrays = store.load_arrays(saved)
    arrays["parameters"] = change(arrays["parameters"])
    assert read_numpy_model(store.save(tmp_path / "model", document, arrays)) is None


@pytest.mark.parametrize(
    "path",
    [
        ("estimator",),
        ("inputs", "kind"),
        ("inputs", "table", "kinds"),
        ("inputs", "schema"),
        ("targets", "classes"),
        ("network", "inputs"),
        ("network", "layers"),
        ("learned", "precision_"),
        ("params", "loss"),
        ("feature_names_in",),
        ("n_features_in",),
    ],
    ids=".".join,
)
@pytest.mark.parametrize("value", ["x", 77, [], {"config": {}}], ids=str)
def test_another_document_is_left_to_the_estimator(
    path: tuple[str, ...], value: Any, saved: Path, tmp_path: Path
) -> None:
    document, arrays = store.load_arrays(saved)
    part: Any = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert read_numpy_model(store.save(tmp_path / "model", document, arrays)) is None


def test_a_damaged_model_is_refused(saved: Path, tmp_path: Path) -> None:
    document, arrays = store.load_arrays(saved)
    folder = store.save(tmp_path / "model", document, arrays)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(ModelFileError, match="truncated"):
        read_numpy_model(folder)
    assert read_numpy_model(tmp_path) is None
