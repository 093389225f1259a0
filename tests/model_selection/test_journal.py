"""A journal loses nothing that was finished: kills, torn lines, full disks, other searches."""

from __future__ import annotations

import json
import math
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from scipy import sparse
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

from processes import SERVER, in_child, let_files_grow_to
from wellfit import MLPClassifier
from wellfit.core.errors import HyperparameterError, InputError, ModelFileError
from wellfit.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    dispatch,
)
from wellfit.model_selection.fingerprints import digest, plain_data
from wellfit.model_selection.journal import Entry, Journal, read_journal
from wellfit.training import Call

SHAPES = [(3,), (4,), (5,), (6,), (4, 3), (5, 3), (6, 3), (7, 3)]
SPACE = {"hidden_layer_sizes": SHAPES, "optimizer__learning_rate": loguniform(1e-4, 1e-1)}

OUTCOME = {"test_scores": 0.5, "fit_time": 0.1, "score_time": 0.01}


def search(journal: Path | None = None, epochs: int = 2, **changes: Any) -> RandomizedSearchCV:
    clf = MLPClassifier(epochs=epochs, early_stopping=False, random_state=0)
    params = {"n_iter": 10, "cv": 3, "random_state": 1, "return_train_score": True, **changes}
    made = RandomizedSearchCV(clf, SPACE, **params)
    made.journal = journal
    return made


