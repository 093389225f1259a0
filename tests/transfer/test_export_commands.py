"""`wellfit export` and `wellfit import`, from a run to another library and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from samples import THREE, X, answers, by_onnx, classifier, columns, frame, loaded
from torch import nn
from typer.testing import CliRunner, Result

from wellfit import load_model
from wellfit.cli.app import app
from wellfit.cli.export import FORMATS
from wellfit.transfer.interop.files import EXPORTS


def wellfit(*words: Any) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "100"})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, trained by the command line on a table with text in it."""
    folder = tmp_path_factory.mktemp("run")
    frame().drop(columns="when").assign(kind=THREE).to_csv(folder / "zoo.csv", index=False)
    words = ["train", folder / "zoo.csv", "--target", "kind", "--run", folder / "run"]
    done = wellfit(*words, "--hidden", "8", "--epochs", "2")
    assert done.exit_code == 0, done.output
    return folder / "run"


def test_a_run_becomes_onnx(run: Path, tmp_path: Path) -> None:
    done = wellfit("export", run, "--to", "onnx", "--out", tmp_path / "net.onnx")
    assert done.exit_code == 0, done.output
    assert "net.onnx" in done.output
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    table = frame().drop(columns="when")
    given = session.run(None, columns(table))[1]
    np.testing.assert_allclose(given, answers(load_model(run / "model"), table), atol=1e-5)


def test_weights_of_pytorch_become_a_model_and_leave_again(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    torch.save(network.state_dict(), tmp_path / "net.pt")
    words = ["--classes", "ant, bee,cat", "--activation", "tanh", "--output", "softmax"]
    done = wellfit("import", tmp_path / "net.pt", "--out", tmp_path / "model", *words)
    assert done.exit_code == 0, done.output
    assert "classifier with 51 parameters" in done.output
    model = load_model(tmp_path / "model")
    rows = torch.tensor(X, dtype=torch.float32)
    expected = torch.softmax(network(rows), 1).detach().numpy()
    np.testing.assert_allclose(answers(model), expected, atol=1e-5)
    assert set(model.predict(X)) <= {"ant", "bee", "cat"}
    done = wellfit("export", tmp_path / "model", "--to", "numpy", "-o", tmp_path / "net.py")
    assert done.exit_code == 0, done.output
    source = loaded(tmp_path / "net.py")
    np.testing.assert_allclose(source.predict_proba(X), expected, atol=1e-5)
    np.testing.assert_allclose(by_onnx(model)[1], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["export", "{model}", "--to", "onxx", "--out", "x"], "did you mean 'onnx'"),
        (["export", "{model}", "--to", "onnx", "--out", "no/such/x"], "no/such doesn't exist"),
        (["export", "nowhere", "--to", "onnx", "--out", "x"], "nowhere"),
        (["import", "net.pkl", "--out", "model"], "pickle"),
        (["import", "net.pt", "--out", "model"], "no file"),
        (["import", "net.keras", "--activation", "relu", "--out", "m"], "holds its activations"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = classifier().save(tmp_path / "saved")
    for name in ("net.pkl", "net.keras"):
        (tmp_path / name).touch()
    done = wellfit(*(word.format(model=model) for word in words))
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "Traceback" not in done.output


def test_the_help_names_every_format() -> None:
    text = wellfit("export", "--help").output
    assert [name for name in EXPORTS if name not in text] == []
    assert set(FORMATS) == set(EXPORTS)


def test_an_export_says_that_it_leaves_out_calibrated_sets(tmp_path: Path) -> None:
    model = classifier(conformal="split").save(tmp_path / "model")
    done = wellfit("export", model, "--to", "onnx", "--out", tmp_path / "net.onnx")
    assert done.exit_code == 0, done.output
    assert "leaves out the calibrated prediction sets" in " ".join(done.output.split())


def test_an_average_is_refused_where_a_format_has_none(tmp_path: Path) -> None:
    model = classifier(bagging=2, early_stopping=True).save(tmp_path / "model")
    done = wellfit("export", model, "--to", "sklearn", "--out", tmp_path / "net.joblib")
    assert done.exit_code == 2, done.output
    told = " ".join(done.output.split())
    assert "the average of 2 networks, which this format can't express; expected another" in told
