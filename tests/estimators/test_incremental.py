"""Batches that are unlike the first are told, and preprocessing can be fitted beforehand."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.optim import Adam
from wellfit.transfer import MLPAutoencoder, Pretrained

rng = np.random.default_rng(0)
usual = pd.DataFrame(
    {
        "a": rng.normal(size=60),
        "b": rng.normal(size=60),
        "town": np.resize(["Bern", "Ulm", "Oslo"], 60),
        "flag": np.resize([True, False, True], 60),
        "when": pd.Timestamp(2024, 1, 1) + pd.to_timedelta(rng.integers(0, 90, 60), "D"),
    }
)
y = np.resize(["no", "yes"], 60)


def quick(**params: Any) -> MLPClassifier:
    return MLPClassifier((4,), **{"random_state": 0, **params})


def told(model: Any, X: Any, target: Any = y) -> list[str]:
    """What a further batch is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.partial_fit(X, target)
    assert all(each.category is UserWarning for each in caught)
    assert all(each.filename == __file__ for each in caught)  # the caller's line is shown
    return [str(each.message) for each in caught]


FIRST_BATCHES = {
    "constant": (usual.assign(a=7.0, flag=True), "single one .* count as 0: 'a', 'flag'"),
    "larger scale": (usual.assign(a=usual.a * 1e4), "another scale .* nearly equal: 'a'"),
    "smaller scale": (usual.assign(b=usual.b / 1e3), "another scale .* nearly equal: 'b'"),
    "shifted": (usual.assign(b=usual.b + 1e3), "another scale .* nearly equal: 'b'"),
    "other times": (
        usual.assign(when=usual.when.dt.normalize() - pd.Timedelta(days=4000)),
        "'when'",
    ),
    "new categories": (usual.assign(town=np.resize(["Bern", "Ulm"], 60)), "categories .*: 'town'"),
    "all new": (usual.assign(town="Rome"), "categories .*: 'town'"),
    "empty": (usual.assign(a=np.nan, town=None), "had none .* left out: 'a', 'town'"),
}


@pytest.mark.parametrize(("first", "message"), FIRST_BATCHES.values(), ids=FIRST_BATCHES)
def test_a_first_batch_unlike_the_rest_is_told_once_naming_columns(first, message):
    clf = quick().partial_fit(first, y)
    (found,) = told(clf, usual)
    assert pd.Series([found]).str.contains(message).item()
    assert "fit_preprocessing(X)" in found
    assert told(clf, usual) == []


def test_a_first_batch_of_one_row_is_told_of_all_its_columns():
    clf = quick().partial_fit(usual[:1], y[:1], classes=["no", "yes"])
    found = told(clf, usual)
    assert len(found) == 2
    assert "'a', 'b', 'flag', 'when'" in found[0] or "'a', 'b', 'when', 'flag'" in found[0]
    assert "'town'" in found[1]


def test_batches_that_are_alike_are_not_told_of():
    clf = quick()
    for _ in range(8):
        batch = usual.sample(40, random_state=int(rng.integers(99)))
        batch = batch.assign(a=rng.standard_t(3, 40), b=rng.lognormal(size=40))
        assert told(clf, batch, y[:40]) == []
    assert told(clf, usual[:1], y[:1]) == []  # one row, however far out, has no scale
    images = rng.integers(0, 256, size=(60, 64)).astype(np.uint8)
    clf = quick(image_shape=(8, 8)).partial_fit(images, y)
    assert told(clf, images[::-1]) == []
    raw = quick(preprocess=None).partial_fit(images / 255, y)
    assert told(raw, images) == []


def test_rare_levels_are_no_new_ones_and_new_ones_are_told_beside_them():
    names = pd.DataFrame({"name": [f"Mr. {number}" for number in range(60)], "a": usual.a})
    clf = quick().partial_fit(names, y)
    assert told(clf, names.assign(name=[f"Mrs. {number}" for number in range(60)])) == []
    some = pd.DataFrame({"town": [*["Bern"] * 30, *["Ulm"] * 27, "Oslo", "Rome", "Lund"]})
    clf = quick().partial_fit(some, y)
    assert told(clf, some[::-1]) == []
    assert told(clf, pd.DataFrame({"town": np.resize(["Bern", "Ulm", "Ulm", "Paris"], 60)}))


def test_arrays_pixels_and_sparse_rows_are_told_of_too():
    X = usual[["a", "b"]].to_numpy()
    (found,) = told(quick().partial_fit(X, y), X * [1, 100])
    assert found.startswith("these rows hold numbers or dates on another scale")
    assert "'x1'" in found
    rows = sparse.csr_array(X * (X > 0))
    (found,) = told(quick().partial_fit(rows, y), rows * 1000)
    assert "'x0', 'x1'" in found
    dark = rng.integers(0, 100, size=(60, 64)).astype(np.uint8)
    (found,) = told(quick(image_shape=(8, 8)).partial_fit(dark, y), dark * 2)
    assert "another scale" in found


