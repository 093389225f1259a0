"""What is imported predicts as it did where it came from, can be saved, and trained on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.neural_network
import torch
from safetensors.torch import save_file
from samples import LABELS, NUMBER, NUMBERS, THREE, TWO, X
from sklearn.preprocessing import StandardScaler
from torch import nn

from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import InputError, ModelFileError
from wellfit.optim import Adam
from wellfit.transfer import (
    FittedLayer,
    from_parts,
    from_sklearn,
    from_torch,
    import_model,
    to_keras,
    to_torch,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
SCALED = StandardScaler().fit_transform(X)
ROWS = torch.tensor(SCALED, dtype=torch.float32)


def answers(model: Any, rows: Any = SCALED) -> np.ndarray:
    predict = getattr(model, "predict_proba", model.predict)
    return np.asarray(predict(rows)).reshape(len(rows), -1)


def theirs(network: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return network.eval()(ROWS).numpy()


def stirred(network: nn.Sequential) -> nn.Sequential:
    """A network whose batch norms have statistics and scales unlike any defaults."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            for tensor in (module.running_mean, module.weight, module.bias):
                if tensor is not None:
                    tensor.data.normal_(1, 0.5)
            module.running_var.uniform_(0.5, 2)
    return network


# --- scikit-learn ----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize(
    "y", [THREE, TWO, LABELS, NUMBER, NUMBERS], ids=["three", "two", "labels", "one", "several"]
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_every_network_of_scikit_learn(activation: str, y: np.ndarray) -> None:
    numbers = y.dtype.kind == "f"
    kind = sklearn.neural_network.MLPRegressor if numbers else sklearn.neural_network.MLPClassifier
    fitted = kind(
        hidden_layer_sizes=(6, 5), activation=activation, max_iter=3, random_state=0
    ).fit(SCALED, y)
    model = from_sklearn(fitted)
    assert isinstance(model, MLPRegressor if numbers else MLPClassifier)
    np.testing.assert_allclose(answers(model), answers(fitted), **CLOSE)
    assert model.predict(SCALED).shape == fitted.predict(SCALED).shape
    if not numbers:
        np.testing.assert_array_equal(model.predict(SCALED), fitted.predict(SCALED))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_scikit_learns_counts() -> None:
    fitted = sklearn.neural_network.MLPRegressor("poisson", (5,), max_iter=3, random_state=0)
    fitted.fit(SCALED, NUMBER)
    model = from_sklearn(fitted)
    assert model.loss == "poisson"
    np.testing.assert_allclose(answers(model), answers(fitted), **CLOSE)


def test_another_model_of_scikit_learn_is_refused() -> None:
    with pytest.raises(InputError, match="StandardScaler can't be imported"):
        from_sklearn(StandardScaler())
    with pytest.raises(InputError, match="not fitted"):
        from_sklearn(sklearn.neural_network.MLPClassifier())


# --- PyTorch ---------------------------------------------------------------------------------

ACTIVATIONS = [
    *(nn.ReLU(), nn.LeakyReLU(0.2), nn.PReLU(), nn.PReLU(6), nn.ELU(0.7), nn.SELU(), nn.SiLU()),
    *(nn.GELU("tanh"), nn.Mish(), nn.Sigmoid(), nn.Hardsigmoid(), nn.Tanh(), nn.Softsign()),
    *(nn.Softplus(), nn.Identity()),
]
NORMS = [
    nn.BatchNorm1d(6),
    nn.BatchNorm1d(6, 1e-2, affine=False),
    nn.BatchNorm1d(6, momentum=None),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_of_pytorch(activation: nn.Module) -> None:
    network = nn.Sequential(nn.Linear(4, 6), activation, nn.Linear(6, 3), nn.Softmax(dim=1))
    np.testing.assert_allclose(answers(from_torch(network)), theirs(network), **CLOSE)


@pytest.mark.parametrize("norm", NORMS, ids=str)
def test_every_batch_norm_of_pytorch(norm: nn.Module) -> None:
    network = stirred(nn.Sequential(nn.Linear(4, 6, bias=False), norm, nn.Tanh(), nn.Linear(6, 2)))
    model = from_torch(network)
    assert isinstance(model, MLPRegressor)
    np.testing.assert_allclose(answers(model), theirs(network), **CLOSE)


def body(outputs: int) -> list[nn.Module]:
    inner = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3))
    return [nn.Flatten(), inner, nn.AlphaDropout(0.1), nn.Linear(6, outputs)]


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_what_stands_at_the_end_tells_the_task(outputs: int) -> None:
    sigmoids = stirred(nn.Sequential(*body(outputs), nn.Sigmoid()))
    model = from_torch(sigmoids)
    expected = theirs(sigmoids)
    if outputs == 1:
        assert model.classes_.tolist() == [0, 1]
        expected = np.hstack([1 - expected, expected])
    assert model.network_.targets.multilabel == (outputs > 1)
    np.testing.assert_allclose(answers(model), expected, **CLOSE)
    numbers = stirred(nn.Sequential(*body(outputs)))
    np.testing.assert_allclose(answers(from_torch(numbers)), theirs(numbers), **CLOSE)


