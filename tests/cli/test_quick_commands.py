"""A command imports what it needs: seen by the modules that its process has loaded, not timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from shortcuts import draw_nothing
from wellfit import MLPClassifier, load_model
from wellfit.cli.app import app
from wellfit.cli.predict import predictions
from wellfit.model_selection import MLPEnsembleClassifier
from wellfit.transfer import ModelRegistry

QUICK = ("--hidden", "8", "--epochs", "3")
HEAVY = {"torch", "sklearn", "scipy", "matplotlib", "plotly"}

SCRIPT = """
import json, sys
from typer.testing import CliRunner
from wellfit.cli.app import app

done = CliRunner().invoke(app, sys.argv[1:], env={"COLUMNS": "200"})
print(json.dumps([done.exit_code, done.output, sorted(sys.modules)]))
"""


ASKS = """
import os, sys
class EndsAtTorch:
    def find_spec(self, name, *_):
        if name == "torch":
            os._exit(42)
sys.meta_path.insert(0, EndsAtTorch())
"""


def asks_for_torch(folder: Path, *words: str) -> bool:
    """Say whether a command imports PyTorch; it ends there, since that takes seconds."""
    arguments = [sys.executable, "-c", ASKS + SCRIPT, *words]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, check=False)
    assert done.returncode in (0, 42), done.stderr
    return done.returncode == 42


def answer(folder: Path, *words: str) -> tuple[int, str, set[str]]:
    """A command's exit code, what it prints, and which heavy packages it loads, alone."""
    arguments = [sys.executable, "-c", SCRIPT, *words]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=True)
    found: Any = json.loads(done.stdout.splitlines()[-1])
    return found[0], found[1], HEAVY & set(found[2])


@pytest.fixture
def rows(adult: Path, classifier: Path, tmp_path: Path) -> pd.DataFrame:
    """The table that the run was trained on; beside ``new.csv``, which lacks its targets."""
    table = pd.read_csv(adult)
    table[["age", "job", "hours"]].to_csv(tmp_path / "new.csv", index=False)
    return table


def test_a_small_table_is_predicted_without_pytorch_and_scikit_learn(
    rows: pd.DataFrame, classifier: Path, tmp_path: Path
) -> None:
    code, says, heavy = answer(tmp_path, "predict", str(classifier), "new.csv", "-o", "p.csv")
    assert (code, heavy) == (0, set()), says
    found = pd.read_csv(tmp_path / "p.csv")
    # The same columns, and the same numbers but for rounding, as the estimator gives.
    expected = predictions(load_model(classifier / "model"), rows[["age", "job", "hours"]])
    assert list(found) == list(expected)
    assert found["prediction"].tolist() == expected["prediction"].tolist()
    np.testing.assert_allclose(found.iloc[:, 1:], expected.iloc[:, 1:], rtol=2e-5)


def test_a_target_is_compared_without_them_too(
    adult: Path, classifier: Path, tmp_path: Path
) -> None:
    code, says, heavy = answer(tmp_path, "predict", str(classifier), str(adult), "-o", "p.csv")
    assert (code, heavy) == (0, set())
    assert "against income" in says


def test_another_device_is_pytorchs(
    rows: pd.DataFrame, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("predict", str(classifier), "new.csv", "-o", "p.csv", "--device", "cdu")
    assert asks_for_torch(tmp_path, *words)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "cdu" in done.output


def test_a_wrong_column_is_named_before_a_model_is_loaded(
    rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = rows[["age", "job", "hours"]]
    one = MLPClassifier((4,), epochs=1, random_state=0)
    MLPEnsembleClassifier(one, n_estimators=2).fit(X, rows["income"]).save(tmp_path / "several")
    one.fit(X, rows["income"]).save(tmp_path / "one")
    X.rename(columns={"age": "aeg"}).to_csv(tmp_path / "wrong.csv", index=False)
    for model in ("one", "several"):
        code, says, heavy = answer(tmp_path, "predict", model, "wrong.csv", "-o", "p.csv")
        assert (code, heavy) == (2, set())
        assert "wrong.csv has no column 'age'; did you mean 'aeg'?" in says
    words = ("predict", "several", "new.csv", "-o", "p.csv")
    assert asks_for_torch(tmp_path, *words)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "120 predictions" in done.output) == (0, True)


@pytest.fixture(scope="module")
def search(adult: Path) -> Path:
    """A finished search of a few candidates, beside the table."""
    run = adult.parent / "search"
    words = ["search", str(adult), "--target", "income", "--drop", "pay", "--run", str(run)]
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        done = CliRunner().invoke(app, [*words, "--candidates", "3", "--cv", "2", *QUICK])
    assert done.exit_code == 0, done.output
    return run


def test_a_finished_search_is_shown_without_pytorch(search: Path, tmp_path: Path) -> None:
    picture, changed = search / "slices.png", search / "parallel_coordinates.png"
    picture.unlink()
    before = changed.stat().st_mtime_ns
    code, says, heavy = answer(tmp_path, "search", "show", str(search))
    assert code == 0, says
    assert "torch" not in heavy
    assert "accuracy" in says
    # What is there was drawn when the search ended; what isn't there is drawn.
    assert picture.is_file()
    assert changed.stat().st_mtime_ns == before


def test_several_runs_are_compared_without_pytorch(
    classifier: Path, search: Path, tmp_path: Path
) -> None:
    words = ("report", str(classifier), str(search), "-o", "report.html")
    code, says, heavy = answer(tmp_path, *words)
    assert code == 0, says
    assert heavy <= {"plotly", "matplotlib"}
    assert "Summary" in (tmp_path / "report.html").read_text()


def test_a_card_is_written_without_pytorch(classifier: Path, tmp_path: Path) -> None:
    code, says, heavy = answer(tmp_path, "card", str(classifier), "--out", "card.md")
    assert code == 0, says
    assert heavy <= {"sklearn", "scipy"}
    card = (tmp_path / "card.md").read_text()
    # Scores of subgroups ask for scorers, and so for PyTorch; all else is the same.
    words = ["card", str(classifier), "--out", str(tmp_path / "by.md"), "--by", "job"]
    assert CliRunner().invoke(app, words).exit_code == 0
    whole = (tmp_path / "by.md").read_text()
    left = [line for line in card.splitlines() if line not in whole]
    assert "Expected calibration error" in card
    assert len(left) == 1
    assert left[0].startswith("No subgroups were compared")


def test_models_of_a_registry_are_listed_without_pytorch_and_scikit_learn(
    classifier: Path, tmp_path: Path
) -> None:
    ModelRegistry(tmp_path / "registry").add(classifier, "wages", data="adult")
    code, says, heavy = answer(tmp_path, "models", "list", "registry")
    assert (code, heavy) == (0, set())
    assert "wages" in says
    assert "adult" in says


def test_a_table_is_shown_without_pytorch_and_scikit_learn(adult: Path, tmp_path: Path) -> None:
    code, says, heavy = answer(tmp_path, "data", "show", str(adult), "--target", "income")
    assert (code, heavy) == (0, set())
    assert "nurse" in says
