"""What other libraries compute from an exported model is what the model computes."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import joblib
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
    columns,
    frame,
    loaded,
    regressor,
)
from scipy import sparse
from sklearn.base import is_classifier

from wellfit.core import registry
from wellfit.core.errors import InputError, MissingExtraError, UnknownNameError
from wellfit.nn import (
    GELU,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    EntityEmbedding,
    GaussianNoise,
    Linear,
    MaskingNoise,
    Periodic,
    PiecewiseLinear,
    PiecewiseWithJumps,
    PReLU,
)
from wellfit.transfer import (
    export,
    network_input,
    to_keras,
    to_numpy,
    to_onnx,
    to_sklearn,
    to_torch,
    write_torch,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def own(family: str, task: str | None = None) -> list[str]:
    """The names that wellfit itself has registered."""
    classes = {name: registry.lookup(family, name) for name in registry.names(family)}
    return [
        name
        for name, cls in classes.items()
        if cls.__module__.startswith("wellfit.") and (task is None or task in cls.tasks)
    ]


NETWORKS: dict[str, dict[str, Any]] = {
    **{name: {"activation": name, "precision": "float64"} for name in own("activation")},
    "gelu by tanh": {"activation": GELU("tanh")},
    "linear": {"hidden_layer_sizes": ()},
    "norm before": {"batch_norm": True, "dropout": 0.3},
    "norm after": {"batch_norm": "after", "input_dropout": 0.1, "input_noise": 0.1},
    "norm of the outputs": {"batch_norm": BatchNorm(0.5, 0.1, output=True)},
    "norm first": {"layers": [BatchNorm(), Dense(6, "selu", dropout=AlphaDropout(0.1))]},
    "norm between": {"layers": [Linear(5), Dense(6, PReLU(), batch_norm="after"), Dropout(0.2)]},
    "noise first": {"layers": [MaskingNoise(0.2), GaussianNoise(0.1), Dense(6)]},
    "piecewise": {"numeric_embedding": "piecewise_linear", "learning_rate": 0.05},
    "piecewise, of a tree": {
        "numeric_embedding": PiecewiseLinear(3, "relu", n_bins=5, bins="tree", columns=(1, 3)),
        "precision": "float64",
        "learning_rate": 0.05,  # which moves the bins' weights away from 0
    },
    "jumps": {
        "numeric_embedding": PiecewiseWithJumps(3, "relu", n_bins=5, columns=(1, 3), jumping=(3,)),
        "precision": "float64",
        "learning_rate": 0.05,
    },
    "jumps, of quantiles": {
        "numeric_embedding": PiecewiseWithJumps(bins="quantile"),
        "learning_rate": 0.05,
    },
    "periodic": {"numeric_embedding": "periodic"},
    "periodic below a norm": {
        "numeric_embedding": Periodic(3, "relu", columns=(0, 2)),
        "batch_norm": "after",
    },
    "norm below periodic": {"layers": [BatchNorm(), Periodic(sigma=1.0), Dense(6)]},
    "codes": {"layers": [EntityEmbedding(3, levels=(3, 7)), Dense(6)], "preprocess": None},
    "submodels": {"n_submodels": 3, "submodels": "tabm", "learning_rate": 0.05},
    "submodels of scaled inputs": {
        "n_submodels": 2,
        "submodels": "mini",
        "numeric_embedding": "piecewise_linear",
        "batch_norm": BatchNorm(output=True),
        "activation": "prelu",
    },
    "packed submodels": {"n_submodels": 2, "submodels": "packed", "precision": "float64"},
    "linear submodels": {"n_submodels": 2, "hidden_layer_sizes": ()},
    "averaged": {"ema_decay": 0.9, "optimizer": "sgd"},
    "stopped early": {"early_stopping": True, "epochs": 4},
}


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_the_same_elsewhere(name: str, tmp_path: Path) -> None:
    model = classifier(**NETWORKS[name])
    expected = answers(model)
    label, probabilities = by_onnx(model)
    np.testing.assert_allclose(probabilities, expected, **CLOSE)
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(by_torch(model), expected, **CLOSE)
    np.testing.assert_allclose(by_numpy(model, tmp_path), expected, **CLOSE)


WAYS = [
    pytest.param(loss, y, id=f"{name}-{loss}")
    for name, y in {"2": TWO, "3": THREE, "bool": THREE == "ant", "many": LABELS}.items()
    for loss in own("loss", "classification")
    if y.ndim == 1 or loss != "softmax_cross_entropy"  # which is not for several labels a row
]


@pytest.mark.parametrize(("loss", "y"), WAYS)
def test_every_way_to_classify(loss: str, y: np.ndarray, tmp_path: Path) -> None:
    n = 2 if y is not THREE else 1
    model = classifier(y, loss=loss, n_submodels=n)
    label, probabilities = by_onnx(model)
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, answers(model), **CLOSE)
    np.testing.assert_allclose(by_torch(model), answers(model), **CLOSE)
    np.testing.assert_allclose(by_numpy(model, tmp_path), answers(model), **CLOSE)
    source = loaded(tmp_path / "net.py")
    np.testing.assert_array_equal(source.predict(X), model.predict(X))


@pytest.mark.parametrize("loss", own("loss", "regression"))
@pytest.mark.parametrize("y", [NUMBER, NUMBERS], ids=["one", "two"])
def test_every_way_to_estimate(loss: str, y: np.ndarray, tmp_path: Path) -> None:
    n = 2 if y is NUMBERS else 1
    model = regressor(y, loss=loss, n_submodels=n)
    expected = answers(model)
    np.testing.assert_allclose(by_onnx(model)[0], expected, **CLOSE)
    np.testing.assert_allclose(by_torch(model), expected, **CLOSE)
    np.testing.assert_allclose(by_numpy(model, tmp_path), expected, **CLOSE)


ENDS = [*own("activation"), "norm"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("targets", [1, 2])
def test_every_end_of_a_network(end: str, targets: int, tmp_path: Path) -> None:
    within = np.abs(np.sin(np.arange(90.0)))
    y = within if targets == 1 else np.stack([within, within**2], axis=1)
    norm = BatchNorm(0.5, 0.1, output=True)
    params = {"batch_norm": norm} if end == "norm" else {"output_activation": end}
    model = regressor(y, precision="float64", **params)
    expected = answers(model)
    np.testing.assert_allclose(by_onnx(model)[0], expected, **CLOSE)
    np.testing.assert_allclose(by_torch(model), expected, **CLOSE)
    np.testing.assert_allclose(by_numpy(model, tmp_path), expected, **CLOSE)


def test_scikit_learn_has_hidden_layers_of_the_outputs_activation() -> None:
    y = np.sin(np.arange(90.0))
    model = regressor(y, activation="tanh", output_activation="tanh")
    theirs = to_sklearn(model).predict(network_input(model, X))
    np.testing.assert_allclose(theirs, model.predict(X), **CLOSE)
    with pytest.raises(InputError, match="hidden layers of relu, tanh"):
        to_sklearn(regressor(y, output_activation="tanh"))


def test_one_target_has_the_shape_that_predict_gives(tmp_path: Path) -> None:
    source = loaded(to_numpy(regressor(), tmp_path / "net.py")[0])
    assert source.predict(X).shape == (90,)


# --- what goes in ----------------------------------------------------------------------------


def test_onnx_reads_a_table_of_all_kinds() -> None:
    table = frame()
    model = classifier(rows=table)
    fresh = table.assign(town=np.resize(["Oslo", "Ulm"], 90), a=table["a"] * 1e7)
    fresh.loc[3, ["a", "c"]] = np.nan
    for given in (table, fresh):
        label, probabilities = by_onnx(model, columns(given))
        np.testing.assert_allclose(probabilities, answers(model, given), **CLOSE)
        np.testing.assert_array_equal(label, model.predict(given))


def test_onnx_reads_categories_that_are_embedded() -> None:
    table = frame().assign(town=np.resize([f"s{at}" for at in range(15)], 90))
    model = classifier(rows=table, categorical_embedding=EntityEmbedding(3, std=0.5, min_levels=9))
    assert model.network_.layers[0] == EntityEmbedding(3, std=0.5, min_levels=9, levels=(18,))
    fresh = table.assign(town=np.resize(["s3", "new", None, "s14"], 90))
    for given in (table, fresh):
        label, probabilities = by_onnx(model, columns(given))
        np.testing.assert_allclose(probabilities, answers(model, given), **CLOSE)
        np.testing.assert_array_equal(label, model.predict(given))
        np.testing.assert_allclose(by_torch(model, given), answers(model, given), **CLOSE)


def test_onnx_reads_categories_of_any_type_as_they_are_commonly_written() -> None:
    codes = np.resize([0, 1, 2, 1], 90)
    day = datetime.date(2024, 1, 1)
    values: dict[str, list[Any]] = {
        "float": [1.0, 2.0, 2.5],
        "huge": [1e20, -3.0, -0.0],
        "int": [1, 2, 3],
        "bool": [True, False, "unknown"],
        "numpy": [np.True_, np.float32(2.0), np.str_("1.0")],
        "text": ["01", "1.0", "True"],
        "date": [day, day.replace(day=2), "never"],
        "moment": [pd.Timestamp(day), pd.Timestamp(2024, 1, 2, 3), "never"],
    }
    table = pd.DataFrame(
        {key: pd.Series(each, dtype=object)[codes] for key, each in values.items()}
    )
    table = table.reset_index(drop=True).astype(
        dict.fromkeys(["float", "huge", "int"], "category")
    )
    table["float32"] = pd.Categorical(np.array([0.1, 1, 2], np.float32)[codes])
    model = classifier(rows=table)
    expected = model.predict_proba(table)
    assert len(np.unique(expected.round(4), axis=0)) == 3
    for written in (table.astype(str), table.map(str)):
        given = {key: written[key].to_numpy(object)[:, None] for key in written}
        np.testing.assert_allclose(by_onnx(model, given)[1], expected, **CLOSE)
        np.testing.assert_allclose(model.predict_proba(written), expected, **CLOSE)


@pytest.mark.parametrize("kind", ["gaps", "flags", "pixels", "sparse", "raw", "float64"])
def test_every_kind_of_numbers(kind: str, tmp_path: Path) -> None:
    rows: Any = X.copy()
    params: dict[str, Any] = {}
    if kind == "gaps":
        rows[::7, 1] = np.nan
        rows[:, 2] = 1.0  # doesn't vary
    elif kind == "flags":
        rows = X > 3
    elif kind == "pixels":
        rows = (X * 20).clip(0, 200).astype(np.uint8)
        params = {"input_dropout": 0.1, "batch_norm": "after", "image_shape": IMAGE}
    elif kind == "sparse":
        rows = sparse.csr_array(np.where(X > 3, X, 0))
    elif kind == "raw":
        params = {"preprocess": None}
    else:
        params = {"precision": "float64"}
    model = classifier(rows=rows, **params)
    dense = rows.toarray() if kind == "sparse" else rows
    np.testing.assert_allclose(by_onnx(model, dense)[1], answers(model, rows), **CLOSE)
    np.testing.assert_allclose(by_torch(model, rows), answers(model, rows), **CLOSE)
    np.testing.assert_allclose(by_numpy(model, tmp_path, dense), answers(model, rows), **CLOSE)


def test_weights_beside_a_source_are_those_inside(tmp_path: Path) -> None:
    model = classifier(hidden_layer_sizes=(60, 20))
    files = to_numpy(model, tmp_path / "big.py")
    assert [file.name for file in files] == ["big.py", "big.npz"]
    np.testing.assert_allclose(loaded(files[0]).predict_proba(X), answers(model), **CLOSE)


SOURCES: dict[str, dict[str, Any]] = {
    "classifier": {"batch_norm": True},
    "counts": {"loss": "poisson"},
    "submodels": {"n_submodels": 3},
    "piecewise": {"numeric_embedding": "piecewise_linear", "learning_rate": 0.05},
    "periodic": {"numeric_embedding": "periodic"},
    "codes": {"layers": [EntityEmbedding(3, levels=(3, 7)), Dense(6)], "preprocess": None},
}


@pytest.mark.parametrize("kind", SOURCES)
def test_source_for_pytorch_builds_the_network(kind: str, tmp_path: Path) -> None:
    model = (regressor if kind == "counts" else classifier)(**SOURCES[kind])
    source, weights = write_torch(model, tmp_path / "net.py")
    assert "wellfit" not in loaded_imports(source)
    network = loaded(source).network()
    with torch.inference_mode():
        given = network(torch.tensor(network_input(model, X))).numpy()
    np.testing.assert_allclose(given, answers(model), **CLOSE)
    assert weights.name == "net.pt"


def loaded_imports(source: Path) -> str:
    return "\n".join(line for line in source.read_text().splitlines() if "import" in line)


def test_a_source_of_numpy_imports_numpy_alone(tmp_path: Path) -> None:
    path = to_numpy(classifier(activation="gelu"), tmp_path / "net.py")[0]
    words = set(loaded_imports(path).split()) & {*sys.modules}
    assert words <= {"numpy", "np", "math", "pathlib"}


# --- scikit-learn ----------------------------------------------------------------------------

IMAGE = (1, X.shape[1])
WITHIN: dict[str, tuple[Any, dict[str, Any]]] = {
    "three": (THREE, {"activation": "tanh", "batch_norm": True}),
    "two": (TWO, {"activation": "sigmoid"}),
    "two by one": (TWO, {"loss": "sigmoid_cross_entropy"}),
    "labels": (LABELS, {}),
    "linear": (THREE, {"hidden_layer_sizes": ()}),
    "identity": (THREE, {"activation": "identity"}),
    "norm after": (THREE, {"batch_norm": "after"}),
    "pixels": (THREE, {}),
    "number": (NUMBER, {"loss": "squared_error"}),
    "numbers": (NUMBERS, {"loss": "huber"}),
    "counts": (NUMBERS, {"loss": "poisson"}),
}


@pytest.mark.parametrize("name", WITHIN)
def test_scikit_learn_predicts_the_same(name: str, tmp_path: Path) -> None:
    y, params = WITHIN[name]
    rows = (X * 20).clip(0, 200).astype(np.uint8) if name == "pixels" else X
    shape = {"image_shape": IMAGE} if name == "pixels" else {}
    model = (regressor if y.dtype.kind == "f" else classifier)(y, rows, **params, **shape)
    assert (model.network_.features.kind == "pixels") == (name == "pixels")
    files = export(model, "sklearn", tmp_path / "net.joblib")
    theirs, given = joblib.load(files[0]), network_input(model, rows)
    assert is_classifier(theirs) == is_classifier(model)
    predict = getattr(theirs, "predict_proba", theirs.predict)
    np.testing.assert_allclose(
        predict(given).reshape(len(rows), -1), answers(model, rows), **CLOSE
    )
    if is_classifier(model):
        np.testing.assert_array_equal(theirs.predict(given), model.predict(rows))


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"activation": "elu"}, "elu"),
        ({"activation": ["relu", "tanh"]}, "relu, tanh"),
        ({"layers": [Dense(5, batch_norm="after"), Dense(5, batch_norm="after")]}, ""),
        ({"layers": [Dense(5), BatchNorm(), Dense(5, "prelu")]}, "prelu"),
        ({"loss": "sigmoid_cross_entropy"}, "one class against the rest"),
        ({"numeric_embedding": "periodic"}, "periodic"),
        ({"n_submodels": 2}, "repeat_rows"),
    ],
)
def test_what_scikit_learn_cannot_express_is_named(params: dict[str, Any], named: str) -> None:
    model = classifier(**params)
    if not named:  # folded into the next layer
        assert len(to_sklearn(model).coefs_) == 3
        return
    with pytest.raises(InputError, match=named):
        to_sklearn(model)


# --- refusals --------------------------------------------------------------------------------


def test_numpy_names_the_column_of_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"column 'town'.*'onnx' reads text"):
        to_numpy(classifier(rows=frame()), tmp_path / "net.py")
    assert list(tmp_path.iterdir()) == []


def test_onnx_names_the_column_that_is_called_as_an_output() -> None:
    with pytest.raises(InputError, match="column 'label' has the name of an output"):
        to_onnx(classifier(rows=frame().rename(columns={"town": "label"})))


def test_what_is_no_fitted_network_is_refused(tmp_path: Path) -> None:
    from wellfit import MLPClassifier

    with pytest.raises(InputError, match="not fitted"):
        to_onnx(MLPClassifier())
    with pytest.raises(InputError, match=r"a dict can't be exported"):
        to_torch({})
    with pytest.raises(UnknownNameError, match="did you mean 'onnx'"):
        export(classifier(), "onx", tmp_path / "net")
    with pytest.raises(InputError, match=r"\.py"):
        export(classifier(), "torch", tmp_path / "net.pt")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("onnx", "h5py"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"wellfit-nn\[onnx\]"):
        to_onnx(classifier())
    with pytest.raises(MissingExtraError, match=r"wellfit-nn\[keras\]"):
        to_keras(classifier(), tmp_path / "net.keras")
    assert list(tmp_path.iterdir()) == []
