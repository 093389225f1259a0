"""Keras's files, written and read without it, against Keras itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import LABELS, NUMBER, NUMBERS, THREE, TWO, X, answers, classifier, regressor

from wellfit.core.errors import InputError, ModelFileError
from wellfit.nn import (
    GELU,
    AlphaDropout,
    BatchNorm,
    Dense,
    EntityEmbedding,
    MaskingNoise,
    MiniTabM,
    PiecewiseLinear,
    PiecewiseWithJumps,
    PReLU,
)
from wellfit.transfer import from_keras, import_model, network_input, to_keras

pytest.importorskip("h5py")
keras: Any
layers: Any
# Keras's own: on the age of its .h5, and on how it makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:.*copy keyword:DeprecationWarning")

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
ROWS = ((X - X.mean(0)) / X.std(0)).astype(np.float32)
KINDS = (".keras", ".h5", ".json")


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Keras takes seconds to import: only where its tests run, not wherever they are listed."""
    global keras, layers
    keras = pytest.importorskip("keras")
    layers = keras.layers


def saved(model: Any, folder: Path, kind: str) -> Path:
    path = folder / f"net{kind}"
    if kind == ".json":
        path.write_text(model.to_json())
        model.save_weights(path.with_suffix(".weights.h5"))
    else:
        model.save(path)
    return path


def stirred(model: Any) -> Any:
    """The model with numbers unlike any defaults."""
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.2, 1, w.shape) - 0.3 * (w.ndim > 1) for w in model.get_weights()]
    )
    return model


def chain(*inner: Any, end: str = "softmax", outputs: int = 3) -> Any:
    last = layers.Dense(outputs, activation=end)
    return stirred(keras.Sequential([keras.Input((4,)), *inner, last]))


# --- out -------------------------------------------------------------------------------------

