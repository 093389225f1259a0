"""One network on a Dask cluster is the network of one process, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from processes import dask_workers, wait
from wellfit import MLPClassifier
from wellfit.core.errors import InputError, LostProcessError
from wellfit.datasets import Dataset
from wellfit.model_selection import SearchCV
from wellfit.training import Call, Checkpoint, Progress
from wellfit.training.checkpoint import latest
from wellfit.training.cluster import _workers

distributed = pytest.importorskip("distributed")

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dask_workers() as client:
        yield client


def network(processes: str | None = "dask", **params: Any) -> MLPClassifier:
    quick = {"epochs": 3, "batch_size": 64, "n_threads": 1, "precision": "float64"}
    return MLPClassifier((8,), processes=processes, random_state=0, **{**quick, **params})


def same_losses(first: MLPClassifier, second: MLPClassifier) -> None:
    for name in ("loss", "val_loss"):
        if name in second.history_:
            np.testing.assert_allclose(first.history_[name], second.history_[name], rtol=1e-9)


HEARD: list[int] = []


class Heard(Progress):
    """Notes the epochs that it hears of."""

    def on_epoch_end(self, logs: Any, state: dict[str, Any]) -> None:
        HEARD.append(logs.epoch)


def test_workers_train_the_network_of_one_process(client: Any) -> None:
    HEARD.clear()
    together = network(dropout=0.2, validation_fraction=0.2, callbacks=[Heard()]).fit(X, Y)
    alone = network(None, dropout=0.2, validation_fraction=0.2).fit(X, Y)
    same_losses(together, alone)
    np.testing.assert_allclose(together.predict_proba(X), alone.predict_proba(X), rtol=1e-9)
    assert HEARD == [1, 2, 3]  # here, and not in the worker
    assert not any(client.processing().values())


def test_workers_open_the_encoded_rows_of_files(client: Any, tmp_path: Path) -> None:
    table = pd.DataFrame(X, columns=list("abcd")).assign(y=Y)
    (tmp_path / "data").mkdir()
    table.to_parquet(tmp_path / "data" / "0.parquet")
    data = Dataset.from_parquet(tmp_path / "data", target="y", store=tmp_path / "store")
    same_losses(network().fit(data), network(None).fit(data))


def test_ctrl_c_stops_the_workers_and_keeps_the_network(client: Any, tmp_path: Path) -> None:
    def interrupt(path: str = str(tmp_path / "begun"), pid: int = os.getpid()) -> None:
        if not os.path.exists(path):
            open(path, "w").close()
            os.kill(pid, signal.SIGINT)

    endless: dict[str, Any] = {"epochs": 100_000, "early_stopping": False}
    clf = network(**endless, callbacks=[Call(lambda _: interrupt())])
    with pytest.warns(UserWarning, match="was interrupted after"):
        clf.fit(X, Y)
    assert clf.status_ == "interrupted"
    assert clf.predict(X).shape == Y.shape
    wait(lambda: not any(client.processing().values()))


def test_a_training_goes_on_after_the_death_of_a_worker(client: Any, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    long: dict[str, Any] = {"epochs": 8, "early_stopping": False}

    def kill(logs: Any, path: str = str(tmp_path / "killed")) -> None:
        if logs.epoch == 5 and not os.path.exists(path):
            open(path, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

    params = {**long, "callbacks": [Checkpoint(folder), Call(kill)]}
    with pytest.raises(LostProcessError, match=r"Dask worker tcp://127\.0\.0\.1:\d+ has ended"):
        network(**params).fit(X, Y)
    begun = latest(folder)
    assert begun is not None
    assert "000004" in begun.name
    wait(lambda: len(client.nthreads()) == 2)  # the nanny has started another
    resumed = network(**params).fit(X, Y, resume_from=begun)
    same_losses(resumed, network(None, **long).fit(X, Y))


def test_an_error_in_one_worker_is_the_client_s(client: Any) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError("of a callback")

    with pytest.raises(ZeroDivisionError, match="of a callback"):
        network(callbacks=[Call(fail)]).fit(X, Y)


def test_a_task_of_a_worker_does_not_wait_for_itself(client: Any) -> None:
    with pytest.raises(InputError, match=r"in a task of a Dask worker.*processes=None"):
        client.submit(lambda: network().fit(X, Y)).result()


def test_a_search_on_one_s_own_cores_trains_each_stack_on_the_cluster(client: Any) -> None:
    def search(processes: str | None) -> Any:
        clf = network(processes, early_stopping=False)
        found = SearchCV(clf, {"l2": [0.0, 0.1]}, n_iter=2, cv=2, random_state=0, refit=False)
        return found.fit(X, Y).cv_results_["mean_test_score"]

    np.testing.assert_allclose(search("dask"), search(None), rtol=1e-9)


def test_what_is_no_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_client() -> None:
        raise ValueError("No clients found")

    def given(*workers: str) -> Any:
        return SimpleNamespace(nthreads=lambda: dict.fromkeys(workers, 1))

    with pytest.raises(InputError, match="has no workers; expected at least one"):
        _workers(given())
    with pytest.raises(InputError, match=r"threads of this process.*LocalCluster\(processes=True"):
        _workers(given("inproc://127.0.0.1/1/4"))
    monkeypatch.setattr(distributed, "get_client", no_client)
    with pytest.raises(InputError, match=r"no Dask client; expected .*`with distributed\.Client"):
        network().fit(X, Y)