def test_logits_are_read_as_classes_if_asked() -> None:
    network = stirred(nn.Sequential(*body(3)))
    expected = torch.softmax(torch.tensor(theirs(network)), 1).numpy()
    named = from_torch(network, classes=["a", "b", "c"])
    np.testing.assert_allclose(answers(named), expected, **CLOSE)
    assert named.predict(SCALED).tolist() == [*map("abc".__getitem__, expected.argmax(1))]
    numbered = from_torch(network, task="classification")
    np.testing.assert_allclose(answers(numbered), expected, **CLOSE)
    logs = nn.Sequential(*network, nn.LogSoftmax(1))
    np.testing.assert_allclose(answers(from_torch(logs)), expected, **CLOSE)
    one = stirred(nn.Sequential(*body(1)))
    p = torch.sigmoid(torch.tensor(theirs(one))).numpy()
    np.testing.assert_allclose(answers(from_torch(one, classes=["n", "y"]))[:, 1:], p, **CLOSE)


def test_an_activation_at_the_end_that_is_no_link_is_kept() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    np.testing.assert_allclose(answers(from_torch(network)), theirs(network), **CLOSE)


@pytest.mark.parametrize("order", ["norm before", "norm after", "without norms", "with slopes"])
@pytest.mark.parametrize("kind", ["dict", ".pt", ".safetensors", "in a checkpoint"])
def test_weights_alone(order: str, kind: str, tmp_path: Path) -> None:
    middle: dict[str, Any] = {
        "norm before": lambda: [nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.1)],
        "norm after": lambda: [nn.Tanh(), nn.BatchNorm1d(6), nn.Dropout(0.1)],
        "without norms": lambda: [nn.Tanh()],
        "with slopes": lambda: [nn.PReLU()],
    }
    layers = [nn.Linear(4, 6), *middle[order]()]
    for _ in range(3):  # more than ten modules, for their names to be in another order
        layers += [nn.Linear(6, 6), *middle[order]()]
    network = stirred(nn.Sequential(*layers, nn.Linear(6, 3), nn.Softmax(1)))
    source: Any = network.state_dict()
    if kind == ".safetensors":
        save_file(source, tmp_path / "net.safetensors")
        source = tmp_path / "net.safetensors"
    elif kind != "dict":
        torch.save({"model_state_dict": source} if "in" in kind else source, tmp_path / "net.pt")
        source = tmp_path / "net.pt"
    model = from_torch(source, activation="tanh", output="softmax")
    np.testing.assert_allclose(answers(model), theirs(network), **CLOSE)


def test_weights_of_named_layers() -> None:
    torch.manual_seed(0)
    first, norm, last = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)
    network = nn.Sequential(first, norm, nn.ReLU(), last)
    parts = {"body.fc1": first, "body.bn": norm, "head": last}
    state = {
        f"{name}.{k}": v for name, part in parts.items() for k, v in part.state_dict().items()
    }
    np.testing.assert_allclose(answers(from_torch(state)), theirs(network), **CLOSE)


def test_a_file_without_order_is_read_by_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    parts = {f"fc{number}": nn.Linear(4, 4) for number in range(1, 12)}
    state = {f"{name}.{k}": v for name, m in parts.items() for k, v in m.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    read, given = from_torch(tmp_path / "net.safetensors"), from_torch(state)
    np.testing.assert_array_equal(answers(read), answers(given))


def test_a_norm_of_the_inputs_is_followed_by_no_activation() -> None:
    torch.manual_seed(0)
    norm, last = nn.BatchNorm1d(4), nn.Linear(4, 3)
    network = stirred(nn.Sequential(norm, last))
    state = {f"in.{key}": value for key, value in norm.state_dict().items()}
    state |= {f"out.{key}": value for key, value in last.state_dict().items()}
    for given in (state, network.state_dict()):
        np.testing.assert_allclose(answers(from_torch(given)), theirs(network), **CLOSE)


@pytest.mark.parametrize("kind", [".keras", ".json"])
def test_kerass_files_need_no_keras(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = from_torch(stirred(nn.Sequential(*body(3), nn.Softmax(1))))
    again = import_model(to_keras(model, tmp_path / f"net{kind}")[0])
    np.testing.assert_allclose(answers(again), answers(model), **CLOSE)


def test_double_precision_stays() -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    with torch.inference_mode():
        expected = network(torch.tensor(SCALED)).numpy()
    np.testing.assert_allclose(answers(from_torch(network)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([nn.Conv1d(1, 2, 3)], "Conv1d"),
        ([nn.Linear(4, 3), nn.Softmax(1), nn.Linear(3, 2)], "Softmax"),
        ([nn.Linear(4, 3), nn.Softplus(beta=2), nn.Linear(3, 2)], "Softplus"),
        ([nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)], "track_running_stats"),
        ([nn.Linear(4, 3), nn.Linear(5, 2)], r"\(6, 2\).*\(4, 2\)"),
        ([nn.ReLU()], "no linear layer"),
    ],
)
def test_what_cannot_be_imported_is_named(layers: list[nn.Module], named: str) -> None:
    with pytest.raises(InputError, match=named):
        from_torch(nn.Sequential(*layers))


def test_state_dicts_of_other_layers_are_refused() -> None:
    with pytest.raises(InputError, match=r"'0'.*weight \(2, 1, 3\)"):
        from_torch(nn.Sequential(nn.Conv1d(1, 2, 3)).state_dict())
    with pytest.raises(InputError, match="'epoch' is no tensor"):
        from_torch({"epoch": 3})


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".pkl", ".joblib", ".safetensors"])
def test_a_pickle_is_refused_and_not_run(ending: str, tmp_path: Path) -> None:
    sprung, file = tmp_path / "sprung", tmp_path / f"net{ending}"
    if ending == ".joblib":
        joblib.dump(Trap(sprung), file)
    elif ending == ".pt":
        torch.save(nn.Sequential(nn.Linear(2, 2)), file)
    else:
        file.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(ModelFileError, match=r"pickle|safetensors"):
        import_model(file)
    assert not sprung.exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no file .*net\.pt"):
        import_model(tmp_path / "net.pt")
    with pytest.raises(ModelFileError, match=r"ends in \.keras"):
        import_model(tmp_path / "net.bin")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    with pytest.raises(ModelFileError, match="holds a list"):
        import_model(tmp_path / "list.pt")