OUT: dict[str, tuple[Any, dict[str, Any]]] = {
    **{
        name: (THREE, {"activation": name, "precision": "float64"})
        for name in ("elu", "gelu", "hard_sigmoid", "identity", "leaky_relu", "mish", "prelu")
    },
    **{
        name: (THREE, {"activation": name})
        for name in ("relu", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh")
    },
    "norm": (THREE, {"batch_norm": True, "input_noise": 0.1, "input_dropout": 0.1}),
    "norm after": (
        THREE,
        {"layers": [Dense(6, PReLU(), "after", AlphaDropout(0.1)), BatchNorm()]},
    ),
    "norm of the outputs": (THREE, {"batch_norm": BatchNorm(0.5, 0.1, output=True)}),
    "norm of one output": (NUMBER, {"batch_norm": BatchNorm(output=True)}),
    "bounded": (np.sin(NUMBER), {"output_activation": "tanh"}),
    "from 0": (np.abs(NUMBERS), {"output_activation": "softplus"}),
    "masked": (THREE, {"layers": [MaskingNoise(0.2), Dense(6)]}),
    "piecewise": (THREE, {"numeric_embedding": "piecewise_linear", "learning_rate": 0.05}),
    "piecewise relu": (
        NUMBER,
        {
            "numeric_embedding": PiecewiseLinear(3, "relu", n_bins=5, columns=(1, 3)),
            "learning_rate": 0.05,
        },
    ),
    "piecewise with jumps": (
        THREE,
        {
            "numeric_embedding": PiecewiseWithJumps(
                3, "relu", n_bins=5, columns=(1, 3), jumping=(3,)
            ),
            "learning_rate": 0.05,
        },
    ),
    **{
        f"submodels, {submodels}": (y, {"n_submodels": 3, "submodels": submodels, **params})
        for submodels, y, params in (
            ("tabm", THREE, {"numeric_embedding": "piecewise_linear", "batch_norm": True}),
            ("mini", TWO, {"loss": "sigmoid_cross_entropy"}),
            ("packed", NUMBERS, {"activation": PReLU()}),
            (MiniTabM(), NUMBERS, {"loss": "poisson"}),
        )
    },
    **{
        f"average, {name}": (y, {"bagging": 2, "early_stopping": True, **params})
        for name, y, params in (
            ("embedded", THREE, {"numeric_embedding": "piecewise_linear", "batch_norm": True}),
            ("two by one", TWO, {"loss": "sigmoid_cross_entropy"}),
            ("labels", LABELS, {"calibration": "temperature"}),
            ("number", NUMBER, {}),
            ("counts", NUMBERS, {"loss": "poisson", "n_submodels": 2}),
            ("weighed", THREE, {"architectures": [{"hidden_layer_sizes": (4,), "l2": 0.1}]}),
        )
    },
    "two": (TWO, {}),
    "two by one": (TWO, {"loss": "sigmoid_cross_entropy"}),
    "labels": (LABELS, {}),
    "number": (NUMBER, {"loss": "squared_error"}),
    "numbers": (NUMBERS, {"loss": "huber"}),
    "counts": (NUMBERS, {"loss": "poisson"}),
}


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("kind", [".keras", ".json"])
@pytest.mark.parametrize("name", OUT)
def test_keras_predicts_the_same(name: str, kind: str, tmp_path: Path) -> None:
    y, params = OUT[name]
    model = (regressor if y.dtype.kind == "f" else classifier)(y, **params)
    files = to_keras(model, tmp_path / f"net{kind}")
    if kind == ".keras":
        theirs = keras.models.load_model(files[0])
    else:
        theirs = keras.models.model_from_json(files[0].read_text())
        theirs.load_weights(files[1])
    given = theirs.predict(network_input(model, X), verbose=0)
    np.testing.assert_allclose(given, answers(model), **CLOSE)
    if name.startswith(("piecewise", "submodels")):  # in layers that stand for it
        return
    if name.startswith("average"):
        np.testing.assert_allclose(given, answers(model), rtol=1e-6, atol=1e-6)
        _averages_networks(theirs, model, given)
        assert ("weighed" in name) == (len(set(model.network_.member_shares)) > 1)
        return
    own = import_model(files[0])  # and back
    if name != "two by one":
        np.testing.assert_allclose(answers(own, network_input(model, X)), given, **CLOSE)


def _averages_networks(theirs: Any, model: Any, given: Any) -> None:
    """Check that there is a Sequential for each network, and that their mean is given."""
    _, *networks, mean = theirs.layers
    shares = model.network_.member_shares
    assert isinstance(mean, layers.Average)
    assert len(networks) == len(shares)
    each = [network.predict(network_input(model, X), verbose=0) for network in networks]
    np.testing.assert_allclose(np.mean(each, axis=0), given, **CLOSE)
    scaled = [isinstance(network.layers[-1], layers.Rescaling) for network in networks]
    assert scaled == [len(set(shares)) > 1] * len(networks)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"activation": GELU("tanh")}, "approximate='tanh'"),
        ({"numeric_embedding": "periodic"}, "no layer for embedding 'periodic'"),
        ({"layers": [EntityEmbedding(), 4], "preprocess": None}, "know layer EntityEmbedding"),
        ({"loss": "sigmoid_cross_entropy"}, "one class against the rest"),
    ],
)
def test_what_keras_cannot_express_is_named(
    params: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=named):
        to_keras(classifier(**params), tmp_path / "net.keras")
    with pytest.raises(InputError, match=r"\.keras or \.json"):
        to_keras(classifier(), tmp_path / "net.h6")


# --- in --------------------------------------------------------------------------------------

