from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from wellfit.core.errors import DataError
from wellfit.datasets import infer_task, list_datasets, load
from wellfit.datasets.bundled import BUNDLED
from wellfit.datasets.catalog import NAMED
from wellfit.datasets.download import cache_folder, fetch
from wellfit.datasets.images import IMAGES
from wellfit.datasets.notmnist import ARCHIVE

LOADED = [named.name for named in BUNDLED if named.where() == "bundled"]


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


# --- bundled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOADED)
def test_what_is_said_of_bundled_data_holds(name):
    entry = next(entry for entry in list_datasets() if entry.name == name)
    dataset = load(name)
    assert dataset.X.shape == (entry.rows, entry.columns)
    assert infer_task(dataset.y).kind == dataset.task == entry.task
    assert (entry.kind == "images") == (dataset.image_shape is not None)
    assert dataset.description
    assert dataset.source
    assert dataset.license


def test_digits_are_scikit_learns_in_bytes():
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    dataset = load("digits")
    assert dataset.X.dtype == np.uint8
    assert dataset.image_shape == (8, 8)
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_classes_go_by_name(name):
    found = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    dataset = load(name)
    pd.testing.assert_frame_equal(dataset.X, found.data)
    assert dataset.y.tolist() == [found.target_names[label] for label in found.target]


def test_diabetes_is_in_the_units_it_was_measured_in():
    found = sklearn.datasets.load_diabetes(as_frame=True, scaled=False)
    pd.testing.assert_frame_equal(load("diabetes").X, found.data)
    np.testing.assert_array_equal(load("diabetes").y, found.target)


def test_a_named_table_can_be_asked_another_question():
    dataset = load("iris", target="petal width (cm)")
    assert "species" in dataset.X
    assert dataset.y.name == "petal width (cm)"
    assert dataset.task is None
    with pytest.raises(DataError, match="did you mean 'species'"):
        load("iris", target="specie")
    with pytest.raises(DataError, match="includes its labels"):
        load("digits", target="digit")


def test_housing_comes_from_scikit_learns_cache(tmp_path):
    entry = {entry.name: entry for entry in list_datasets()}["housing"]
    assert entry.where == "download"
    assert not (tmp_path / "sklearn").exists(), "a listing must leave no folder behind"
    (tmp_path / "sklearn").mkdir()
    raw = np.random.default_rng(0).uniform(1, 9, (20, 9))
    joblib.dump(raw, tmp_path / "sklearn" / "cal_housing_py3.pkz")
    assert {entry.name: entry for entry in list_datasets()}["housing"].where == "cached"
    dataset = load("housing")
    np.testing.assert_allclose(dataset.y, raw[:, 0] / 100_000)
    assert dataset.X.shape == (20, entry.columns)
    assert dataset.task == "regression"


def test_housing_without_a_network_says_what_to_do(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_california_housing", no_network)
    with pytest.raises(DataError, match=r"no route to host.*run sklearn.datasets.fetch_"):
        load("housing")


# --- downloads, from a server on loopback ------------------------------------------------------


@pytest.fixture
def small_mnist(tmp_path, write_mnist):
    """MNIST's entry with the checksums of four small files, and their folder."""
    folder = tmp_path / "served"
    write_mnist(folder)
    files = {file: md5(folder / file) for file in NAMED["mnist"].files}
    return replace(NAMED["mnist"], files=files), folder


def test_a_download_is_cached_and_read_from_there_when_the_server_is_gone(small_mnist, serve):
    named, folder = small_mnist
    server = serve(folder)
    named = replace(named, mirrors=(server.url,))
    assert named.where() == "download"
    first = named.load()
    assert sorted(server.asked) == sorted("/" + file for file in named.files)
    server.stop()
    assert named.where() == "cached"
    again = named.load()
    np.testing.assert_array_equal(first.X, load(folder).X)
    np.testing.assert_array_equal(again.X, first.X)
    np.testing.assert_array_equal(again.y_test, first.y_test)
    assert again.name == "mnist"
    assert again.class_names == tuple("0123456789")


def test_a_damaged_file_of_the_cache_is_downloaded_again(small_mnist, serve):
    named, folder = small_mnist
    server = serve(folder)
    named = replace(named, mirrors=(server.url,))
    named.load()
    broken = cache_folder() / "mnist" / "t10k-labels-idx1-ubyte.gz"
    broken.write_bytes(b"broken")
    server.asked.clear()
    named.load()
    assert server.asked == ["/t10k-labels-idx1-ubyte.gz"]
    assert md5(broken) == named.files[broken.name]


def test_a_wrong_checksum_leaves_nothing_behind(small_mnist, serve):
    named, folder = small_mnist
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"something else")
    named = replace(named, mirrors=(serve(folder).url,))
    with pytest.raises(DataError, match="hash of downloaded file"):
        named.load()
    kept = [path.name for path in (cache_folder() / "mnist").iterdir()]
    assert kept == ["train-images-idx3-ubyte.gz"]


def test_what_the_server_does_not_have_is_named(small_mnist, serve):
    named, folder = small_mnist
    (folder / "train-images-idx3-ubyte.gz").unlink()
    named = replace(named, mirrors=(serve(folder).url,))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: 404"):
        named.load()


