"""MLflow's flavor: models are saved, logged, registered, loaded, served, and never pickled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest

import wellfit.mlflow
from asgi import JSON, Sent, replies_to
from served import CLASSES, NEW, PAY, QUICK, TABLE, plain
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import DataError, InputError, ModelFileError

# MLflow itself warns, of its own type hints and of its dependencies.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{name}")
    for name in ("UserWarning", "FutureWarning", "DeprecationWarning", "ResourceWarning")
]


@pytest.fixture(scope="module", autouse=True)
def mlflow() -> Any:
    """Import MLflow for the first of these tests, not at collection: it takes seconds."""
    return pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def fitted() -> MLPClassifier:
    return MLPClassifier(**QUICK).fit(TABLE, CLASSES)


@pytest.fixture(scope="module")
def saved(fitted: MLPClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flavor") / "saved"
    wellfit.mlflow.save_model(fitted, path, metadata={"made": "for a test"})
    return path


def test_a_saved_model_is_loaded_as_it_was(
    mlflow: Any, fitted: MLPClassifier, saved: Path
) -> None:
    same = wellfit.mlflow.load_model(str(saved))
    np.testing.assert_array_equal(same.predict_proba(NEW), fitted.predict_proba(NEW))
    description = mlflow.models.Model.load(str(saved))
    assert set(description.flavors) == {"wellfit", "python_function"}
    assert description.metadata == {"made": "for a test"}
    assert (saved / "requirements.txt").read_text().splitlines() == [
        f"mlflow=={mlflow.__version__}",
        f"wellfit-nn=={wellfit.__version__}",
    ]


def test_nothing_is_pickled(saved: Path) -> None:
    files = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    assert files == {
        *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"),
        *("model/model.json", "model/weights.safetensors"),
    }


def test_any_model_of_mlflows_predicts_the_table_of_predict(
    mlflow: Any, fitted: MLPClassifier, saved: Path
) -> None:
    generic = mlflow.pyfunc.load_model(str(saved))
    shuffled = NEW[NEW.columns[::-1]].assign(more=1)
    table = generic.predict(shuffled)
    assert list(table) == ["prediction", "probability_high", "probability_low"]
    assert table["prediction"].tolist() == fitted.predict(NEW).tolist()
    np.testing.assert_allclose(
        table["probability_low"], fitted.predict_proba(NEW)[:, 1], rtol=2e-5
    )
    with pytest.raises(DataError, match="the request has no column 'job'"):
        generic.predict(NEW.drop(columns="job"))


def test_mlflow_serves_it(mlflow: Any, fitted: MLPClassifier, saved: Path) -> None:
    server = pytest.importorskip("mlflow.pyfunc.scoring_server")
    app = server.init(mlflow.pyfunc.load_model(str(saved)))
    body = json.dumps({"dataframe_records": plain()}).encode()
    headers = {"content-type": JSON, "content-length": str(len(body))}.items()
    (reply,) = replies_to(app, Sent("/invocations", chunks=(body,), headers=headers))
    assert reply.status == 200, reply.body
    found = pd.DataFrame(reply.document["predictions"])
    assert found["prediction"].tolist() == fitted.predict(NEW).tolist()


@pytest.mark.heavy
def test_mlflow_serves_it_as_a_process(fitted: MLPClassifier, saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("mlflow.pyfunc.scoring_server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", str(saved), "--env-manager", "local", "--host", "127.0.0.1", "-p", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where uvicorn is
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", *words],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        stderr=(tmp_path / "log").open("wb"),
        start_new_session=True,  # it starts another process, which has to end as well
    )
    try:
        where, body = f"http://127.0.0.1:{port}", json.dumps({"dataframe_records": plain()})
        for _ in range(300):
            assert server.poll() is None, (tmp_path / "log").read_text()
            with suppress(OSError):
                urlopen(f"{where}/ping").close()
                break
            time.sleep(0.2)
        asked = Request(
            f"{where}/invocations", body.encode(), {"content-type": "application/json"}
        )
        with urlopen(asked) as reply:
            table = pd.DataFrame(json.load(reply)["predictions"])
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    assert table["prediction"].tolist() == fitted.predict(NEW).tolist()
    expected = fitted.predict_proba(NEW)[:, 1]
    np.testing.assert_allclose(table["probability_low"], expected, rtol=2e-5)


def test_a_model_is_logged_and_registered(
    mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes seconds to be made
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    model = MLPRegressor(**QUICK, conformal="split", conformal_fraction=0.3).fit(TABLE, PAY)
    try:
        with mlflow.start_run():
            signature = mlflow.models.infer_signature(TABLE, model.predict(TABLE))
            info = wellfit.mlflow.log_model(
                model, "pay", registered_model_name="pay", signature=signature
            )
        same = wellfit.mlflow.load_model("models:/pay/1")
        np.testing.assert_array_equal(same.predict(NEW), model.predict(NEW))
        np.testing.assert_array_equal(same.predict_interval(NEW), model.predict_interval(NEW))
        assert info.signature is not None
        found = mlflow.pyfunc.load_model(info.model_uri).predict(NEW)
        np.testing.assert_allclose(found["prediction"], model.predict(NEW), rtol=1e-5)
    finally:
        mlflow.set_tracking_uri(None)


def test_what_is_no_model_of_wellfits_is_refused(mlflow: Any, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="isn't empty; expected a new folder"):
        wellfit.mlflow.save_model(MLPClassifier(), saved)
    with pytest.raises(InputError, match="expected a fitted estimator of wellfit"):
        wellfit.mlflow.save_model(object(), tmp_path / "new")
    description = mlflow.models.Model()
    description.add_flavor("sklearn", data="model.skops")
    other = tmp_path / "other"
    other.mkdir()
    description.save(str(other / "MLmodel"))
    with pytest.raises(ModelFileError, match="has the flavors sklearn; expected wellfit"):
        wellfit.mlflow.load_model(str(other))
    description.add_flavor("wellfit", data="../../elsewhere")
    description.save(str(other / "MLmodel"))
    with pytest.raises(ModelFileError, match="expected a model within it"):
        wellfit.mlflow.load_model(str(other))
