from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import load, read_features

X = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
Y = np.array([0, 1, 0, 1], np.uint8)


def test_an_npz_of_rows_and_labels(tmp_path):
    rows = np.arange(8.0).reshape(4, 2)
    np.savez(tmp_path / "a.npz", X=rows, y=np.array(["a", "b", "a", "b"]))
    dataset = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(dataset.X, rows)
    assert dataset.y.tolist() == ["a", "b", "a", "b"]
    assert dataset.image_shape is None
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), rows)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_of_images_as_keras_has_them(save, tmp_path):
    save(tmp_path / "m.npz", x_train=X, y_train=Y, x_test=X[:2] + 1, y_test=Y[:2])
    dataset = load(tmp_path / "m.npz")
    assert dataset.image_shape == (3, 2)
    assert dataset.X.dtype == np.uint8
    np.testing.assert_array_equal(dataset.X, X.reshape(4, 6))
    np.testing.assert_array_equal(dataset.X_test, X[:2].reshape(2, 6) + 1)
    assert dataset.y.dtype == np.int64
    assert dataset.y_test.tolist() == [0, 1]
    assert dataset.X_val is None


def test_a_validation_part_is_kept(tmp_path):
    np.savez(tmp_path / "a.npz", X_train=X, y_train=Y[:, None], X_valid=X[:1], y_valid=Y[:1])
    dataset = load(tmp_path / "a.npz")
    assert dataset.y.shape == (4,)
    assert dataset.X_val.shape == (1, 6)


def test_labels_in_bytes_are_text(tmp_path):
    np.savez(tmp_path / "a.npz", X=X, y=np.array(["ä".encode(), b"b", b"b", b"b"]))
    assert load(tmp_path / "a.npz").y.tolist() == ["ä", "b", "b", "b"]


def test_other_arrays_are_named_in_the_error(tmp_path):
    np.savez(tmp_path / "a.npz", weights=X, bias=Y)
    with pytest.raises(DataError, match="the arrays bias, weights; expected X and y"):
        load(tmp_path / "a.npz")
    with pytest.raises(DataError, match="the arrays bias, weights; expected X"):
        read_features(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"X": X, "y": Y[:3]}, "4 rows in X, 3 in y"),
        ({"X": X[:0], "y": Y[:0]}, "X of a is 0 x 6"),
        ({"X": Y, "y": Y}, "expected rows of values"),
        ({"X": X.astype(str), "y": Y}, "rows of type <U3; expected numbers"),
        ({"X": X, "y": np.array(1)}, "a single label; expected one for each row"),
        ({"X": X, "y": Y.astype("M8[D]")}, "labels of type datetime64"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y},
            "4 columns in X_test, 6 in X",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, complaint, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=complaint):
        load(tmp_path / "a.npz")


def test_a_pickle_inside_an_npz_is_never_run(tmp_path):
    witness = tmp_path / "ran"
    objects = np.array([Touch(witness)] * 4, dtype=object)
    np.savez(tmp_path / "a.npz", X=objects, y=Y)
    for allowed in (False, True):
        with pytest.raises(DataError, match="cannot be read"):
            load(tmp_path / "a.npz", allow_pickle=allowed)
    assert not witness.exists()


def test_a_truncated_npz_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    data = (tmp_path / "a.npz").read_bytes()
    for size in (3, 60, len(data) // 2, len(data) - 10):
        (tmp_path / "a.npz").write_bytes(data[:size])
        with pytest.raises(DataError, match=r"a\.npz"):
            load(tmp_path / "a.npz")


def test_an_npz_of_absurd_size_is_refused(tmp_path):
    header = io.BytesIO()
    absurd = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 784)}
    np.lib.format.write_array_header_1_0(header, absurd)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(100))
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "a.npz")


def test_a_lone_array_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(DataError, match="a single array; expected X and y"):
        load(tmp_path / "a.npz")


# --- pickled dictionaries ----------------------------------------------------------------------