def test_without_a_server_the_error_says_how_to_do_without(small_mnist, serve):
    named, folder = small_mnist
    server = serve(folder)
    server.stop()
    with pytest.raises(DataError, match=r"[Cc]onnection refused") as caught:
        replace(named, mirrors=(server.url,)).load()
    for help_wanted in (
        "--data-dir",
        "WELLFIT_DATA",
        "DIR/mnist with train-images-idx3",
        server.url,
    ):
        assert help_wanted in str(caught.value)


def test_the_next_mirror_helps_where_one_fails(small_mnist, serve, tmp_path):
    named, folder = small_mnist
    (tmp_path / "empty").mkdir()
    mirrors = (serve(tmp_path / "empty").url, serve(folder).url)
    assert len(replace(named, mirrors=mirrors).load().X) == 30


def test_a_cache_that_cannot_be_written_is_told(small_mnist, serve, monkeypatch, tmp_path):
    named, folder = small_mnist
    (tmp_path / "occupied").write_text("a file, where the cache should be")
    monkeypatch.setenv("WELLFIT_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(DataError, match="occupied"):
        replace(named, mirrors=(serve(folder).url,)).load()


def test_a_terminal_sees_a_progress_bar(small_mnist, serve, monkeypatch, capsys, tmp_path):
    named, folder = small_mnist
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = "train-images-idx3-ubyte.gz"
    fetch(file, named.files[file], [serve(folder).url], tmp_path / "kept")
    size = (folder / file).stat().st_size
    out, err = capsys.readouterr()
    assert f"{size}/{size} bytes" in err
    assert out == ""


def test_notmnist_is_downloaded_as_an_archive(serve, tmp_path, write_letters):
    (tmp_path / "served").mkdir()
    files = {f"small/{letter}/1.png": np.eye(3, dtype=np.uint8) for letter in "ABCDEFGHIJ"}
    archive = write_letters(tmp_path / "served" / ARCHIVE, files)
    named = replace(
        NAMED["notmnist"], files={ARCHIVE: md5(archive)}, mirrors=(serve(archive.parent).url,)
    )
    dataset = named.load()
    assert dataset.y.tolist() == list(range(10))
    assert dataset.class_names == tuple("ABCDEFGHIJ")
    assert named.where() == "cached"


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("WELLFIT_CACHE")
    assert "wellfit" in cache_folder().parts


@pytest.mark.parametrize("named", IMAGES, ids=lambda named: named.name)
def test_every_image_set_can_be_downloaded(named):
    assert named.mirrors
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in named.mirrors)
    assert all(len(bytes.fromhex(checksum)) == 16 for checksum in named.files.values())
    assert len(named.class_names) == 10


def test_the_checksums_of_mnist_are_those_of_the_real_files(data_dir: Path):
    for file, checksum in NAMED["mnist"].files.items():
        assert md5(data_dir / "mnist" / file) == checksum


# --- a folder of the user's --------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["mnist", "MNIST/raw", "."])
def test_a_data_folder_is_searched_before_the_network(inner, tmp_path, write_mnist, monkeypatch):
    arrays = write_mnist(tmp_path / "data" / inner)
    by_argument = load("mnist", data_dir=tmp_path / "data")
    np.testing.assert_array_equal(by_argument.y, arrays["train-y"])
    assert by_argument.name == "mnist"
    monkeypatch.setenv("WELLFIT_DATA", str(tmp_path / "data"))
    np.testing.assert_array_equal(load("MNIST").X, by_argument.X)
    assert {entry.name: entry.where for entry in list_datasets()}["mnist"] == "local"


def test_the_argument_comes_before_the_variable(tmp_path, write_mnist, monkeypatch):
    write_mnist(tmp_path / "a" / "mnist", seed=1)
    second = write_mnist(tmp_path / "b" / "mnist", seed=2)
    monkeypatch.setenv("WELLFIT_DATA", str(tmp_path / "a"))
    dataset = load("mnist", data_dir=tmp_path / "b")
    np.testing.assert_array_equal(dataset.X, second["train"].reshape(30, 12))


def test_a_data_folder_without_the_data_is_an_error_not_a_download(tmp_path):
    with pytest.raises(DataError, match=r"has no mnist; expected .*train-images-idx3-ubyte.gz"):
        load("mnist", data_dir=tmp_path)
    with pytest.raises(DataError, match="nowhere doesn't exist"):
        load("mnist", data_dir=tmp_path / "nowhere")


def test_files_of_one_set_are_not_taken_for_another(tmp_path, data_dir: Path):
    for path in (data_dir / "mnist").glob("t10k-*"):
        shutil.copy(path, tmp_path)
    assert len(load("mnist", data_dir=tmp_path).X) == 10_000
    with pytest.raises(DataError, match="has no fashion_mnist"):
        load("Fashion-MNIST", data_dir=tmp_path)


def test_an_archive_of_letters_is_not_taken_for_digits(tmp_path, write_letters):
    write_letters(tmp_path / ARCHIVE, {"small/A/1.png": np.eye(3, dtype=np.uint8)})
    assert load("notMNIST", data_dir=tmp_path).image_shape == (3, 3)
    with pytest.raises(DataError, match="has no mnist"):
        load("mnist", data_dir=tmp_path)


def test_the_letters_of_the_data_folder(data_dir: Path):
    dataset = load("notmnist", data_dir=data_dir)
    assert dataset.X.shape == (10_000, 784)
    assert dataset.X_test is None
    assert set(dataset.y) == set(range(10))
    assert dataset.class_names == tuple("ABCDEFGHIJ")
