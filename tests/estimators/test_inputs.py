"""How estimators read their features: kinds from all rows, nothing silent, cells named."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError
from wellfit.estimators import build
from wellfit.estimators.rows import Parts
from wellfit.model_selection import GridSearchCV, MLPEnsembleClassifier, SearchCV

rng = np.random.default_rng(0)
x = rng.normal(size=120).round(2)
y = np.where(x > 0, "yes", "no")


def quick(**params) -> MLPClassifier:
    return MLPClassifier((4,), **{"epochs": 1, "random_state": 0, **params})


def with_stray(values, stray, row: int = 17) -> pd.DataFrame:
    column = pd.Series(list(values), dtype=object)
    column[row] = stray
    return pd.DataFrame({"c": column, "x": x})


few = [datetime.date(2024, 1, 1 + at % 20) for at in range(120)]
STRAYS = {
    "text among numbers": with_stray(x, "unknown"),
    "text among booleans": with_stray([at % 3 == 0 for at in range(120)], "unknown"),
    "text among dates": with_stray(few, "never"),
    "a number among text": with_stray(["a", "b"] * 60, 1),
    "a date among numbers": with_stray(x, few[0]),
}


@pytest.mark.filterwarnings("ignore:column 'c' holds")
@pytest.mark.parametrize("frame", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("held_out", [False, True])
def test_a_kind_is_that_of_all_rows_whichever_are_held_out(frame, held_out, monkeypatch):
    everyone = np.arange(120)
    train = everyone[everyone != 17] if held_out else everyone[10:]
    rest = np.array([17]) if held_out else everyone[:10]
    monkeypatch.setattr(build, "split_rows", lambda *_: Parts(train, rest))
    clf = quick().set_params(validation_folds=None).fit(frame, y)
    assert clf.network_.features.columns[0].kind == "category"
    assert clf.predict(frame).shape == (120,)


@pytest.mark.filterwarnings("ignore:column .* holds numbers")
@pytest.mark.parametrize("search", [GridSearchCV, SearchCV])
@pytest.mark.parametrize("as_array", [False, True])
def test_a_kind_is_the_same_in_each_fold_of_a_search(search, as_array):
    X = STRAYS["text among numbers"]
    X = X.to_numpy() if as_array else X
    found = search(quick(), {"dropout": [0.0, 0.1]}, cv=3).fit(X, y)
    scores = [found.cv_results_[f"split{fold}_test_score"] for fold in range(3)]
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("ignore:column .* holds numbers")
def test_a_kind_is_the_same_in_an_ensemble_and_where_it_selects():
    X = STRAYS["text among numbers"]
    for seed in range(3):
        ensemble = MLPEnsembleClassifier(
            quick(), n_estimators=2, selection="greedy", random_state=seed
        )
        assert len(ensemble.fit(X, y).predict(X)) == 120


def test_mistyped_cells_are_told_in_training():
    with pytest.warns(
        UserWarning, match="'c' holds numbers but for 1 of 120 .* 'unknown' in row 17"
    ):
        quick().fit(STRAYS["text among numbers"], y)


# Columns without a value


@pytest.mark.parametrize("dtype", [object, float, "str", "datetime64[us]", "boolean"])
def test_a_column_that_was_empty_in_training_takes_no_part_and_may_hold_anything(dtype):
    empty = pd.Series([None] * 120, dtype=dtype)
    X = pd.DataFrame({"x": x, "remark": empty})
    clf = quick().fit(X, y)
    expected = clf.predict_proba(X)
    for value in ("call back", 3.5, few[0]):
        np.testing.assert_array_equal(clf.predict_proba(X.assign(remark=value)), expected)
    begun = quick().partial_fit(X, y)
    begun.partial_fit(X[:50].assign(remark=empty[:50]), y[:50])


def test_dates_and_durations_that_are_missing_throughout_are_missing():
    X = pd.DataFrame({"when": pd.to_datetime(few), "took": pd.to_timedelta(x + 9, unit="s")})
    X.loc[3] = None
    clf = quick().fit(X, y)
    expected = clf.predict_proba(X.iloc[[3]])
    for dtype in (float, object, "str"):
        later = pd.DataFrame({name: pd.Series([None], dtype=dtype) for name in X})
        np.testing.assert_array_equal(clf.predict_proba(later), expected)


def test_far_dates_are_read_in_training_and_afterwards():
    far = pd.DataFrame({"until": [datetime.date(9999, 12, 31), few[0], None] * 40})
    assert len(quick().fit(far, y).predict(far)) == 120
    usual = quick().fit(pd.DataFrame({"until": pd.to_datetime(few)}), y)
    assert len(usual.predict(far)) == 120


# Cells that can't be used


HUGE = [(1e39, "1e\\+39"), (np.inf, "inf"), (-1e300, "-1e\\+300")]


@pytest.mark.parametrize(("value", "shown"), HUGE)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, sparse.csr_array])
@pytest.mark.parametrize("preprocess", [None, "auto"])
@pytest.mark.filterwarnings("ignore:X (does not have|has feature names)")
def test_numbers_beyond_float32_are_refused_by_row_and_column(value, shown, container, preprocess):
    X = rng.normal(size=(120, 3))
    bad = X.copy()
    bad[7, 2] = value
    good, bad = container(X), container(bad)
    clf = quick(preprocess=preprocess).fit(good, y)
    match = rf"column '?(x2|2)'? holds {shown} in row 7"
    for call in (
        lambda: quick(preprocess=preprocess).fit(bad, y),
        lambda: quick(preprocess=preprocess).fit(good, y, X_val=bad, y_val=y),
        lambda: quick(preprocess=preprocess).partial_fit(bad, y),
        lambda: clf.partial_fit(bad, y),
        lambda: clf.predict(bad),
        lambda: MLPRegressor((4,), preprocess=preprocess).fit(bad, x),
    ):
        with pytest.raises(DataError, match=match):
            call()


def test_float64_takes_what_float32_cannot_hold():
    X = np.where(x > 0, 1e35, -1e35)[:, None]
    reg = MLPRegressor((), preprocess=None, precision="float64", epochs=1)
    assert reg.prepare(X, x).rows.x.max() == 1e35


@pytest.mark.parametrize(("value", "shown"), [("abc", "'abc'"), (10**400, "10+")])
@pytest.mark.parametrize("container", [pd.DataFrame, np.asarray, list])
def test_cells_that_are_no_numbers_are_named_where_none_are_encoded(value, shown, container):
    X = [[1.0, None], [2.0, 5.0], [3.0, value]]
    X = pd.DataFrame(X, dtype=object) if container is pd.DataFrame else X
    X = np.array(X, dtype=object) if container is np.asarray else X
    with pytest.raises(DataError, match=rf"column 1 holds {shown}.* in row 2; expected a number"):
        quick(preprocess=None).fit(X, [0, 1, 0])


def test_missing_values_are_named_where_none_can_be():
    X = pd.DataFrame({"a": x, "b": x})
    X.loc[5, "b"] = np.nan
    with pytest.raises(DataError, match="Input X contains NaN: column 'b' in row 5"):
        quick(preprocess=None).fit(X, y)


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("sparsely", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_and_sparse_rows_have_no_missing_values(sparsely, value):
    pixels = rng.integers(0, 256, size=(120, 64)).astype(np.uint8)
    clf = quick(image_shape=(8, 8)).fit(sparse.csr_array(pixels) if sparsely else pixels, y)
    later = pixels[:3].astype(float)
    expected = clf.predict_proba(pixels[:3])
    np.testing.assert_allclose(clf.predict_proba(later), expected, rtol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(pd.DataFrame(later)), expected, rtol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(sparse.csr_array(later)), expected, rtol=1e-5)
    later[2, 5] = value
    for X in (later, pd.DataFrame(later), sparse.csr_array(later)):
        with pytest.raises(DataError, match=r"column '?(x5|5)'? (holds inf )?in row 2"):
            clf.predict(X)
    with pytest.raises(DataError, match="column '5' held numbers"):
        clf.predict(pd.DataFrame(later).astype({5: object}).replace({5: {value: "a"}}))


# Single columns

UNLIKE_A_TABLE = r"Expected (2D array|a 2-dimensional container)"


def test_a_single_column_is_refused_as_without_preprocessing():
    frame = pd.DataFrame({"x": x, "t": y})
    clf = quick().fit(frame, y)
    series = {"pandas": frame.x, "row": frame.iloc[0], "polars": pl.Series(x)}
    for given in series.values():
        for call in (
            lambda given=given: quick().fit(given, y),
            lambda given=given: quick().partial_fit(given, y),
            lambda given=given: clf.predict(given),
            lambda given=given: MLPEnsembleClassifier(quick(), n_estimators=2).fit(given, y),
        ):
            with pytest.raises(DataError, match=UNLIKE_A_TABLE):
                call()
    for given in (frame.x, pl.Series(x)):
        with pytest.raises(DataError, match=UNLIKE_A_TABLE):
            GridSearchCV(quick(), {"dropout": [0.0]}, cv=2).fit(given, y)
        with pytest.raises(ValueError, match=UNLIKE_A_TABLE):
            quick(preprocess=None).fit(given, y)