def test_targets_on_another_scale_are_told_of():
    X, numbers = usual[["a", "b"]], usual.a.to_numpy()
    reg = MLPRegressor((4,), random_state=0).partial_fit(X, numbers)
    assert told(reg, X, numbers) == []
    (found,) = told(reg, X, 1000 + numbers)
    assert "targets on another scale" in found
    assert "fit_preprocessing(X, y)" in found


def test_going_on_by_warm_start_is_told_of_as_well():
    clf = quick(epochs=1, warm_start=True).fit(usual, y)
    with pytest.warns(UserWarning, match="another scale .* nearly equal: 'a'"):
        clf.fit(usual.assign(a=usual.a * 1e4), y)


def test_messages_name_a_few_columns():
    X = rng.normal(size=(60, 9))
    (found,) = told(quick().partial_fit(0 * X, y), X)
    assert "'x0', 'x1', 'x2', 'x3', 'x4' and 4 more" in found


# fit_preprocessing


def test_preprocessing_fitted_beforehand_is_that_of_all_batches():
    clf = quick().fit_preprocessing(usual)
    assert not hasattr(clf, "network_")
    expected = clf.preprocessing_.features.to_document()[0]
    clf.partial_fit(usual[:1], y[:1], classes=["no", "yes"])
    assert clf.partial_fit(usual[1:], y[1:]).network_.features.to_document()[0] == expected
    assert clf.predict(usual).shape == (60,)
    # The same as a first batch of all rows, but for the training on it.
    together = quick().partial_fit(usual, y)
    assert together.network_.features.to_document()[0] == expected


def test_a_batch_unlike_the_fitted_rows_is_told_of_from_the_first_on():
    clf = quick().fit_preprocessing(usual)
    (found,) = told(clf, usual.assign(a=usual.a * 1e4))
    assert "'a'" in found


@pytest.mark.filterwarnings("ignore:these rows hold")
def test_it_trains_well_where_the_first_batch_would_have_spoiled_all_others():
    X = rng.uniform(0, 1000, size=(400, 1))
    label = (X[:, 0] // 300) % 2
    X[:8] /= 1000  # unlike the rest, and of the same labels throughout
    label[:8] = 0
    scores = []
    for beforehand in (False, True):
        clf = MLPClassifier((32,), random_state=0, optimizer=Adam(0.02), batch_size=32)
        if beforehand:
            clf.fit_preprocessing(X[::4])
        clf.partial_fit(X[:8], label[:8], classes=[0, 1])
        for _ in range(15):
            clf.partial_fit(X, label)
        scores.append(clf.score(X, label))
    assert scores[0] < 0.75
    assert scores[1] > 0.85


def test_a_scale_of_targets_fitted_beforehand_is_kept():
    X, numbers = usual[["a", "b"]], 50 + 9 * usual.a.to_numpy()
    reg = MLPRegressor((4,), random_state=0).fit_preprocessing(X, numbers)
    reg.partial_fit(X[:1], numbers[:1])  # one target is no scale, and none is asked for
    assert reg.network_.targets.scaler.mean_ == pytest.approx(numbers.mean())
    fresh = MLPRegressor((4,), random_state=0).fit_preprocessing(X).partial_fit(X[:9], numbers[:9])
    assert fresh.network_.targets.scaler.mean_ == pytest.approx(numbers[:9].mean())
    assert reg.fit(X, numbers - 50).network_.targets.scaler.mean_ == pytest.approx(
        numbers.mean() - 50, abs=2
    )


def test_fit_learns_anew_and_clones_and_pickles_are_as_usual():
    clf = quick(epochs=1).fit_preprocessing(usual.assign(a=1.0))
    assert not hasattr(clone(clf), "preprocessing_")
    assert pickle.loads(pickle.dumps(clf)).partial_fit(usual.assign(a=1.0), y).n_features_in_ == 5
    assert clf.fit(usual, y).network_.features.table.numbers_.varies.all()
    MLPAutoencoder((3,), epochs=1).fit_preprocessing(usual).partial_fit(usual)


def test_what_cannot_be_meant_is_refused():
    clf = quick(epochs=1).fit(usual, y)
    before = clf.predict_proba(usual)
    with pytest.raises(InputError, match=r"this MLPClassifier is trained.*clone"):
        clf.fit_preprocessing(usual)
    np.testing.assert_array_equal(clf.predict_proba(usual), before)
    with pytest.raises(InputError, match="the model in pretrained"):
        quick(pretrained=Pretrained(clf)).fit_preprocessing(usual)
    with pytest.raises(DataError, match="X has 60 rows and y has 59"):
        quick().fit_preprocessing(usual, y[:59])
    fitted = quick().fit_preprocessing(usual)
    with pytest.raises(DataError, match="now missing:\n- town"):
        fitted.partial_fit(usual.drop(columns="town"), y)
    fitted.set_params(preprocess=None)
    with pytest.raises(HyperparameterError, match="preprocess is None, and was 'auto'"):
        fitted.partial_fit(usual[["a"]], y)