class Touch:
    """What a hostile pickle does: it runs a function when it is read."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.fixture
def course():
    """The notMNIST dictionary, small: pixels scaled to [-0.5, 0.5]."""
    pixels = ((X - 127.5) / 255).astype(np.float32)
    return {
        "train_dataset": pixels,
        "train_labels": Y.astype(np.int32),
        "valid_dataset": pixels[:2],
        "valid_labels": Y[:2],
        "test_dataset": pixels[2:],
        "test_labels": Y[2:],
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_dictionary_of_the_course(protocol, course, tmp_path):
    path = tmp_path / "notMNIST.pickle"
    path.write_bytes(pickle.dumps(course, protocol))
    dataset = load(path, allow_pickle=True)
    assert dataset.image_shape == (3, 2)
    assert dataset.X.dtype == np.float32
    np.testing.assert_array_equal(dataset.X, course["train_dataset"].reshape(4, 6))
    np.testing.assert_array_equal(dataset.X_val, course["valid_dataset"].reshape(2, 6))
    np.testing.assert_array_equal(dataset.X_test, course["test_dataset"].reshape(2, 6))
    assert dataset.y_test.tolist() == Y[2:].tolist()


def test_a_dictionary_from_python_2_and_numpy_1(tmp_path):
    # cPickle.dumps({'X': numpy.array([[1., 2.]], 'f4'), 'y': numpy.array([7], 'i4')}, 2)
    build = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    minus_one = b"J\xff\xff\xff\xff"
    kind = b"cnumpy\ndtype\n(U\x02%bK\x00K\x01tR(K\x03U\x01<NNN" + 2 * minus_one + b"K\x00tb"
    values = np.array([1, 2], "<f4").tobytes()
    X_part = build + b"(K\x01(K\x01K\x02t" + kind % b"f4" + b"\x89U\x08" + values + b"tb"
    y_part = build + b"(K\x01(K\x01t" + kind % b"i4" + b"\x89U\x04\x07\0\0\0tb"
    path = tmp_path / "old.pkl"
    path.write_bytes(b"\x80\x02}(U\x01X" + X_part + b"U\x01y" + y_part + b"u.")
    dataset = load(path, allow_pickle=True)
    assert dataset.X.tolist() == [[1.0, 2.0]]
    assert dataset.y.tolist() == [7]


def test_a_packed_pickle_is_read_too(course, tmp_path):
    path = tmp_path / "notMNIST.pickle.gz"
    path.write_bytes(gzip.compress(pickle.dumps(course)))
    assert load(path, allow_pickle=True).X.shape == (4, 6)


PIXELS = np.linspace(0, 1, 5 * 784, dtype=np.float32).reshape(5, 784)
THREE = (
    (PIXELS[:3], np.array([5, 0, 4])),
    (PIXELS[3:4], np.array([1])),
    (PIXELS[4:], np.array([9])),
)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [tuple, list])
def test_three_pairs_are_training_validation_and_test(protocol, kind, tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(kind(map(kind, THREE)), protocol)))
    with pytest.raises(DataError, match="--allow-pickle"):
        load(path)
    data = load(path, allow_pickle=True)
    for part, (rows, labels) in zip(("", "_val", "_test"), THREE, strict=True):
        np.testing.assert_array_equal(getattr(data, f"X{part}"), rows)
        assert getattr(data, f"y{part}").tolist() == labels.tolist()
    assert (data.name, data.image_shape) == ("mnist", (28, 28))


def test_three_pairs_from_python_2_and_numpy_1(tmp_path):
    # The same bytes as cPickle of Python 2 writes, with the old home of numpy's functions.
    data = pickle.dumps(THREE, 2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in data
    (tmp_path / "mnist.pkl").write_bytes(data)
    assert load(tmp_path / "mnist.pkl", allow_pickle=True).y.tolist() == [5, 0, 4]


def test_damaged_pairs_are_refused(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    whole = gzip.compress(pickle.dumps(THREE, 2))
    for size in range(1, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"mnist\.pkl\.gz"):
            load(path, allow_pickle=True)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (THREE[:2], "a tuple of 2 items; expected a dict.*three pairs"),
        ((*THREE, THREE[0]), "a tuple of 4 items"),
        ([], "a list of 0 items; expected"),
        ((THREE[0], THREE[1], PIXELS), "a tuple of 3 items"),
        ((THREE[0], THREE[1], (PIXELS.tolist(), [1] * 5)), "a tuple of 3 items"),
        (((PIXELS, np.arange(4)), *THREE[1:]), "5 rows in X, 4 in y"),
        ((THREE[0], (PIXELS[:1, :9], np.arange(1)), THREE[2]), "9 columns in X_val, 784 in X"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(found, complaint, tmp_path):
    path = tmp_path / "mnist.pkl"
    path.write_bytes(pickle.dumps(found))
    with pytest.raises(DataError, match=complaint):
        load(path, allow_pickle=True)


@pytest.mark.parametrize("lost", ["valid_labels", "test_dataset"])
def test_half_of_a_part_is_refused(course, lost, tmp_path):
    del course[lost]
    path = tmp_path / "notMNIST.pickle"
    path.write_bytes(pickle.dumps(course))
    with pytest.raises(DataError, match=f"without {lost}; expected both, or neither"):
        load(path, allow_pickle=True)


def test_a_pickle_needs_permission(course, tmp_path):
    path = tmp_path / "notMNIST.pickle"
    path.write_bytes(pickle.dumps(course))
    with pytest.raises(DataError, match="--allow-pickle"):
        load(path)


def test_a_hostile_pickle_runs_nothing_even_with_permission(tmp_path):
    witness = tmp_path / "ran"
    path = tmp_path / "a.pickle"
    path.write_bytes(pickle.dumps({"X": Touch(witness)}))
    with pytest.raises(DataError, match=r"contains \w+\.mkdir; expected only numpy arrays"):
        load(path, allow_pickle=True)
    assert not witness.exists()
    pickle.loads(path.read_bytes())  # the weapon is loaded: an ordinary reader fires it
    assert witness.exists()


@pytest.mark.parametrize("found", [[1, 2], {"X": [1, 2]}, {"X": np.arange(3)}])
def test_a_pickle_of_something_else_is_refused(found, tmp_path):
    path = tmp_path / "a.pickle"
    path.write_bytes(pickle.dumps(found))
    with pytest.raises(DataError, match=r"(expected|arrays,) X and y"):
        load(path, allow_pickle=True)


def test_a_truncated_pickle_is_refused(course, tmp_path):
    path = tmp_path / "a.pickle"
    data = pickle.dumps(course)
    for size in range(1, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match=r"a\.pickle"):
            load(path, allow_pickle=True)