# --- raw arrays, and what an imported model can do ---------------------------------------------


def test_raw_arrays_of_any_layer() -> None:
    rng = np.random.default_rng(0)
    w, b, v = rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=(6, 2))
    mean, variance, gamma, slopes = rng.uniform(0.5, 2, (4, 6))
    parts = [
        FittedLayer.linear(w, b),
        FittedLayer.batch_norm(mean, variance, gamma, epsilon=0.1),
        FittedLayer.activation("prelu", slopes),
        FittedLayer.linear(v),
    ]
    h = (SCALED @ w + b - mean) / np.sqrt(variance + 0.1) * gamma
    expected = np.where(h > 0, h, slopes * h) @ v
    model = from_parts(parts, precision="float64")
    np.testing.assert_allclose(model.predict(SCALED), expected, rtol=1e-9)
    np.testing.assert_allclose(
        from_parts(parts, output="exp", precision="float64").predict(SCALED),
        np.exp(expected),
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"output": "softmx"}, "softmx"),
        ({"task": "clustering"}, "clustering"),
        ({"output": "softmax", "task": "regression"}, "ends in softmax"),
        ({"output": "sigmoid", "task": "regression"}, "sigmoid"),
        ({"classes": ["a", "b", "c"]}, r"\(3,\).*2 outputs.*\(2,\)"),
        ({"classes": ["a", "a"]}, "twice"),
    ],
)
def test_ends_that_do_not_fit_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        from_parts([FittedLayer.linear(np.ones((4, 2)))], **options)


def test_shapes_that_do_not_fit_are_both_named() -> None:
    with pytest.raises(InputError, match=r"\(4, 2\).*\(3,\).*\(2,\)"):
        FittedLayer.linear(np.ones((4, 2)), np.ones(3))
    with pytest.raises(InputError, match=r"mean \(2,\), variance \(3,\)"):
        FittedLayer.batch_norm(np.ones(2), np.ones(3))
    norm = FittedLayer.batch_norm(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match=r"\(2, 3\).*\(2, 2\)"):
        from_parts(
            [FittedLayer.linear(np.ones((4, 2))), norm, FittedLayer.linear(np.ones((2, 1)))]
        )


def test_an_imported_model_is_saved_and_trained_on(tmp_path: Path) -> None:
    network = stirred(nn.Sequential(*body(3)))
    model = from_torch(network, classes=["ant", "bee", "cat"])
    again = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(answers(again), answers(model))
    before = again.score(SCALED, THREE)
    again.set_params(warm_start=True, epochs=1, optimizer="sgd", optimizer__learning_rate=1e-9)
    again.fit(SCALED, THREE)
    weights = to_torch(again)[0].weight  # hardly moved, so training went on from there
    np.testing.assert_allclose(weights.detach(), network[1][0].weight.detach(), atol=1e-6)
    again.set_params(epochs=60, optimizer=Adam(0.02), early_stopping=False).fit(SCALED, THREE)
    assert again.score(SCALED, THREE) > max(before, 0.7)


def test_an_imported_regressor_is_trained_on() -> None:
    model = from_torch(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)))
    model.set_params(warm_start=True, epochs=60, optimizer=Adam(0.05), early_stopping=False)
    model.fit(SCALED, NUMBER)
    assert model.score(SCALED, NUMBER) > 0.8
