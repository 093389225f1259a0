"""Files of other libraries and registries that are damaged or made to hurt: one clear line."""

import io
import json
import os
import random
import resource
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from wellfit import MLPClassifier
from wellfit.core.errors import InputError, ModelFileError
from wellfit.model_selection import read_space
from wellfit.transfer import ModelRegistry, export, import_model

h5py = pytest.importorskip("h5py")
ROWS = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = MLPClassifier((4,), epochs=1, batch_norm=True, preprocess=None, random_state=0)
    folder = tmp_path_factory.mktemp("exported")
    export(model.fit(ROWS, ROWS[:, 0] > 0), "keras", folder / "net.keras")
    return folder / "net.keras"


@pytest.fixture
def path(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(exported, tmp_path / "net.keras"))


def repack(path: Path, compression: int = zipfile.ZIP_STORED, **files: bytes) -> Path:
    """Write an archive with other contents of some of its files."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents |= {name.replace("__", "."): data for name, data in files.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def weights_file(build) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        build(file)
    return data.getvalue()


def test_a_changed_byte_is_told_in_a_line_or_changes_no_type(path, exported):
    whole, draw = exported.read_bytes(), random.Random(0)
    for _ in range(60):
        place = draw.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(InputError):  # every other error is one of a library's
            assert import_model(path).predict(ROWS).shape == (40,)
    for cut in (0, 10, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ModelFileError, match=r"net\.keras"):
            import_model(path)


@pytest.mark.parametrize("name", ["config__json", "model__weights__h5"])
def test_an_archive_that_unpacks_to_much_more_is_not_unpacked(name, path):
    repack(path, zipfile.ZIP_DEFLATED, **{name: bytes(1 << 27)})
    assert path.stat().st_size < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match="would unpack to 134,217,728"):
        import_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("how", ["compressed", "empty", "text"])
def test_arrays_that_declare_more_than_the_file_holds_are_not_read(how, path):
    def build(file):
        group = file.create_group("layers/dense/vars")
        if how == "compressed":
            group.create_dataset("0", (1 << 14, 1 << 12), "f4", compression="gzip")
            group["0"][:] = 0
        elif how == "empty":
            group.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(64, 64))
        else:
            group["0"] = b"text"

    repack(path, model__weights__h5=weights_file(build))
    with pytest.raises(ModelFileError, match="of type" if how == "text" else "far more than"):
        import_model(path)


@pytest.mark.parametrize(
    "config",
    [
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"class_name": "Sequential", "config": 3}',
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}}',
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": ["Dense"]}]}}',
        b'{"class_name": "Functional", "config": {"layers": [1]}}',
        b'{"class_name": "Sequential", "keras_version": "x", "config": {"layers": '
        b'[{"class_name": "Dense", "config": {"activation": "hard_sigmoid"}}]}}',
    ],
)
def test_layers_of_another_form_are_refused(config, path):
    with pytest.raises(InputError):
        import_model(repack(path, config__json=config))


@pytest.mark.parametrize("ending", [".keras", ".h5", ".json", ".pt", ".safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "sparse", "zeros"])
def test_only_regular_files_that_fit_into_memory_are_read(ending, kind, tmp_path):
    path = tmp_path / f"net{ending}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 43 if kind == "sparse" else 1 << 16)
    with pytest.raises(ModelFileError, match=path.name):
        import_model(path)


def test_a_state_dict_repeats_no_stored_number_and_is_not_compressed(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"0.weight": torch.zeros(1).expand(1 << 20, 1 << 20)}, path)
    with pytest.raises(ModelFileError, match="1,099,511,627,776 numbers"):
        import_model(path)
    torch.save({"0.weight": torch.zeros(1000, 1000)}, path)
    repack(path, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match="is compressed"):
        import_model(path)


def test_a_registry_and_a_space_are_bounded(tmp_path):
    for name, read in {
        "registry.json": lambda: ModelRegistry(tmp_path).list(),
        "space.json": lambda: read_space(tmp_path / "space.json"),
    }.items():
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(100 << 30)
        with pytest.raises(InputError, match="expected at most"):
            read()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(InputError, match=r"pipe|no file"):
            read()
        path.unlink()
        path.write_bytes(b"[" * 100_000)
        with pytest.raises(InputError, match="nested too deeply"):
            read()


def test_a_model_of_a_registry_has_the_size_that_the_registry_says(tmp_path):
    model = MLPClassifier((2,), epochs=1, random_state=0).fit(ROWS, ROWS[:, 0] > 0)
    registry = ModelRegistry(tmp_path / "registry")
    registry.add(model, "tiny")
    (folder,) = (item for item in (tmp_path / "registry").iterdir() if item.is_dir())
    with (folder / "weights.safetensors").open("ab") as file:
        file.truncate(100 << 30)
    with pytest.raises(ModelFileError, match="expected at most"):
        registry.load("tiny")
    index = tmp_path / "registry" / "registry.json"
    document = json.loads(index.read_text())
    document["models"]["tiny"]["files"]["weights.safetensors"]["bytes"] = 100 << 30
    index.write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match="as much memory"):
        registry.load("tiny")