INNER: dict[str, Any] = {
    **{
        name: lambda name=name: [layers.Dense(6, activation=name)]
        for name in ("linear", "relu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "tanh")
    },
    **{
        name: lambda name=name: [layers.Dense(6), layers.Activation(name)]
        for name in ("hard_sigmoid", "softplus", "softsign", "swish")
    },
    "norms": lambda: [
        *(layers.BatchNormalization(), layers.Dense(6, use_bias=False)),
        *(layers.BatchNormalization(scale=False, epsilon=0.01), layers.ReLU()),
        *(layers.Dropout(0.2), layers.Dense(5), layers.BatchNormalization(center=False)),
    ],
    "own slopes": lambda: [
        *(layers.Dense(6), layers.LeakyReLU(negative_slope=0.2), layers.Dense(5), layers.PReLU()),
        *(
            layers.Dense(4),
            layers.ELU(alpha=0.5),
            layers.Dense(4),
            layers.ReLU(negative_slope=0.1),
        ),
    ],
    "noise": lambda: [layers.Dense(6), layers.GaussianNoise(0.1), layers.AlphaDropout(0.1)],
    "function as a layer": lambda: [layers.Dense(6, activation=layers.LeakyReLU())],
    "flat": lambda: [layers.Flatten()],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", INNER)
def test_a_chain_of_layers(name: str, kind: str, tmp_path: Path) -> None:
    theirs = chain(*INNER[name]())
    model = from_keras(saved(theirs, tmp_path, kind), classes=["a", "b", "c"])
    expected = theirs.predict(ROWS, verbose=0)
    np.testing.assert_allclose(model.predict_proba(ROWS), expected, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["softmax", "sigmoid", "exponential", "linear", "tanh"])
def test_every_end(end: str, kind: str, tmp_path: Path) -> None:
    theirs = chain(layers.Dense(5, activation="tanh"), end=end)
    model = import_model(saved(theirs, tmp_path, kind))
    np.testing.assert_allclose(answers(model, ROWS), theirs.predict(ROWS, verbose=0), **CLOSE)


def test_one_sigmoid_tells_two_classes(tmp_path: Path) -> None:
    theirs = chain(end="sigmoid", outputs=1)
    model = from_keras(saved(theirs, tmp_path, ".keras"), classes=["no", "yes"])
    expected = theirs.predict(ROWS, verbose=0)[:, 0]
    np.testing.assert_allclose(model.predict_proba(ROWS)[:, 1], expected, **CLOSE)
    assert model.predict(ROWS).tolist() == np.where(expected > 0.5, "yes", "no").tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_functional_chain(kind: str, tmp_path: Path) -> None:
    given = keras.Input((4,))
    hidden = layers.Dense(5, activation="relu")(given)
    theirs = stirred(keras.Model(given, layers.Softmax()(layers.Dense(3)(hidden))))
    model = from_keras(saved(theirs, tmp_path, kind))
    np.testing.assert_allclose(answers(model, ROWS), theirs.predict(ROWS, verbose=0), **CLOSE)


# --- refusals --------------------------------------------------------------------------------


def own(units: int) -> Any:
    """A layer of somebody's own class."""

    @keras.saving.register_keras_serializable("mine")
    class Mine(layers.Dense):
        pass

    return Mine(units)


REFUSED: dict[str, tuple[Any, str]] = {
    "code": (lambda: chain(layers.Lambda(lambda x: x * 2, output_shape=(4,))), "Lambda.*not run"),
    "own class": (lambda: chain(own(4)), "Mine"),
    "another layer": (lambda: chain(layers.UnitNormalization()), "UnitNormalization.*supported"),
    "softmax inside": (lambda: chain(layers.Dense(4, "softmax")), "softmax.*end"),
    "another activation": (lambda: chain(layers.Dense(4, "relu6")), "relu6.*supported"),
    "a cut relu": (lambda: chain(layers.Dense(4), layers.ReLU(max_value=6)), "ReLU"),
    "a model inside": (lambda: chain(chain()), "inside"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_is_named(name: str, kind: str, tmp_path: Path) -> None:
    make, named = REFUSED[name]
    path = saved(make(), tmp_path, kind)
    with pytest.raises(InputError, match=named):
        from_keras(path)


def test_branches_are_refused(tmp_path: Path) -> None:
    given = keras.Input((4,))
    left, right = layers.Dense(3)(given), layers.Dense(3, name="right")(given)
    theirs = keras.Model(given, layers.Add()([left, right]))
    for kind in KINDS:
        with pytest.raises(InputError, match="'right'"):
            from_keras(saved(theirs, tmp_path, kind))


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"nothing")
    (tmp_path / "net.json").write_text(json.dumps({"class_name": "Sequential", "config": {}}))
    for name, words in {
        "net.keras": "no model of Keras",
        "net.json": r"expected its weights: .*net\.weights\.h5",
        "none.h5": "there is no file",
    }.items():
        with pytest.raises(ModelFileError, match=words):
            from_keras(tmp_path / name)
    path = saved(chain(), tmp_path, ".json")
    with pytest.raises(ModelFileError, match="no layers"):
        from_keras(path.with_suffix(".weights.h5"))


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    import h5py

    path = saved(chain(), tmp_path, ".json")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.zeros((4, 3))
    with h5py.File(path.with_suffix(".weights.h5"), "a") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
    with pytest.raises(ModelFileError, match=r"another file|secret"):  # as HDF5 sees fit
        from_keras(path)
