"""Model folders changed and sealed again: refused by the name of the field, or the same model."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hostile import reseal_model
from test_old_files import FILES, PREDICTIONS
from wellfit import MLPClassifier, load_model
from wellfit.core.errors import ModelFileError
from wellfit.core.registry import lookup, names
from wellfit.nn import AlphaDropout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FILES / "classifier", tmp_path / "model"))


def callback(name: str, place: Path) -> dict:
    """Return a callback as plain data, one that would write to a file where it can."""
    fields = lookup("callback", name)._fields
    paths = {key: str(place / "written") for key in fields if key in ("path", "folder")}
    return {"config": {"family": "callback", "name": name, **paths}}


@pytest.mark.parametrize("name", names("callback"))
@pytest.mark.parametrize(
    "field", ["callbacks", "augment", "layers", "lr_schedule", "early_stopping"]
)
def test_no_callback_comes_out_of_a_folder(name, field, folder, tmp_path):
    value = callback(name, tmp_path)
    value = {"items": [value]} if field in ("callbacks", "augment", "layers") else value
    reseal_model(folder, lambda document: document["params"].update({field: value}))
    if (name, field) == ("early_stopping", "early_stopping"):
        assert type(load_model(folder).early_stopping).__name__ == "EarlyStopping"
        return
    with pytest.raises(ModelFileError, match=field):
        load_model(folder)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("callbacks", {"items": []}),
        ("scoring", "accuracy"),
        ("device", "cuda:7"),
        ("device", "meta"),
        ("n_threads", 10**6),
        ("random_state", 0),
        ("verbose", 1),
        ("pretrained", None),
    ],
)
def test_what_save_leaves_out_load_refuses(field, value, folder):
    reseal_model(folder, lambda document: document["params"].update({field: value}))
    with pytest.raises(ModelFileError, match=f"'{field}', which is never saved"):
        load_model(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subsample", 2),
        ("epochs", -1),
        ("dropout", 2),
        ("input_dropout", 1.0),
        ("input_noise", -1),
        ("l1", -0.5),
        ("l2", -1),
        ("max_norm", -1),
        ("gradient_clipping", -3),
        ("hidden_layer_sizes", {"items": [-1]}),
    ],
)
def test_parameters_out_of_range_are_refused_on_loading(field, value, folder):
    reseal_model(folder, lambda document: document["params"].update({field: value}))
    with pytest.raises(ModelFileError, match=field):
        load_model(folder)


def test_a_dropout_layer_as_a_parameter_is_loaded(tmp_path):
    model = MLPClassifier((4,), dropout=AlphaDropout(0.2), epochs=1, random_state=0)
    saved = model.fit([[0.0], [1.0]], [0, 1]).save(tmp_path / "model")
    assert load_model(saved).dropout == AlphaDropout(0.2)


def test_members_of_an_ensemble_are_checked_alike(tmp_path):
    for part, change in {
        "like": lambda document: document["like"][0].update(callbacks={"items": []}),
        "members": lambda document: document["members"][1]["params"].update(n_threads=3),
        "weights": lambda document: document["weights"].append(0.5),
        "params.n_estimators": lambda document: document["params"].update(n_estimators=-1),
    }.items():
        folder = Path(shutil.copytree(FILES / "ensemble", tmp_path / part))
        reseal_model(folder, change)
        named = {"like": "callbacks", "weights": "members", "members": "n_threads"}.get(part, part)
        with pytest.raises(ModelFileError, match=named):
            load_model(folder)


def at(*path):
    """Return a change of one place of a document: ``at("learned", "n_epochs_")(-1)``."""

    def to(value):
        def change(document):
            for key in path[:-1]:
                document = document[key]
            document[path[-1]] = value

        return change

    return to


HUGE = 10**400
CHANGES = {
    "params.epochs": at("params", "epochs")("many"),
    "params.activation": at("params", "activation")("rlu"),
    "params.loss": at("params", "loss")({"config": {"family": "optimizer", "name": "adam"}}),
    "learning_rate": at("params", "optimizer", "config", "learning_rate")(HUGE),
    "params.dropout": at("params", "dropout")([]),
    "nothing": at("params", "nothing")(1),
    "params.preprocess": at("params", "preprocess")(None),
    "params.precision": at("params", "precision")(["float32"]),
    "params.class_weight": at("params", "class_weight")({"pairs": [[{"pairs": []}, 1.0]]}),
    "a network needs": at("network", "layers")([]),
    "units of linear is": at("network", "layers", 0, "units")(HUGE),
    "'parameters' is of type": at("network", "layers", 0, "units")(10**12),
    "network asks for": at("network", "layers", 1)(
        {"family": "layer", "name": "dropout", "rate": 0.5}
    ),
    "initializer of linear": at("network", "layers", 0, "initializer")("zeros"),
    "rows at a time": lambda document: document["network"]["layers"].insert(
        0, {"family": "layer", "name": "merge", "rows": 2}
    ),
    "inputs.kind": at("inputs", "kind")("tables"),
    "inputs.kind is 'raw'": at("inputs", "kind")("raw"),
    "inputs.brightest is 0": at("inputs", "brightest")(0),
    "inputs.brightest is 1254": at("inputs", "brightest")(1254),
    "table.names holds 4 names; expected 3": at("inputs", "table", "kinds")(
        ["number", "category", "flag"]
    ),
    "table.names holds": at("inputs", "table", "names")(["a", "a", "b", "c"]),
    "table.settings.dtype": at("inputs", "table", "settings", "dtype")("complex128"),
    "unknown clip": at("inputs", "table", "numbers", "clip")("soft"),
    "unknown numeric scaling": at("inputs", "table", "numbers", "scalings")(["cubic"]),
    "table.categories": at("inputs", "table", "categories")([]),
    r"levels\[0\] is 1": at("inputs", "table", "categories", 0, "levels")([1, 2, 3]),
    "feature_names_in holds 4 items": at("n_features_in")(3),
    "feature_names_in": at("feature_names_in")(["a", "b", "c", 4]),
    "targets.classes": at("targets", "classes")(["yes", "yes"]),
    "3, by its targets": at("targets", "classes")(["no", "yes", "may"]),
    "targets.dtype": at("targets", "dtype")("<U1000000000"),
    "type <U1": at("targets", "dtype")("<U1"),
    "targets.multilabel": at("targets", "multilabel")(0),
    "learned.history_": at("learned", "history_")({"loss": "abc"}),
    "learned.n_epochs_": at("learned", "n_epochs_")(-1),
    "learned.status_": at("learned", "status_")("perfect"),
    "learned.precision_": at("learned", "precision_")("float16"),
    "learned has a field 'extra_'": at("learned", "extra_")(1),
    "learned is missing": lambda document: document.pop("learned"),
    "unknown model class 'Popen'": at("estimator")("Popen"),
    "inputs of Network is 7.5": at("network", "inputs")(7.5),
}


@pytest.mark.parametrize("named", CHANGES)
def test_a_document_of_another_form_is_refused_by_the_name_of_its_field(named, folder):
    reseal_model(folder, CHANGES[named])
    with pytest.raises(ModelFileError, match=named):
        load_model(folder)


TENSORS = {
    "'parameters' is missing": lambda tensors: tensors.pop("parameters"),
    "'statistics' is of type": lambda tensors: tensors.update(statistics=torch.zeros(3)),
    "'parameters' is of type torch.int64": lambda t: t.update(parameters=t["parameters"].long()),
    "'parameters' holds NaN": lambda tensors: tensors["parameters"].fill_(float("nan")),
    "'other' is none": lambda tensors: tensors.update(other=torch.zeros(3)),
    "'inputs.other' is none": lambda t: t.update({"inputs.other": torch.zeros(3)}),
    "'inputs.numbers.fill' is of type torch.bfloat16": lambda t: t.update(
        {"inputs.numbers.fill": torch.zeros(2, dtype=torch.bfloat16)}
    ),
    "'fill' has shape": lambda t: t.update({"inputs.numbers.fill": torch.zeros(5).double()}),
    "'varies' is missing": lambda t: t.pop("inputs.numbers.varies"),
    "'gaps' is of type": lambda t: t.update({"inputs.numbers.gaps": torch.zeros(2).double()}),
    "'center' holds NaN": lambda t: t["inputs.numbers.robust.center"].fill_(float("inf")),
    "'scale' of scaling 'robust' holds 0": lambda t: t["inputs.numbers.robust.scale"].zero_(),
}


@pytest.mark.parametrize("message", TENSORS)
def test_tensors_are_compared_with_the_network_and_the_table(message, folder):
    reseal_model(folder, change_tensors=TENSORS[message])
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


def test_what_is_resealed_unchanged_is_the_same_model(tmp_path):
    for name, predict in PREDICTIONS.items():
        folder = Path(shutil.copytree(FILES / name, tmp_path / name))
        there = predict(load_model(FILES / name))
        np.testing.assert_array_equal(predict(load_model(reseal_model(folder))), there)


def test_a_schedule_of_a_function_is_constant_from_here_and_nothing_else_is(folder):
    custom = {"config": {"family": "schedule", "name": "custom", "function": "os.system"}}
    reseal_model(folder, lambda document: document["params"].update(lr_schedule=custom))
    with pytest.warns(UserWarning, match="schedule isn't restored"):
        assert load_model(folder).lr_schedule == "constant"
    wrong = {"config": {"family": "schedule", "name": "one_cycle", "warm_up": -1}}
    reseal_model(folder, lambda document: document["params"].update(lr_schedule=wrong))
    with pytest.raises(ModelFileError, match=r"params\.lr_schedule"):
        load_model(folder)


# What is in the place of a file.


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "weights.safetensors.new"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket", "sparse", "loop"])
def test_only_regular_files_of_the_declared_size_are_read(name, kind, folder, tmp_path):
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        pytest.importorskip("socket")
        import socket

        with socket.socket(socket.AF_UNIX) as bound:
            os.chdir(folder)
            bound.bind(name)
    elif kind == "loop":
        path.symlink_to(name)
    else:
        with path.open("wb") as file:
            file.truncate(100 << 30)
    if (name, kind) == ("weights.safetensors.new", "sparse"):  # left by a save that was cut off
        assert len(load_model(folder).classes_) == 2
        return
    with pytest.raises(ModelFileError, match=name.replace(".new", "")):
        load_model(folder)


def test_links_to_regular_files_and_folders_are_followed(folder, tmp_path):
    (folder / "weights.safetensors").rename(tmp_path / "elsewhere")
    (folder / "weights.safetensors").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(folder)
    assert len(load_model(tmp_path / "link").classes_) == 2


def test_json_is_bounded_before_it_is_parsed(folder):
    with (folder / "model.json").open("ab") as file:
        file.truncate(300 << 20)
    with pytest.raises(ModelFileError, match="expected at most 33,554,432"):
        load_model(folder)
    (folder / "model.json").write_bytes(b"[" * (1 << 20))
    with pytest.raises(ModelFileError, match="nested too deeply"):
        load_model(folder)
    (folder / "model.json").write_bytes(b"[" + b"[]," * (3 << 20) + b"1]")
    with pytest.raises(ModelFileError, match="lists and dictionaries"):
        load_model(folder)
