from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wellfit.core.errors import DataError
from wellfit.datasets import load, read_features
from wellfit.datasets.idx import read_idx

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
)
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED_FOLDER
@given(array=ARRAYS, packed=st.booleans())
def test_reading_gives_back_what_was_written(array, packed, tmp_path, write_idx):
    path = write_idx(tmp_path / ("a.idx.gz" if packed else "a.idx"), array)
    read = read_idx(path)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


@SHARED_FOLDER
@given(data=st.data(), packed=st.booleans())
def test_every_cut_is_noticed(data, packed, tmp_path, write_idx):
    path = write_idx(tmp_path / ("a.idx.gz" if packed else "a.idx"), np.arange(24, dtype="u1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DataError, match=r"a\.idx"):
        read_idx(path)


def test_bytes_to_spare_are_noticed(tmp_path, write_idx):
    path = write_idx(tmp_path / "a.idx", np.arange(4, dtype="u1"))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match="more bytes than its header states, 4"):
        read_idx(path)


@pytest.mark.parametrize(
    "head", [b"\x89PNG", b"\0\0\x07\x01", b"\0\0\x08\x00", b"\0\0\x08\xff", b"\0\1\x08\x01", b"\0"]
)
def test_a_wrong_magic_number_is_named(head, tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(head + bytes(8))
    if len(head) < 4:
        path.write_bytes(head)
    with pytest.raises(DataError, match=f"begins with '{head.hex(' ')}'"):
        read_idx(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", [(2**32 - 1, 2**32 - 1, 2**32 - 1), (2**31, 1, 1)])
def test_a_header_of_absurd_sizes_takes_no_memory(sizes, packed, tmp_path):
    data = b"\0\0\x08\x03" + struct.pack(">3I", *sizes) + bytes(100)
    path = tmp_path / "a.idx"
    path.write_bytes(gzip.compress(data) if packed else data)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="truncated or damaged"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_folder_of_four_files_is_read_with_its_test_part(ending, tmp_path, write_mnist):
    arrays = write_mnist(tmp_path / "Zahlen-ß", ending=ending)
    dataset = load(tmp_path / "Zahlen-ß")
    assert dataset.name == "Zahlen-ß"
    assert dataset.image_shape == (4, 3)
    assert dataset.X.dtype == dataset.X_test.dtype == np.uint8
    assert dataset.y.dtype == np.int64
    np.testing.assert_array_equal(dataset.X, arrays["train"].reshape(30, 12))
    np.testing.assert_array_equal(dataset.y, arrays["train-y"])
    np.testing.assert_array_equal(dataset.X_test, arrays["t10k"].reshape(20, 12))
    np.testing.assert_array_equal(dataset.y_test, arrays["t10k-y"])


def test_names_with_a_dot_are_known_too(tmp_path, write_idx):
    write_idx(tmp_path / "train-images.idx3-ubyte", np.zeros((3, 2, 2), "u1"))
    write_idx(tmp_path / "train-labels.idx1-ubyte", np.zeros(3, "u1"))
    assert load(tmp_path).X.shape == (3, 4)


def test_a_folder_with_t10k_files_only_has_no_test_part(tmp_path, write_mnist):
    arrays = write_mnist(tmp_path)
    for path in tmp_path.glob("train-*"):
        path.unlink()
    dataset = load(tmp_path)
    np.testing.assert_array_equal(dataset.y, arrays["t10k-y"])
    assert dataset.X_test is None


def test_a_missing_file_of_the_four_is_named(tmp_path, write_mnist):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no t10k-labels-idx"):
        load(tmp_path)


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="holds no idx files"):
        load(tmp_path)


def test_images_and_labels_of_different_number_are_refused(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((3, 2, 2), "u1"))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, "u1"))
    with pytest.raises(DataError, match=r"3 images, but .* 4 labels"):
        load(tmp_path)


def test_parts_of_different_image_sizes_are_refused(tmp_path, write_mnist, write_idx):
    write_mnist(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((20, 3, 4), "u1"))
    with pytest.raises(
        DataError, match=r"training images of \(4, 3\) and test images of \(3, 4\)"
    ):
        load(tmp_path)


def test_swapped_files_are_refused(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros(3, "u1"))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros((3, 2, 2), "u1"))
    with pytest.raises(DataError, match="expected one label for each image"):
        load(tmp_path)


@pytest.mark.parametrize("labels", ["my-labels-idx1-ubyte", "my-labels-idx1-ubyte.gz"])
def test_one_file_finds_its_labels_beside_it(labels, tmp_path, write_idx):
    pixels = np.arange(12, dtype="u1").reshape(3, 2, 2)
    path = write_idx(tmp_path / "my-images-idx3-ubyte.gz", pixels)
    with pytest.raises(DataError, match=r"has no file of labels; expected .*my-labels-idx1-ubyte"):
        load(path)
    write_idx(tmp_path / labels, np.array([2, 1, 0], "u1"))
    dataset = load(path)
    assert dataset.y.tolist() == [2, 1, 0]
    assert dataset.image_shape == (2, 2)
    np.testing.assert_array_equal(dataset.X, read_features(path))


def test_a_file_of_labels_is_not_taken_for_images(tmp_path, write_idx):
    path = write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(3, "u1"))
    with pytest.raises(DataError, match=r"expected e.g. train-images-idx3-ubyte"):
        load(path)
    with pytest.raises(DataError, match="expected rows of values"):
        read_features(path)


def test_images_carry_their_labels_so_a_target_is_refused(tmp_path, write_mnist):
    write_mnist(tmp_path)
    with pytest.raises(DataError, match=r"includes its labels.*'digit'"):
        load(tmp_path, target="digit")


def test_the_four_files_of_mnist_are_read_right(data_dir: Path):
    dataset = load(data_dir / "mnist")
    assert dataset.X.shape == (60_000, 784)
    assert dataset.X_test.shape == (10_000, 784)
    assert dataset.X.sum(dtype=np.int64) == 1_567_298_545
    assert np.bincount(dataset.y).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert dataset.y_test[:5].tolist() == [7, 2, 1, 0, 4]
