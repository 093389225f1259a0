"""Searches on processes and on a cluster: the same results, whatever is lost on the way."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from joblib._parallel_backends import ThreadingBackend
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import context
from sklearn.datasets import make_classification

from processes import PATIENCE, SERVER, children, dask_workers, wait_for_the_end_of
from wellfit import MLPClassifier
from wellfit.fitting.runner import JobGroup, grouped
from wellfit.model_selection import GridSearchCV, dispatch
from wellfit.model_selection.dispatch import Job, finished
from wellfit.training import Call
from wellfit.training.precision import threads

X, y = make_classification(240, 6, n_informative=4, n_classes=3, random_state=0)
SPACE = {
    "optimizer__learning_rate": [1e-3, 1e-2],
    "hidden_layer_sizes": [(4,), (8,), (4, 4)],
}


def search(
    n_jobs: int | None = None, space: Any = None, epochs: int = 3, callbacks: Any = ()
) -> GridSearchCV:
    clf = MLPClassifier(
        epochs=epochs, precision="float64", early_stopping=False, random_state=0,
        callbacks=callbacks,
    )  # fmt: skip
    found = GridSearchCV(
        clf, space or SPACE, cv=3, scoring="neg_log_loss", refit=False, n_jobs=n_jobs
    )
    return found.fit(X, y)


def scores(search: GridSearchCV) -> np.ndarray:
    return np.stack([search.cv_results_[f"split{fold}_test_score"] for fold in range(3)])


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return scores(search())


@pytest.fixture(scope="module", autouse=True)
def _processes_start_at_once() -> Iterator[None]:
    """Fork joblib's processes from one that has imported all; by itself each takes seconds."""
    forkserver.ensure_running()
    before = context._DEFAULT_START_METHOD
    context.set_start_method("forkserver", force=True)
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    context.set_start_method(before, force=True)


# Processes.


class Listing(ThreadingBackend):
    """As joblib's own ``multiprocessing``: it tells of results when all are there."""

    supports_return_generator = False


def test_backends_that_only_list_results_do(expected: np.ndarray) -> None:
    joblib.register_parallel_backend("listing", Listing)
    with joblib.parallel_config(backend="listing", n_jobs=2):
        np.testing.assert_allclose(scores(search()), expected, atol=1e-12)


def test_two_processes_find_what_one_finds(expected: np.ndarray):
    np.testing.assert_allclose(scores(search(n_jobs=2)), expected, atol=1e-12)


def test_threads_find_it_too(expected: np.ndarray):
    with joblib.parallel_config(backend="threading"):
        np.testing.assert_allclose(scores(search(n_jobs=2)), expected, atol=1e-12)


def test_errors_come_back_from_processes():
    late = {"schedules": [{"momentum": "ramp"}], "optimizer__learning_rate": [0.1, 0.2]}
    with pytest.raises(ValueError, match=r"All the 6 fits failed[^$]*momentum"):
        search(n_jobs=2, space=late)


def look(group: JobGroup) -> tuple[bool, list[str], int]:
    x = group.jobs[0].rows.x
    base = x if isinstance(x, np.memmap) else x.base
    return (
        isinstance(base, np.memmap),
        [str(getattr(base, "filename", ""))],
        torch.get_num_threads(),
    )


def test_processes_share_tables_and_do_not_copy_them():
    big, labels = np.random.default_rng(0).normal(size=(900, 200)), np.arange(900) % 2
    clf = MLPClassifier((4,), early_stopping=False, random_state=0, precision="float64")
    first = clf.prepare(big, labels)
    other = MLPClassifier((5,), early_stopping=False, random_state=0, precision="float64")
    groups = grouped([first, other.job_builder(other).job_like(first)])
    assert len(groups) == 2
    told = joblib.Parallel(n_jobs=2)(joblib.delayed(look)(group) for group in groups)
    assert all(mapped for mapped, _, _ in told)
    assert told[0][1] == told[1][1]  # one file


