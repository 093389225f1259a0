"""Trainings on tables in files, held equal to those on the same rows in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError, InputError
from wellfit.datasets import Dataset
from wellfit.fitting import profile, run
from wellfit.fitting.encoded import EncodedRows
from wellfit.preprocessing import TablePreprocessor
from wellfit.training.row_store import RowStore

N = 900
QUICK: dict[str, Any] = {"epochs": 3, "random_state": 0, "batch_size": 32}


def features(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": rng.normal(size=n), "town": rng.choice(["Bern", "Ulm", "Rom"], n)}
    )
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), unit="D")
    frame["open"] = rng.random(n) < 0.5
    frame.loc[::7, "town"] = None
    frame.loc[::9, "size"] = np.nan
    return frame


def labels(n: int = N) -> pd.Series[Any]:
    frame = features(n)
    found = np.where((frame["size"].fillna(0) + (frame["town"] == "Ulm")) > 0.4, "yes", "no")
    return pd.Series(found, name="y")


def written(folder: Path, y: Any, X: pd.DataFrame | None = None) -> Path:
    frame = (features() if X is None else X).assign(y=y)
    for at, rows in enumerate(np.array_split(np.arange(len(frame)), 4)):
        frame.iloc[rows].to_parquet(folder / f"{at}.parquet", index=False)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return written(tmp_path / "data", labels())


def same_weights(first: Any, second: Any) -> bool:
    pairs = zip(first.coefs_, second.coefs_, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": False, "shuffle": False},
        {"class_weight": "balanced", "subsample": 0.5},
        {"calibration": "temperature", "scoring": "f1_macro"},
        {"numeric_embedding": "piecewise_linear"},
        {"precision": "float64", "bagging": 2},
    ],
    ids=str,
)
def test_a_classifier_learns_the_same_from_a_disk(folder: Path, params: dict[str, Any]) -> None:
    data = Dataset.from_parquet(folder, target="y")
    disk = MLPClassifier((8,), **QUICK, **params).fit(data)
    memory = MLPClassifier((8,), **QUICK, **params).fit(features(), labels())
    assert same_weights(disk, memory)
    assert disk.history_.keys() == memory.history_.keys()
    for name, values in disk.history_.items():
        # Rows in memory are validated by the compiled step, which adds losses in another order.
        rtol = 1e-6 if name.startswith("val_") else 0.0
        if name != "seconds":
            np.testing.assert_allclose(values, memory.history_[name], rtol=rtol)
    # Files are predicted one by one, and products of other sizes round differently.
    predicted = disk.predict_proba(data.X), memory.predict_proba(features())
    np.testing.assert_allclose(*predicted, rtol=1e-5)
    assert disk.score(data.X, data.y) == memory.score(features(), labels())
    assert list(disk.feature_names_in_) == list(features())


def test_numbers_are_learned_the_same_from_a_disk(tmp_path: Path) -> None:
    y = features()["size"].fillna(0) * 3 + 7
    data = Dataset.from_parquet(written(tmp_path, y), target="y", columns=["size", "open"])
    disk = MLPRegressor((8,), **QUICK).fit(data)
    memory = MLPRegressor((8,), **QUICK).fit(features()[["size", "open"]], y)
    assert same_weights(disk, memory)
    plain = features()[["open"]].assign(x=np.arange(N) / N)
    data = Dataset.from_parquet(written(tmp_path, y, plain), target="y")
    disk = MLPRegressor((8,), **QUICK, preprocess=None).fit(data)
    assert same_weights(disk, MLPRegressor((8,), **QUICK, preprocess=None).fit(plain, y))


def test_csv_files_and_dask_are_taken_too(tmp_path: Path) -> None:
    dask = pytest.importorskip("dask.dataframe")
    memory = MLPClassifier((8,), **QUICK).fit(features(), labels())
    features().assign(y=labels()).to_csv(tmp_path / "a.csv", index=False)
    disk = MLPClassifier((8,), **QUICK).fit(Dataset.from_csv(tmp_path, target="y"))
    assert same_weights(disk, memory)
    parts = [dask.from_pandas(each, npartitions=3) for each in (features(), labels())]
    assert same_weights(MLPClassifier((8,), **QUICK).fit(*parts), memory)
    assert disk.predict(parts[0]).tolist() == memory.predict(features()).tolist()


def test_validation_rows_may_lie_anywhere(folder: Path) -> None:
    data = Dataset.from_parquet(folder, target="y")
    X, y = features()[:200], labels()[:200]
    memory = MLPClassifier((8,), **QUICK).fit(features(), labels(), X_val=X, y_val=y)
    for X_val in (X, data.X[:200]):
        disk = MLPClassifier((8,), **QUICK).fit(data, X_val=X_val, y_val=y)
        assert same_weights(disk, memory)
        assert disk.history_["val_loss"] == pytest.approx(memory.history_["val_loss"], rel=1e-6)


def test_many_rows_are_shuffled_in_blocks_as_they_would_be_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellfit.training.row_store._BLOCK_BYTES", 64)
    monkeypatch.setattr("wellfit.training.row_store._BUFFERED", 3)
    how = {"early_stopping": False, "validation_fraction": 0.2, "scoring": "f1_macro"}
    clf = MLPClassifier((8,), **QUICK, **how)
    job = clf.prepare(Dataset.from_parquet(folder, target="y"), None)
    assert isinstance(job.rows.x, RowStore)
    assert job.stream.blocks is not None
    assert job.stream.blocks.buffer == 192 < len(job.stream.train)
    numbers = EncodedRows(np.asarray(job.rows.x[:]), job.rows.y)
    disk, memory = run([job, replace(job, rows=numbers)])
    assert np.array_equal(disk.weights.parameters, memory.weights.parameters)  # type: ignore[union-attr]
    # Validation rows are read in the order of the files: scores are of the same rows' targets.
    assert clf.keep(disk).network_.split is not None  # type: ignore[arg-type]
    held = np.sort(clf.network_.split.held_out)  # type: ignore[union-attr, arg-type]
    found = f1_score(labels()[held], clf.predict(features().iloc[held]), average="macro")
    assert clf.history_["val_f1_macro"][-1] == pytest.approx(found)
    plain = replace(job, stream=replace(job.stream, blocks=None), rows=numbers)
    other = run([plain])[0]
    assert not np.array_equal(disk.weights.parameters, other.weights.parameters)  # type: ignore[union-attr]


@pytest.mark.heavy
def test_a_million_rows_train_to_the_same_bits_from_a_disk_and_from_memory(
    tmp_path: Path,
) -> None:
    rng, n = np.random.default_rng(0), 1_000_000
    more = pd.DataFrame(rng.normal(size=(n, 40)).astype(np.float32)).rename(columns="n{}".format)
    data = Dataset.from_parquet(
        written(tmp_path, labels(n), pd.concat([features(n), more], axis=1)), target="y"
    )
    clf = MLPClassifier((16,), epochs=1, random_state=0, batch_size=4096, n_threads=1)
    job = clf.prepare(data, None)
    assert job.stream.blocks is not None
    assert job.stream.blocks.buffer < len(job.stream.train) == 900_000
    numbers = replace(job.rows, x=np.asarray(job.rows.x[:]))
    disk, memory = run([job]) + run([replace(job, rows=numbers)])
    assert np.array_equal(disk.weights.parameters, memory.weights.parameters)  # type: ignore[union-attr]


def test_more_epochs_and_batches_follow_from_a_disk(folder: Path) -> None:
    data = Dataset.from_parquet(folder, target="y")
    fits: list[Callable[[MLPClassifier, Any, Any], Any]] = [
        MLPClassifier.fit,
        MLPClassifier.partial_fit,
    ]
    for fit in fits:
        found = []
        for X, y in ((data.X, data.y), (features(), labels())):
            clf = MLPClassifier((8,), **QUICK, warm_start=True, early_stopping=False)
            found.append(fit(fit(clf, X, y), X, y))
        assert same_weights(*found)


def test_categories_are_those_of_all_rows_and_medians_those_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "SAMPLE_ROWS", 50)
    X = features().assign(
        rare=["often"] * (N - 2) + ["twice"] * 2, late=[np.nan] * (N - 1) + [7.0]
    )
    data = Dataset.from_parquet(written(tmp_path, labels(), X), target="y")
    known = profile.profile(data.X)
    assert len(known.sample) == 50
    assert dict(known.facts[4].counts) == {"often": N - 2, "twice": 2}
    job = MLPClassifier((8,), **QUICK, early_stopping=False).prepare(data, None)
    memory = MLPClassifier((8,), **QUICK, early_stopping=False).prepare(X, labels())
    assert job.features.table is not None
    assert memory.features.table is not None
    names = memory.features.table.get_feature_names_out().tolist()
    assert job.features.table.get_feature_names_out().tolist() == names
    median, whole = (each.features.table.numbers_.fill[0] for each in (job, memory))
    assert 0 < abs(median - whole) < 0.5


def test_encoded_rows_are_read_again(folder: Path, tmp_path: Path) -> None:
    def fitted(**params: Any) -> int:
        data = Dataset.from_parquet(folder, target="y", store=tmp_path / "store")
        MLPClassifier((8,), **{**QUICK, **params}).fit(data)
        return (tmp_path / "store" / "training" / "rows" / "rows.json").stat().st_mtime_ns

    first, other = fitted(), TablePreprocessor("standard")
    assert fitted(epochs=1) == first
    with pytest.warns(
        UserWarning, match="other data or of another encoder: they are encoded again"
    ):
        second = fitted(preprocess=other)
    assert second > first
    numbers = tmp_path / "store" / "training" / "rows" / "columns-0.npy"
    numbers.write_bytes(numbers.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="cut short or altered: they are encoded again"):
        assert fitted(preprocess=other) > second
    written(folder, labels(), features().assign(size=1.5 * features()["size"]))
    with pytest.warns(UserWarning, match="other data"):
        fitted(preprocess=other)


def test_temporary_rows_go_with_the_data(folder: Path) -> None:
    import gc

    data = Dataset.from_parquet(folder, target="y")
    clf = MLPClassifier((8,), **QUICK).fit(data)
    place = data.X.store.path
    assert place.is_dir()
    del data, clf
    gc.collect()
    assert not place.exists()


def test_endless_categories_and_infinities_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "_MOST_LEVELS", 300)
    X = features().assign(user=[f"u{row}" for row in range(N)])
    data = Dataset.from_parquet(written(tmp_path, labels(), X), target="y")
    with pytest.raises(
        DataError, match=r"column 'user' holds more than 300 .* up to .*1\.parquet, such as 'u"
    ):
        MLPClassifier((8,)).fit(data)
    X = features().assign(size=np.where(np.arange(N) == 301, -np.inf, 1.0))
    data = Dataset.from_parquet(written(tmp_path, labels(), X), target="y")
    with pytest.raises(DataError, match=r"column 'size' holds -inf in row 77 of .*1\.parquet"):
        MLPClassifier((8,), early_stopping=False).fit(data)


def test_a_data_set_holds_its_target(folder: Path) -> None:
    data = Dataset.from_parquet(folder, target="y")
    with pytest.raises(InputError, match="holds its target, and y is given too"):
        MLPClassifier((8,)).fit(data, data.y)
    small = Dataset("few", features(), labels())
    assert same_weights(
        MLPClassifier((8,), **QUICK).fit(small), MLPClassifier((8,), **QUICK).fit(data)
    )
    with pytest.raises(InputError, match="requires y to be passed"):
        MLPClassifier((8,)).fit(data.X)
    clf = MLPClassifier((8,), **QUICK).fit(data)
    with pytest.raises(InputError, match=r"feature names|no column"):
        clf.predict(data.X.drop("town"))


@pytest.mark.parametrize("params", [{"n_submodels": 3}, {"bagging": 3, "conformal": "cross"}])
def test_networks_that_predict_by_their_mean_are_told_apart_from_a_disk(
    folder: Path, params: dict[str, Any]
) -> None:
    data = Dataset.from_parquet(folder, target="y")
    clf, X = MLPClassifier((4,), **QUICK, **params).fit(data), data.X.to_frame()
    np.testing.assert_allclose(clf.predict_std(data.X), clf.predict_std(X), atol=1e-6)
    if "conformal" in params:
        sets = zip(clf.predict_set(data.X), clf.predict_set(X), strict=True)
        assert all(list(disk) == list(memory) for disk, memory in sets)
