"""Searches on a table in files, held equal to those on the same rows in memory."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import ShuffleSplit

from processes import SERVER
from wellfit import MLPClassifier
from wellfit.datasets import Dataset
from wellfit.model_selection import HalvingRandomSearchCV, SearchCV
from wellfit.model_selection.rows import fold_stores
from wellfit.training.row_store import RowStore
from wellfit.training.row_store_writer import write_rows

N = 240
SPACE = {"optimizer__learning_rate": [0.003, 0.01, 0.03], "precision": ["float32", "float64"]}
# Rows of files are read in their order, which is that of these splits, too.
SHUFFLED = [
    (np.sort(train), np.sort(test))
    for train, test in ShuffleSplit(2, random_state=0).split(np.zeros(N))
]
QUICK: dict[str, Any] = {"epochs": 4, "random_state": 0, "n_threads": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=N), "town": rng.choice(["Bern", "Ulm"], N)})
    table["y"] = np.where(table["size"] + (table["town"] == "Ulm") > 0.5, "yes", "no")
    table.loc[::9, "size"] = np.nan
    for at, rows in enumerate(np.array_split(np.arange(N), 3)):
        table.iloc[rows].to_parquet(folder / f"{at}.parquet", index=False)
    return Dataset.from_parquet(folder, target="y", store=folder / "store")


def in_memory(data: Dataset) -> tuple[pd.DataFrame, Any]:
    return data.X.to_frame(), data.y


@pytest.mark.parametrize(
    "params",
    [
        {"cv": 2, "halving": "successive", "factor": 2, "scoring": ["accuracy", "neg_log_loss"]},
        {"cv": SHUFFLED, "return_train_score": True, "n_restarts": 2},
    ],
    ids=["halving", "restarts"],
)
def test_a_search_finds_the_same_as_in_memory(data: Dataset, params: dict[str, Any]) -> None:
    def search() -> SearchCV:
        clf = MLPClassifier((8,), **QUICK)
        return SearchCV(clf, SPACE, n_iter=4, random_state=0, **params)

    disk, memory = search().fit(data), search().fit(*in_memory(data))
    assert disk.best_params_ == memory.best_params_
    for key, values in memory.cv_results_.items():
        if "_time" not in key and key != "params" and not key.startswith("param_"):
            np.testing.assert_allclose(
                disk.cv_results_[key].astype(float), values.astype(float), rtol=1e-5, err_msg=key
            )
    known = disk.predict_proba(in_memory(data)[0])
    np.testing.assert_allclose(known, memory.predict_proba(in_memory(data)[0]), rtol=1e-4)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The stores that are written, in their order."""
    places: list[Path] = []

    def counted(folder: Path, *args: Any) -> RowStore:
        places.append(folder)
        return write_rows(folder, *args)

    monkeypatch.setattr("wellfit.fitting.stored.write_rows", counted)
    return places


def test_candidates_that_read_alike_share_the_rows_of_a_fold(
    data: Dataset, tmp_path: Path, made: list[Path]
) -> None:
    clf = MLPClassifier((8,), early_stopping=False, **QUICK)
    rates = {"optimizer__learning_rate": [0.003, 0.01, 0.03]}
    own = Dataset.from_parquet(data.X.parts[0].path.parent, target="y", store=tmp_path / "rows")
    SearchCV(clf, rates, n_iter=3, cv=2, random_state=0).fit(own)
    # Two folds, of which each has rows to train on and rows to be judged on; and the refit's.
    assert len(made) == 5
    assert os.listdir(tmp_path / "rows") == ["training"], "those of folds are removed"


def test_fits_that_are_trained_one_by_one_find_the_same_as_in_memory(data: Dataset) -> None:
    clf = MLPClassifier((8,), bagging=2, **QUICK)
    given: dict[str, Any] = {"cv": SHUFFLED[:1], "n_iter": 2, "random_state": 0, "refit": False}
    rates = {"optimizer__learning_rate": [0.003, 0.03]}
    found = [SearchCV(clf, rates, **given).fit(*rows) for rows in ((data,), in_memory(data))]
    disk, memory = (search.cv_results_["mean_test_score"] for search in found)
    np.testing.assert_allclose(disk, memory)


@pytest.mark.parametrize("params", [{}, {"bagging": 2}], ids=["stacks", "separate"])
def test_a_search_that_is_interrupted_leaves_no_rows(
    data: Dataset, tmp_path: Path, made: list[Path], params: dict[str, Any]
) -> None:
    def interrupted(*_: Any) -> float:
        assert made[-1].exists()
        raise KeyboardInterrupt

    clf = MLPClassifier((8,), **QUICK, **params)
    own = Dataset.from_parquet(data.X.parts[0].path.parent, target="y", store=tmp_path / "rows")
    search = SearchCV(clf, SPACE, n_iter=2, cv=2, random_state=0, scoring=interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.fit(own)
    assert os.listdir(tmp_path / "rows") == []


def search_until(which: int, folder: Path, store: Path, killed: bool) -> list[float] | None:
    """Search, and end at a score: by a signal that nothing can handle, or by none."""
    count = itertools.count()

    def score(clf: Any, X: Any, y: Any) -> float:
        if killed and next(count) == which:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(clf.score(X, y))

    data = Dataset.from_parquet(folder, target="y", store=store)
    given: dict[str, Any] = {"cv": 2, "n_iter": 2, "random_state": 0, "refit": False}
    search = SearchCV(MLPClassifier((8,), **QUICK), SPACE, scoring=score, **given).fit(data)
    return list(search.cv_results_["mean_test_score"])


def test_a_search_takes_the_rows_that_a_killed_one_has_encoded(
    data: Dataset, tmp_path: Path, made: list[Path]
) -> None:
    given = 0, data.X.parts[0].path.parent, tmp_path / "rows"
    process = SERVER.Process(target=search_until, args=(*given, True))
    process.start()
    process.join()
    (left,) = (tmp_path / "rows").glob("search-*")
    older = tmp_path / "rows" / "search-older"
    older.mkdir()
    os.utime(older, (0, 0))
    assert search_until(*given, False) is not None
    assert not made  # all were there
    assert not left.exists()
    assert os.listdir(tmp_path / "rows") == []


def test_a_search_leaves_the_rows_of_one_that_goes_on(tmp_path: Path, data: Dataset) -> None:
    own = Dataset.from_parquet(data.X.parts[0].path.parent, target="y", store=tmp_path / "rows")
    with fold_stores(own.X) as first, fold_stores(own.X) as second:
        assert first.store.path != second.store.path
    assert os.listdir(tmp_path / "rows") == []


def test_scikit_learns_halving_takes_few_rows_of_a_table_in_files(data: Dataset) -> None:
    clf = MLPClassifier((8,), **QUICK)
    space = {"optimizer__learning_rate": [0.003, 0.01, 0.03, 0.1]}
    given = {"n_candidates": 4, "cv": 2, "random_state": 0, "factor": 2, "refit": False}
    search = HalvingRandomSearchCV(clf, space, min_resources=60, **given).fit(data.X, data.y)
    assert search.n_resources_ == [60, 120, 240]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
