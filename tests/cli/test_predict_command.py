"""``wellfit predict``: the csv that it writes, and what it says about it."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from wellfit import MLPClassifier
from wellfit.cli.app import app
from wellfit.cli.new_rows import Block, NewRows
from wellfit.cli.predict import _predict
from wellfit.cli.spread import Spread
from wellfit.core.errors import ModelFileError
from wellfit.estimators import load_model

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def table(here: Path) -> pd.DataFrame:
    return pd.read_csv("adult.csv")


def test_it_writes_classes_and_probabilities(
    classifier: Path, table: pd.DataFrame, wellfit: Wellfit
) -> None:
    table[["hours", "job", "age"]].to_csv("new.csv", index=False)
    done = wellfit("predict", str(classifier), "new.csv", "--out", "predictions.csv")
    assert done.exit_code == 0, done.output
    assert "120 predictions in predictions.csv" in done.output
    answers = pd.read_csv("predictions.csv")
    assert list(answers) == ["prediction", "probability_high", "probability_low"]
    model = load_model(classifier / "model")
    assert (answers["prediction"] == model.predict(table[["age", "job", "hours"]])).all()
    np.testing.assert_allclose(
        answers.filter(like="probability"),
        model.predict_proba(table[["age", "job", "hours"]]),
        rtol=1e-6,
    )


def test_classes_and_probabilities_take_one_pass_through_the_network(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = table[["age", "hours"]]
    model = MLPClassifier((2,), epochs=1).fit(X, table["job"])
    passes: list[int] = []
    outputs = MLPClassifier.outputs

    def counted(self: MLPClassifier, X: pd.DataFrame) -> NDArray[np.floating]:
        passes.append(len(X))
        return outputs(self, X)

    monkeypatch.setattr(MLPClassifier, "outputs", counted)
    monkeypatch.setattr(NewRows, "blocks", lambda self, model: [Block(X, None)])
    written: list[str] = []
    count, _ = _predict(model, NewRows("adult.csv"), Spread((), ()), written.append)
    assert passes == [len(X)] == [count]
    found = pd.read_csv(io.StringIO("".join(written)))
    assert (found["prediction"] == model.predict(X)).all()


def test_a_model_folder_does_as_well_as_a_run(
    classifier: Path, table: pd.DataFrame, wellfit: Wellfit
) -> None:
    answers = [
        wellfit("predict", str(path), "adult.csv", "--out", "-").stdout
        for path in (classifier, classifier / "model")
    ]
    assert answers[0] == answers[1]
    assert len(pd.read_csv(io.StringIO(answers[0]))) == len(table)


def test_the_target_is_compared_and_other_columns_left_aside(
    classifier: Path, table: pd.DataFrame, wellfit: Wellfit
) -> None:
    done = wellfit("predict", str(classifier), "adult.csv", "--out", "-")
    model = load_model(classifier / "model")
    accuracy = model.score(table[["age", "job", "hours"]], table["income"])
    assert f"accuracy {100 * accuracy:.1f} % against income" in done.stderr
    assert "doesn't use: pay" in done.stderr
    assert "accuracy" not in done.stdout


def test_a_target_with_missing_values_is_not_compared(
    classifier: Path, table: pd.DataFrame, wellfit: Wellfit
) -> None:
    table.assign(income=table["income"].where(table.index > 3)).to_csv("new.csv", index=False)
    done = wellfit("predict", str(classifier), "new.csv", "--out", "-")
    assert done.exit_code == 0
    assert "accuracy" not in done.stderr
    assert "income is missing or can't be read in 4 rows" in done.stderr


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_standard_input_is_read(classifier: Path, table: pd.DataFrame, kind: str) -> None:
    rows = io.BytesIO()
    if kind == "csv":
        table.to_csv(rows, index=False)
    else:
        table.to_parquet(rows, index=False)
    words = ["predict", str(classifier), "-", "--out", "-"]
    done = CliRunner().invoke(app, words, input=rows.getvalue())
    assert done.exit_code == 0, done.output
    answers = pd.read_csv(io.StringIO(done.stdout))
    expected = load_model(classifier / "model").predict(table[["age", "job", "hours"]])
    assert (answers["prediction"] == expected).all()


def test_a_regression_has_one_column(table: pd.DataFrame, wellfit: Wellfit) -> None:
    words = ("--drop", "income", "--hidden", "8", "--epochs", "2", "--run", "run")
    assert wellfit("train", "adult.csv", "--target", "pay", *words).exit_code == 0
    table.to_parquet("new.parquet")
    done = wellfit("predict", "run", "new.parquet", "--out", "p.csv")
    assert done.exit_code == 0, done.output
    answers = pd.read_csv("p.csv")
    assert list(answers) == ["prediction"]
    expected = load_model("run/model").predict(table[["age", "job", "hours"]])
    np.testing.assert_allclose(answers["prediction"], expected, rtol=1e-6)
    assert "R² " in done.stderr


def test_arrays_and_data_by_name(here: Path, wellfit: Wellfit) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 64))
    words = ("train", "digits", "--hidden", "8", "--epochs", "1", "--run", "run")
    assert wellfit(*words).exit_code == 0
    np.savez("new.npz", X=X)
    assert len(wellfit("predict", "run", "new.npz", "--out", "-").stdout.splitlines()) == 41
    done = wellfit("predict", "run", "digits", "--out", "-")
    assert len(done.stdout.splitlines()) == 1798
    assert "against the labels" in done.stderr


def test_several_outputs_have_a_column_each(here: Path, wellfit: Wellfit) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    np.savez("data.npz", X=X, y=X * [2.0, 3.0])
    words = ("train", "data.npz", "--hidden", "8", "--epochs", "1", "--run", "run")
    assert wellfit(*words).exit_code == 0
    done = wellfit("predict", "run", "data.npz", "--out", "-")
    assert done.stdout.splitlines()[0] == "prediction_1,prediction_2"


# Intervals, sets, quantiles


def trained(wellfit: Wellfit, target: str, *words: str) -> str:
    given = ("--drop", "income" if target == "pay" else "pay", "--hidden", "8", "--epochs", "2")
    done = wellfit("train", "adult.csv", "--target", target, *given, *words, "--run", "run")
    assert done.exit_code == 0, done.output
    return "run"


def test_intervals_have_two_columns_a_level(table: pd.DataFrame, wellfit: Wellfit) -> None:
    run = trained(wellfit, "pay", "--conformal", "split", "--conformal-fraction", "0.3")
    done = wellfit("predict", run, "adult.csv", "--interval", "90", "--interval", "50", "-o", "p")
    assert done.exit_code == 0, done.output
    answers, model = pd.read_csv("p"), load_model("run/model")
    assert list(answers) == ["prediction", "low_90", "high_90", "low_50", "high_50"]
    expected = model.predict_interval(table[["age", "job", "hours"]], 0.9)
    np.testing.assert_allclose(answers[["low_90", "high_90"]], expected, rtol=1e-6)
    held = answers["low_90"].le(table["pay"]) & answers["high_90"].ge(table["pay"])
    assert f"90 % intervals hold {100 * held.mean():.1f} % of 120 rows" in done.stderr


def test_sets_are_labels(table: pd.DataFrame, wellfit: Wellfit) -> None:
    run = trained(wellfit, "income", "--conformal", "split")
    done = wellfit("predict", run, "adult.csv", "--set", "90", "--out", "p.csv")
    assert done.exit_code == 0, done.output
    sets, model = pd.read_csv("p.csv")["set_90"], load_model("run/model")
    chosen = model.predict_set(table[["age", "job", "hours"]], 0.9)
    assert sets.tolist() == ["|".join(model.classes_[each]) for each in chosen]
    held = [label in each.split("|") for label, each in zip(table["income"], sets, strict=True)]
    assert f"90 % sets hold the class of {100 * np.mean(held):.1f} % of 120 rows" in done.stderr


def test_all_quantiles_of_a_quantile_loss_are_written(
    table: pd.DataFrame, wellfit: Wellfit
) -> None:
    run = trained(wellfit, "pay", "--loss", "quantile")
    done = wellfit("predict", run, "adult.csv", "--out", "p.csv")
    assert done.exit_code == 0, done.output
    answers = pd.read_csv("p.csv")
    assert list(answers) == ["prediction", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    expected = load_model("run/model").predict_quantiles(table[["age", "job", "hours"]])
    np.testing.assert_allclose(answers.iloc[:, 1:], expected, rtol=1e-6)


def test_several_outputs_have_an_interval_each(here: Path, wellfit: Wellfit) -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    np.savez("data.npz", X=X, y=X * [2.0, 3.0])
    words = ("--hidden", "8", "--epochs", "1", "--conformal", "split", "--run", "run")
    assert wellfit("train", "data.npz", *words).exit_code == 0
    done = wellfit("predict", "run", "data.npz", "--interval", "80", "--out", "-")
    head = "prediction_1,prediction_2,low_80_1,high_80_1,low_80_2,high_80_2"
    assert done.stdout.splitlines()[0] == head


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--interval", "90"), "predicts classes; expected --set 90"),
        (("--set", "90"), "isn't calibrated; expected a model trained with --conformal split"),
        (("--set", "0.9"), "expected per cent, from 1 to below 100; did you mean 90?"),
        (("--set", "100"), "expected per cent, from 1 to below 100"),
    ],
)
def test_intervals_and_sets_that_are_not_there(
    classifier: Path, here: Path, wellfit: Wellfit, words: tuple[str, ...], told: str
) -> None:
    done = wellfit("predict", str(classifier), "adult.csv", "--out", "new.csv", *words)
    assert done.exit_code != 0
    assert told in " ".join(done.stderr.split())
    assert not Path("new.csv").exists()


@pytest.mark.parametrize(
    ("run", "data", "out", "told"),
    [
        ("{run}", "nohours.csv", "-", "nohours.csv has no column 'hours'; did you mean 'Hours'?"),
        ("{run}", "text.csv", "-", "age"),
        ("{run}", "digits", "-", "digits has no column names; expected age, job, hours"),
        ("{run}", "nowhere.csv", "-", "neither a file nor a known data set"),
        ("{run}", "adult.csv", "nowhere/p.csv", "the folder nowhere doesn't exist"),
        ("{run}", "adult.csv", "./adult.csv", "adult.csv holds the rows to predict; expected ano"),
        ("{run}x", "adult.csv", "-", "did you mean"),
        ("nohours.csv", "adult.csv", "-", "is a file; expected the folder of a run or of a model"),
        (".", "adult.csv", "-", "not a model folder"),
        (
            "cut",
            "adult.csv",
            "-",
            "has no model yet; `wellfit train --resume cut` resumes it",
        ),
    ],
)
def test_what_cannot_be_predicted_is_told(
    classifier: Path,
    table: pd.DataFrame,
    wellfit: Wellfit,
    run: str,
    data: str,
    out: str,
    told: str,
) -> None:
    table.rename(columns={"hours": "Hours"}).to_csv("nohours.csv", index=False)
    table.assign(age="old").to_csv("text.csv", index=False)
    shutil.copytree(classifier, "cut", ignore=shutil.ignore_patterns("model"))
    done = wellfit("predict", run.format(run=classifier), data, "--out", out)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert done.stdout == ""


def test_the_file_to_write_is_asked_for(classifier: Path, here: Path, wellfit: Wellfit) -> None:
    done = wellfit("predict", str(classifier), "adult.csv")
    assert done.exit_code == 2
    assert "--out" in done.stderr


def test_an_altered_model_is_refused(classifier: Path, here: Path, wellfit: Wellfit) -> None:
    import shutil

    shutil.copytree(classifier, here / "run")
    weights = here / "run" / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    done = wellfit("predict", "run", "adult.csv", "--out", "-")
    assert done.exit_code == 2
    assert "damaged or was altered" in done.stderr


def test_a_run_that_was_killed_predicts_by_its_last_checkpoint(
    here: Path, wellfit: Wellfit
) -> None:
    words = ("--hidden", "8", "--epochs", "4", "--run", "run", "--checkpoint-every", "0")
    kept = ("--keep-checkpoints", "--drop", "pay", "--target", "income")
    assert wellfit("train", "adult.csv", *words, *kept).exit_code == 0
    assert wellfit("predict", "run", "adult.csv", "--out", "whole.csv").exit_code == 0
    run = here / "run"
    (run / "result.json").unlink()
    shutil.rmtree(run / "model")
    told = wellfit("predict", "run", "adult.csv", "--out", "cut.csv")
    assert told.exit_code == 0, told.output
    cut, whole = (pd.read_csv(here / f"{name}.csv") for name in ("cut", "whole"))
    pd.testing.assert_frame_equal(cut, whole, rtol=1e-5)  # of PyTorch, and of NumPy
    said = " ".join(told.output.split())
    assert "the run run isn't finished: these are the weights of epoch 4" in said
    assert "accuracy" in said
    exported = wellfit("export", "run", "--to", "torch", "--out", "model.py")
    assert exported.exit_code == 0, exported.output
    assert "the run run isn't finished" in " ".join(exported.output.split())

    with pytest.raises(ModelFileError, match=r"holds no model yet.*did you mean '.*checkpoints'"):
        load_model(run)
    assert load_model(run / "checkpoints").n_epochs_ == 4

    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"torn")
    told = wellfit("predict", "run", "adult.csv", "--out", "torn.csv")
    assert told.exit_code == 2
    assert "there is no whole checkpoint in" in told.output


def test_an_earlier_runs_model_gives_way_to_newer_checkpoints(
    here: Path, wellfit: Wellfit
) -> None:
    words = ("train", "adult.csv", "--target", "income", "--drop", "pay", "--run", "run")
    quick = ("--hidden", "8", "--epochs", "2", "--checkpoint-every", "0", "--keep-checkpoints")
    assert wellfit(*words, *quick).exit_code == 0
    (here / "run" / "result.json").unlink()
    assert "isn't finished" not in wellfit("predict", "run", "adult.csv", "-o", "p.csv").output
    for path in (here / "run" / "checkpoints").iterdir():
        os.utime(path)
    assert "isn't finished" in wellfit("predict", "run", "adult.csv", "-o", "p.csv").output


def test_a_full_disk_keeps_whole_files_of_predictions_only(
    classifier: Path, table: pd.DataFrame, small_disk: Path, wellfit: Wellfit
) -> None:
    Path("new").mkdir()
    for name, times in (("0", 1), ("1", 20)):
        pd.concat([table] * times).to_csv(f"new/{name}.csv", index=False)
    done = wellfit("predict", str(classifier), "new", "--out", str(small_disk / "scores"))
    assert done.exit_code == 1
    assert f"{small_disk / 'scores' / '1.csv'}: No space left on device" in done.stderr
    assert "note: 1 of 2 files is written" in done.stderr
    assert os.listdir(small_disk / "scores") == ["0.csv"]
    assert len(pd.read_csv(small_disk / "scores" / "0.csv")) == len(table)
