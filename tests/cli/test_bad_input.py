"""Bad input gets one line that says what was expected, exit code 2, and costs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

INCOME = "train adult.csv --target income --hidden 8 --epochs 2"


@pytest.fixture
def odd(here: Path) -> Path:
    """``adult.csv`` with targets that no network can learn, and a folder of somebody else's."""
    table = pd.read_csv("adult.csv")
    table = table.assign(
        one=1,
        single="x",
        gap=table["income"].where(table.index > 5),
        hole=table["pay"].where(table.index > 5),
        own=[f"${value // 2}" for value in table.index],
        mixed=table["pay"].astype(object).where(table.index != 7, "soon"),
    )
    table.to_csv("adult.csv", index=False)
    table.drop(columns="hours").to_csv("nohours.csv", index=False)
    (here / "theirs").mkdir()
    (here / "theirs" / "thesis.txt").write_text("irreplaceable")
    return here


def squeezed(text: str) -> str:
    """Return text without the frames and line breaks that typer puts around its errors."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("trian adult.csv", "Did you mean 'train'?"),
        ("train adult.csv --hiden 8", "No such option: --hiden"),
        ("train adult.csv --hiden 8", "--hidden"),
        ("train", "Missing argument"),
        ("train adlut.csv", "did you mean 'adult.csv'?"),
        ("train digit", "did you mean 'digits'?"),
        ("train adult.csv", "set the column to predict"),
        ("train adult.csv --target incom", "did you mean 'income'?"),
        ("train digits --target pixel", "given: 'pixel'"),
        ("train adult.csv --target one", "the target is constant"),
        ("train adult.csv --target single", "expected at least two distinct values"),
        ("train adult.csv --target gap", "the target 'gap' is missing in 6 rows of 120"),
        ("train adult.csv --target hole", "the target 'hole' is missing in 6 rows of 120"),
        ("train adult.csv --target mixed", "'soon' in row 8; expected numbers"),
        ("train adult.csv --target own", "60 different texts in 120 rows, such as '$0'"),
        ("train adult.csv --target income --task regression", "text in 120 rows of 120"),
        (f"{INCOME} --task clasification", "did you mean 'classification'?"),
        ("train adult.csv --target pay --task classification", "Unknown label type: continuous"),
        (f"{INCOME} --drop agee", "did you mean 'age'?"),
        ("train digits --drop x", "digits has no column names"),
        (f"{INCOME} --test nohours.csv", "nohours.csv has no column 'hours'"),
        (f"{INCOME} --test nowhere.csv", "did you mean 'nohours.csv'?"),
        (f"{INCOME} --test-fraction 1.5", "--test-fraction is 1.5; expected a number between"),
        (f"{INCOME} --epochs many", "epochs is 'many'; expected a whole number, at least 1"),
        (f"{INCOME} --epochs 0", "epochs is 0; expected a whole number, at least 1"),
        (f"{INCOME} --batch-size 0", "batch_size is 0; expected a whole number, at least 1"),
        (f"{INCOME} --seed -1", "Invalid value for '--seed'"),
        (f"{INCOME} --seed 4294967296", "--seed is 4294967296; expected a number below"),
        (f"{INCOME} --bagging 1", "bagging is 1; expected a whole number, at least 2"),
        ("train adult.csv --hidden 64x32", "at least 1, or 'auto', such as 512,256"),
        (f"{INCOME} --augment shfit", "did you mean 'shift'?"),
        (f"{INCOME} --augment shift", "expected --image-shape HEIGHT,WIDTH"),
        (f"{INCOME} --augment shift --set image_shape=(28,28)", "28"),
        (f"{INCOME} --gradient-clipping by_nrom", "did you mean 'by_norm'?"),
        (f"{INCOME} --gradient-clipping -1", "expected a number in (0, inf)"),
        (f"{INCOME} --set gradient_clipping__limit=1", "such as --gradient-clipping by_norm"),
        (f"{INCOME} --max-norm 0", "expected a number in (0, inf)"),
        (f"{INCOME} --ema-decay 1.5", "1.5; expected a number in [0, 1)"),
        (f"{INCOME} --subsample 0", "subsample is 0; expected a number in (0, 1]"),
        (f"{INCOME} --eval-every 0", "eval_every is 0; expected a whole number"),
        (f"{INCOME} --scoring f1_marco", "did you mean 'f1_macro'?"),
        (f"{INCOME} --monitor f1_marco", "did you mean 'f1_macro'?"),
        (f"{INCOME} --patience 3 --no-early-stopping", "early stopping is off"),
        (f"{INCOME} --initializer he_norml", "did you mean 'he_normal'?"),
        (f"{INCOME} --time-limit 0", "expected a number in (0, inf)"),
        (f"{INCOME} --set loss__label_smothing=1", "did you mean 'label_smoothing'?"),
        (f"{INCOME} --set layers=[dens]", "did you mean 'dense'?"),
        (f"{INCOME} --set schedules=ramp", "expected a dictionary"),
        (f"{INCOME} --hidden abc", "hidden_layer_sizes is 'abc'; expected whole numbers"),
        (f"{INCOME} --hidden 8,,4", "is '8,,4'; expected whole numbers, at least 1"),
        (f"{INCOME} --hidden 0", "hidden_layer_sizes is (0,); expected whole numbers, at least 1"),
        (f"{INCOME} --dropout 1.5", "1.5; expected a number in [0, 1)"),
        (f"{INCOME} --learning-rate -1", "learning_rate is -1; expected a number in [0, inf)"),
        (f"{INCOME} --l2 -3", "l2 is -3; expected a number in [0, inf)"),
        (f"{INCOME} --validation-fraction 2", "2; expected a number in (0, 1)"),
        (f"{INCOME} --activation rleu", "did you mean 'relu'?"),
        (f"{INCOME} --optimizer adm", "did you mean 'adam'?"),
        (f"{INCOME} --lr-schedule onecycle", "did you mean 'one_cycle'?"),
        (f"{INCOME} --precision float23", "did you mean 'float32'?"),
        (f"{INCOME} --device cuda:99", "device is 'cuda:99'"),
        (f"{INCOME} --class-weight blanced", "did you mean 'balanced'?"),
        ("train adult.csv --target pay --class-weight balanced", "and this is a regression"),
        (f"{INCOME} --set nonsense", "expected name=value"),
        (f"{INCOME} --set epoch=3", "did you mean 'epochs'?"),
        (f"{INCOME} --set callbacks=3", "the command line sets this parameter itself"),
        (f"{INCOME} --optimizer sgd --set optimizer__momentun=0.9", "did you mean 'momentum'?"),
        (f"{INCOME} --optimizer sgd --set optimizer__momentum=x", "'x'; expected a number"),
        (f"{INCOME} --data-dir nowhere", "the data folder nowhere doesn't exist"),
        (f"{INCOME} --run theirs", "theirs contains thesis.txt; expected a new folder"),
        (f"{INCOME} --run adult.csv", "adult.csv is a file; expected a new folder"),
        ("data show digit", "did you mean 'digits'?"),
        ("data shw digits", "Did you mean 'show'?"),
        ("data list --data-dir nowhere", "the data folder nowhere doesn't exist"),
        ("methods optimiser", "did you mean 'optimizer'?"),
    ],
)
def test_it_is_told_in_one_line_and_nothing_is_written(
    odd: Path, wellfit: Wellfit, command: str, told: str
) -> None:
    before = sorted(odd.rglob("*"))
    done = wellfit(*shlex.split(command))
    assert done.exit_code == 2, done.output
    assert told in squeezed(done.output)
    assert "Traceback" not in done.output
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1 or "Usage:" in done.stderr
    assert sorted(odd.rglob("*")) == before


def test_infinite_numbers_are_refused(here: Path, wellfit: Wellfit) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    X[3, 1] = np.inf
    np.savez("data.npz", X=X, y=np.arange(40) % 2)
    done = wellfit("train", "data.npz", "--epochs", "1", "--hidden", "4", "-q")
    assert done.exit_code == 2
    assert "infinity" in done.stderr
    assert not (here / "runs").exists()


def test_one_column_has_to_be_left(here: Path, wellfit: Wellfit) -> None:
    drop = [word for name in ("age", "job", "hours", "pay") for word in ("--drop", name)]
    done = wellfit(*shlex.split(INCOME), *drop)
    assert done.exit_code == 2
    assert "without pay there are no columns left" in done.stderr


def test_fewer_rows_than_a_batch_are_one_batch(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*shlex.split(INCOME), "--batch-size", "5000")
    assert done.exit_code == 0, done.output


def test_a_run_survives_a_command_that_cannot_be_used(here: Path, wellfit: Wellfit) -> None:
    words = [*shlex.split(INCOME), "--run", "run", "--overwrite"]
    assert wellfit(*words).exit_code == 0
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    for wrong in (["--dropout", "2"], ["--target", "incom"], ["--validation-fraction", "7"]):
        assert wellfit(*words, *wrong).exit_code == 2
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["config.json", "model"])
def test_a_folder_that_only_looks_like_a_run_is_left_alone(
    here: Path, wellfit: Wellfit, name: str
) -> None:
    (here / "run").mkdir()
    (here / "run" / name).write_text('{"hidden_size": 768}')
    done = wellfit(*shlex.split(INCOME), "--run", "run")
    assert done.exit_code == 2
    assert name in done.stderr
    assert (here / "run" / name).read_text() == '{"hidden_size": 768}'


def test_a_training_that_diverges_fails_and_keeps_the_earlier_model(
    here: Path, wellfit: Wellfit
) -> None:
    words = [*shlex.split(INCOME), "--run", "run", "--overwrite"]
    assert wellfit(*words).exit_code == 0
    model = (here / "run" / "model" / "model.json").read_bytes()
    done = wellfit(*words, "--optimizer", "sgd", "--learning-rate", "1e30")
    assert done.exit_code == 1
    assert "try a learning rate ten times smaller" in done.stderr
    assert "is still the model of an earlier run" in done.stderr
    assert (here / "run" / "model" / "model.json").read_bytes() == model
    assert not (here / "run" / "result.json").exists()


def test_a_pickle_is_read_only_where_it_is_trusted(here: Path, wellfit: Wellfit) -> None:
    import pickle

    rng = np.random.default_rng(0)
    part = {"dataset": rng.normal(size=(40, 2, 2)), "labels": np.arange(40) % 2}
    arrays = {f"train_{name}": values for name, values in part.items()}
    (here / "letters.pickle").write_bytes(pickle.dumps(arrays))
    words = ("train", "letters.pickle", "--hidden", "4", "--epochs", "1")
    refused = wellfit(*words)
    assert refused.exit_code == 2
    assert "--allow-pickle" in refused.stderr
    assert wellfit(*words, "--allow-pickle", "--run", "letters").exit_code == 0
    asked = ("predict", "letters", "letters.pickle", "--out", "-")
    refused = wellfit(*asked)
    assert refused.exit_code == 2
    assert "--allow-pickle" in refused.stderr
    answered = wellfit(*asked, "--allow-pickle")
    assert answered.exit_code == 0, answered.stderr
    assert len(answered.stdout.splitlines()) == 1 + 40  # a header, the rows
    assert "against the labels" in answered.stderr


def test_an_error_that_nobody_thought_of_has_a_line_too(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("wellfit.cli.evaluation.evaluate", broken)
    done = wellfit(*shlex.split(INCOME))
    assert done.exit_code == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "--debug" in done.stderr


@pytest.mark.parametrize("how", [("--debug",), ()])
def test_debug_shows_the_traceback(here: Path, wellfit: Wellfit, how: tuple[str, ...]) -> None:
    env = {} if how else {"WELLFIT_DEBUG": "1"}
    done = wellfit(*how, "train", "nowhere.csv", env=env)
    assert done.exit_code == 1
    assert "neither a file nor a known data set" in str(done.exception)