def run(journal: Path | None = None, epochs: int = 2, **changes: Any) -> dict[str, Any]:
    X, y = load_iris(return_X_y=True)
    return search(journal, epochs, **changes).fit(X, y).cv_results_


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Hold results to others, times aside."""
    assert one.keys() == other.keys()
    assert one["params"] == other["params"]
    for key in one:
        if "time" not in key and "param" not in key:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The results of a search that nothing happens to."""
    return run()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members each stack that is trained has."""
    sizes: list[int] = []
    train = dispatch.train_group

    def counting(group: Any, *more: Any) -> Any:
        sizes.append(len(group.jobs))
        return train(group, *more)

    monkeypatch.setattr(dispatch, "train_group", counting)
    return sizes


# --- going on --------------------------------------------------------------------------------


def test_a_journal_changes_no_result_and_holds_every_fit(tmp_path: Path, whole: dict) -> None:
    same(run(tmp_path / "j"), whole)
    entries = read_journal(tmp_path / "j")
    assert len(entries) == len({entry.key for entry in entries}) == 30
    for entry in entries:
        place = whole["params"].index(
            {**entry.candidate, "hidden_layer_sizes": tuple(entry.candidate["hidden_layer_sizes"])}
        )
        assert entry.outcome["test_scores"] == whole[f"split{entry.fold}_test_score"][place]
        assert entry.outcome["n_test_samples"] == 50


def test_what_is_finished_is_not_trained_again(
    tmp_path: Path, whole: dict, trained: list[int]
) -> None:
    run(tmp_path / "j")
    stacks = len(trained)
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    trained.clear()
    same(run(tmp_path / "j"), whole)
    assert trained == []
    (tmp_path / "j").write_bytes(b"".join(lines[:16]))
    same(run(tmp_path / "j"), whole)
    assert 0 < len(trained) < stacks


@pytest.mark.parametrize("torn", [1, 20, 400])
def test_a_torn_line_is_cut_and_done_again(tmp_path: Path, whole: dict, torn: int) -> None:
    run(tmp_path / "j")
    data = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(data[:-torn])
    same(run(tmp_path / "j"), whole)
    assert len({entry.key for entry in read_journal(tmp_path / "j")}) == 30
    assert (tmp_path / "j").read_bytes().startswith(data[: data[:-torn].rindex(b"\n") + 1])


def test_a_damaged_line_is_passed_over(tmp_path: Path, whole: dict, trained: list[int]) -> None:
    run(tmp_path / "j")
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"fold": ', b'"fold": 1')
    (tmp_path / "j").write_bytes(b"".join(lines))
    assert len(read_journal(tmp_path / "j")) == 29
    trained.clear()
    same(run(tmp_path / "j"), whole)
    assert len(trained) == 1


def test_more_candidates_build_on_those_that_are_there(
    tmp_path: Path, whole: dict, trained: list[int]
) -> None:
    run(tmp_path / "j", n_iter=4)
    known = (tmp_path / "j").read_bytes()
    same(run(tmp_path / "j"), whole)
    assert (tmp_path / "j").read_bytes().startswith(known)


def test_fits_that_fail_are_known_too(tmp_path: Path, trained: list[int]) -> None:
    X, y = load_iris(return_X_y=True)
    clf = MLPClassifier((4,), epochs=2, random_state=0)
    results = []
    for _ in range(2):
        grid = GridSearchCV(clf, {"l2": [0.0, -1.0]}, cv=3)
        grid.journal = tmp_path / "j"
        with (
            pytest.warns(UserWarning, match="non-finite"),
            pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"),
        ):
            results.append(grid.fit(X, y).cv_results_)
    same(*results)
    assert np.isnan(results[1]["mean_test_score"][1])
    entries = read_journal(tmp_path / "j")
    assert len(entries) == 6
    assert sum("l2" in (entry.outcome["fit_error"] or "") for entry in entries) == 3
    assert len(trained) == 1


def test_several_scores_in_whatever_order_stacks_finish(tmp_path: Path) -> None:
    changes = {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"}
    alone = run(**changes)
    # Threads, which need no second to start, finish in any order just as processes do.
    with parallel_config(backend="threading"):
        for _ in range(2):
            same(run(tmp_path / "j", n_jobs=2, **changes), alone)


def test_a_halving_search_goes_on_as_well(tmp_path: Path, trained: list[int]) -> None:
    X, y = load_iris(return_X_y=True)
    results = []
    for keep in (None, None, 12, 30):
        clf = MLPClassifier(epochs=2, early_stopping=False, random_state=0)
        halving = HalvingRandomSearchCV(
            clf, SPACE, n_candidates=9, cv=3, random_state=1, min_resources=40
        )
        halving.journal = tmp_path / "j"
        if keep is not None:
            lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
            (tmp_path / "j").write_bytes(b"".join(lines[:keep]))
        results.append(halving.fit(X, y).cv_results_)
    for other in results[1:]:
        same(results[0], other)


def test_ctrl_c_ends_a_search_and_what_it_cut_off_is_no_result(tmp_path: Path) -> None:
    def press(record: Any) -> None:
        if record.epoch == 2 and len(read_journal(tmp_path / "j")) > 6:
            signal.raise_signal(signal.SIGINT)

    clf = MLPClassifier(epochs=4, early_stopping=False, random_state=0, callbacks=[Call(press)])
    made = search(tmp_path / "j").set_params(estimator=clf)
    made.journal = tmp_path / "j"
    with pytest.raises(KeyboardInterrupt):
        made.fit(*load_iris(return_X_y=True))
    entries = read_journal(tmp_path / "j")
    assert 6 < len(entries) < 30
    same_fits = {entry.key: entry.outcome["test_scores"] for entry in entries}
    run(tmp_path / "other", 4)
    whole = {entry.key: entry.outcome["test_scores"] for entry in read_journal(tmp_path / "other")}
    assert same_fits.items() <= whole.items()


# --- kills -----------------------------------------------------------------------------------

LONG = 150  # epochs: a search takes about a second


def searching(journal: Path, results: Path) -> None:
    """Search in a process of its own."""
    found = run(journal, LONG)
    scores = [found[key].tolist() for key in found if key.startswith(("split", "rank"))]
    results.write_text(json.dumps(scores))


def finished(journal: Path) -> set[str]:
    """Return which fits are on the disk, without the one that is being written."""
    if not journal.exists():
        return set()
    return {entry.key for entry in read_journal(journal)}


def survives(kills: int, folder: Path) -> None:
    moments, journal = random.Random(0), folder / "torn"
    undisturbed = SERVER.Process(target=searching, args=(folder / "whole", folder / "expected"))
    undisturbed.start()
    undisturbed.join()
    done = 0
    while done < kills:
        before = finished(journal)
        process = SERVER.Process(target=searching, args=(journal, folder / "early"))
        process.start()
        while process.is_alive() and len(finished(journal)) == len(before):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.02))
        known = finished(journal)
        process.kill()
        process.join()
        assert known <= finished(journal)
        assert before <= known
        if process.exitcode != -signal.SIGKILL:  # it was faster, and there is nothing left to do
            assert process.exitcode == 0
            journal.unlink()
            continue
        done += 1
        if len(known) > 24:
            ends_alike(folder, journal)
            journal.unlink()
    ends_alike(folder, journal)


def ends_alike(folder: Path, journal: Path) -> None:
    """Let a search go on to its end, and hold that to the end of the one without kills."""
    known = finished(journal)
    process = SERVER.Process(target=searching, args=(journal, folder / "got"))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert known <= finished(journal) == finished(folder / "whole")
    assert (folder / "got").read_text() == (folder / "expected").read_text()


def test_two_kills_change_nothing(tmp_path: Path) -> None:
    survives(2, tmp_path)


@pytest.mark.heavy
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    survives(10, tmp_path)


# --- disks -----------------------------------------------------------------------------------


class Full(Journal):
    """A journal on a disk that is full until there is room."""

    def settle(self) -> None:
        real, self.path = self.path, self.path if self.room else Path("/dev/full")
        try:
            super().settle()
        finally:
            self.path = real


def test_a_full_disk_stops_no_search_and_is_told_once(tmp_path: Path, whole: dict) -> None:
    journal = Full(tmp_path / "j")
    journal.room = False
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        same(run(journal), whole)
    assert len(caught) == 1
    assert read_journal(tmp_path / "j") == []
    with pytest.raises(OSError, match="No space left on device"):
        journal.settle()
    journal.room = True
    journal.record([Entry("k", {}, 0, OUTCOME)])  # what was owed comes first
    assert len(read_journal(tmp_path / "j")) == 31


def test_what_found_no_room_is_written_once_there_is(tmp_path: Path, whole: dict) -> None:
    journal = Full(tmp_path / "j")
    journal.room = False
    with pytest.warns(UserWarning, match="No space left on device"):
        run(journal)
    journal.room = True
    journal.settle()
    journal.settle()  # nothing is owed twice
    assert len(read_journal(tmp_path / "j")) == 30


def record_without_room(path: Path) -> None:
    """Record in this process a fit more than its files have room for."""
    journal = Journal(path)
    journal.begin({})
    journal.record([Entry("first", {}, 0, OUTCOME)])
    before = path.read_bytes()
    let_files_grow_to(len(before) + 10)
    with pytest.warns(UserWarning, match="File too large"):
        journal.record([Entry("second", {}, 0, OUTCOME)])
    assert path.read_bytes() == before
    let_files_grow_to(resource.RLIM_INFINITY)
    journal.record([Entry("third", {}, 0, OUTCOME)])


def test_a_line_without_room_leaves_those_before_it(tmp_path: Path) -> None:
    in_child(record_without_room, tmp_path / "j")
    assert [entry.key for entry in read_journal(tmp_path / "j")] == ["first", "second", "third"]


def test_a_place_that_cannot_be_written_is_told_at_the_beginning(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "missing" / "j")


@given(score=st.floats(), text=st.text())
def test_numbers_and_texts_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, score: float, text: str
) -> None:
    path = tmp_path_factory.mktemp("exact") / "j"
    journal = Journal(path)
    journal.begin({"of": text})
    outcome = plain_data({**OUTCOME, "test_scores": np.float64(score), "fit_error": text})
    journal.record([Entry("k", {"l2": score}, 0, outcome)])
    (entry,) = read_journal(path)
    for got in (entry.outcome["test_scores"], entry.candidate["l2"]):
        assert got == score or (math.isnan(got) and math.isnan(score))
        assert math.copysign(1, got) == math.copysign(1, score) or math.isnan(score)
    assert entry.outcome["fit_error"] == text


# --- other searches --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 3}, "estimator.epochs was 2 and is 3"),
        ({"random_state": 2}, "seed was 1 and is 2"),
        ({"scoring": "f1_macro"}, "scoring was None and is 'f1_macro'"),
        ({"cv": KFold(3)}, "folds was"),
        ({"cv": 4}, "folds was"),
        ({"return_train_score": False}, "return_train_score was True and is False"),
    ],
)
def test_the_journal_of_another_search_is_refused(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    run(tmp_path / "j", n_iter=1)
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(InputError, match="is the journal of another search: .*" + named):
        run(tmp_path / "j", **changes)
    assert (tmp_path / "j").read_bytes() == before


def test_other_data_are_refused(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    search(tmp_path / "j", n_iter=1).fit(X, y)
    X[3, 1] += 1e-9
    with pytest.raises(InputError, match="data was"):
        search(tmp_path / "j").fit(X, y)


def test_a_search_without_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HyperparameterError, match="the search's random_state is None"):
        run(tmp_path / "j", random_state=None)
    grid = GridSearchCV(MLPClassifier(), {"l2": [0.0]})
    grid.journal = tmp_path / "j"
    with pytest.raises(HyperparameterError, match="the estimator's random_state is None"):
        grid.fit(*load_iris(return_X_y=True))


@pytest.mark.parametrize("content", [b"x,y\n1,2\n", b'{"format": "other"}\n', b"no line"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(ModelFileError, match="no journal of a search"):
        run(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == content


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("wellfit.model_selection.journal.FORMAT_VERSION", 2)
        Journal(tmp_path / "j").begin({})
    with pytest.raises(ModelFileError, match="a newer wellfit wrote"):
        read_journal(tmp_path / "j")


# --- digests ---------------------------------------------------------------------------------

TABLE = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(2), np.zeros(3)),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.array(["a", None], dtype=object), np.array(["a", "b"], dtype=object)),
        (TABLE, TABLE.assign(b=["x", "z"])),
        (TABLE, TABLE.rename(columns={"a": "c"})),
        (TABLE, TABLE.astype({"b": "category"})),
        (sparse.eye_array(3), sparse.eye_array(3, k=1)),
        ({"sample_weight": np.ones(99)}, {"sample_weight": np.zeros(99)}),
        (["a", "b"], ["a", "c"]),
    ],
)
def test_digests_tell_data_apart(one: Any, other: Any) -> None:
    assert digest(one) == digest(one) != digest(other) == digest(other)