def test_each_of_several_processes_computes_on_one_thread(monkeypatch: pytest.MonkeyPatch):
    counts: list[int] = []

    def counting(*_: Any) -> Any:
        counts.append(torch.get_num_threads())
        raise ValueError("seen enough")

    monkeypatch.setattr(dispatch, "train_group", counting)
    clf = MLPClassifier((4,), random_state=0)
    [group] = grouped([clf.prepare(X, y)])
    with threads(2):
        for alone in (False, True):
            dispatch._numbered(0, Job(group), alone)
    assert counts == [1, 2]


def test_what_comes_back_holds_no_table():
    big, labels = np.random.default_rng(0).normal(size=(900, 200)), np.arange(900) % 2
    clf = MLPClassifier((4,), epochs=1, early_stopping=False, random_state=0)
    [(_, result)] = finished([Job(grouped([clf.prepare(big, labels)])[0])], None)
    assert len(pickle.dumps(result)) < 50_000  # the table is 720 kB


def test_a_process_that_is_lost_is_made_good(tmp_path: Path, expected: np.ndarray):
    marker = tmp_path / "killed"

    def kill(*_: Any) -> None:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.warns(UserWarning, match="a process of the search was lost"):
        found = search(n_jobs=2, callbacks=[Call(kill)])
    assert marker.exists()
    np.testing.assert_allclose(scores(found), expected, atol=1e-12)


@pytest.mark.heavy  # the test above loses a process too
def test_a_search_whose_processes_always_die_gives_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatch, "_MOST_LOSSES", 0)

    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(joblib.externals.loky.BrokenProcessPool):
        search(n_jobs=2, callbacks=[Call(kill)])


# A cluster.


@contextlib.contextmanager
def cluster() -> Iterator[None]:
    """Let searches run on two workers."""
    with dask_workers(), joblib.parallel_config(backend="dask"):
        yield


def test_a_cluster_that_loses_a_worker_finds_the_same(tmp_path: Path, expected: np.ndarray):
    marker = tmp_path / "killed"

    def kill(*_: Any) -> None:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    with cluster():
        found = search(callbacks=[Call(kill)])
    assert marker.exists()
    np.testing.assert_allclose(scores(found), expected, atol=1e-12)


@pytest.mark.heavy
def test_a_search_that_kills_every_worker_ends(tmp_path: Path):
    distributed = pytest.importorskip("distributed")

    def kill(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with cluster(), pytest.raises(distributed.KilledWorker):
        search(callbacks=[Call(kill)])


# Ctrl-C.


def search_long(n_jobs: int, begun: Path, errors: Path) -> None:
    """Search until somebody ends it; what is said at the end goes to a file."""
    os.setsid()  # as a terminal starts a command: a group of its own
    # This is a fork, which has no server of forks yet: another one would import all again.
    context.set_start_method("fork", force=True)
    warnings.filterwarnings("ignore", "`fork` start method should not be used with `loky`")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stderr = errors.open("w")
    search(n_jobs, {"hidden_layer_sizes": [(8,), (9,)]}, 100_000, [Call(Told(begun))])


class Told:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, *_: Any) -> None:
        self.place.touch()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize(
    ("n_jobs", "interrupt"),
    [(1, os.kill), (2, os.killpg), pytest.param(2, os.kill, marks=pytest.mark.heavy)],
    ids=["alone", "as a terminal does", "as a notebook does"],
)
def test_ctrl_c_ends_a_search_and_its_processes(n_jobs: int, interrupt: Any, tmp_path: Path):
    begun, errors = tmp_path / "begun", tmp_path / "errors"
    process = SERVER.Process(target=search_long, args=(n_jobs, begun, errors))
    process.start()
    while process.is_alive() and not begun.exists():
        time.sleep(0.01)
    below = children(process.pid)
    assert len(below) >= (n_jobs > 1) * n_jobs
    interrupt(process.pid, signal.SIGINT)
    process.join(PATIENCE)
    assert process.exitcode in (1, 130, -signal.SIGINT)
    told = errors.read_text()
    assert told.rstrip().splitlines()[-1] == "KeyboardInterrupt", told
    wait_for_the_end_of(below)
