from __future__ import annotations

import random

import numpy as np
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import load
from wellfit.datasets.notmnist import ARCHIVE


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    names = [f"notMNIST_small/{letter}/{i}=.png" for letter in "ABCDEFGHIJ" for i in range(3)]
    return {name: rng.integers(0, 256, (5, 4), np.uint8) for name in names}


def test_pictures_come_back_in_order_of_letter_and_name(pictures, tmp_path, write_letters):
    shuffled = random.Random(0).sample(sorted(pictures), len(pictures))
    files = {name: pictures[name] for name in shuffled}
    dataset = load(write_letters(tmp_path / ARCHIVE, files))
    assert dataset.image_shape == (5, 4)
    assert dataset.X.dtype == np.uint8
    np.testing.assert_array_equal(dataset.X, [p.ravel() for p in pictures.values()])
    assert dataset.y.tolist() == [i // 3 for i in range(30)]
    assert dataset.class_names == tuple("ABCDEFGHIJ")
    assert dataset.description == ""


def test_files_that_are_no_pictures_are_left_out_and_counted(
    pictures, tmp_path, write_letters, png
):
    files = dict(pictures)
    files["notMNIST_small/A/broken.png"] = b""
    files["notMNIST_small/F/broken.png"] = png(np.zeros((5, 4), np.uint8))[:-20]
    files["notMNIST_small/B/text.png"] = b"hello"
    dataset = load(write_letters(tmp_path / ARCHIVE, files))
    assert len(dataset.X) == 30
    assert dataset.description == "Unreadable files skipped: 3."


def test_a_picture_that_would_unpack_to_a_gigabyte_is_left_out(pictures, tmp_path, write_letters):
    files = dict(pictures)
    files["notMNIST_small/A/bomb.png"] = np.zeros((3000, 3000), np.uint8)
    dataset = load(write_letters(tmp_path / ARCHIVE, files))
    assert dataset.image_shape == (5, 4)
    assert dataset.description == "Unreadable files skipped: 1."


def test_nothing_is_written_beside_the_archive(tmp_path, write_letters):
    files = {"../../escape/A/x.png": np.zeros((5, 4), np.uint8)}
    load(write_letters(tmp_path / ARCHIVE, files))
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_pictures_of_several_sizes_are_refused(pictures, tmp_path, write_letters):
    files = dict(pictures)
    files["notMNIST_small/A/wide.png"] = np.zeros((4, 5), np.uint8)
    with pytest.raises(DataError, match=r"several sizes: \[\(4, 5\), \(5, 4\)\]"):
        load(write_letters(tmp_path / ARCHIVE, files))


def test_an_archive_without_pictures_is_refused(tmp_path, write_letters):
    with pytest.raises(DataError, match="has no images"):
        load(write_letters(tmp_path / ARCHIVE, {"notes.txt": b"hello"}))


def test_a_truncated_archive_is_refused(pictures, tmp_path, write_letters):
    path = write_letters(tmp_path / ARCHIVE, pictures)
    data = path.read_bytes()
    for size in (1, 100, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match=ARCHIVE):
            load(path)
