"""``wellfit train``: what it prints and what it leaves behind."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.datasets import load_breast_cancer
from typer.testing import Result

from wellfit import MLPClassifier, MLPRegressor
from wellfit.cli.dashboard.runs import RunMonitor
from wellfit.cli.evaluation import evaluate, names_of
from wellfit.cli.request import Request
from wellfit.cli.source import SplitData, open_source
from wellfit.cli.training_summary import training_summary
from wellfit.datasets import Dataset
from wellfit.estimators import load_model

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

TRAIN = ("train", "adult.csv", "--target", "income")
QUICK = ("--hidden", "8", "--epochs", "3")


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_looks_at_the_data_trains_judges_and_says_where_all_of_it_is(
    here: Path, wellfit: Wellfit, drawn: None
) -> None:
    done = wellfit(*TRAIN, *QUICK)
    assert done.exit_code == 0, done.output
    for told in (
        "96 training, 24 test (a random 20 % of the rows, seed 0)",
        "4: 3 numeric, 1 categorical",
        "hours",  # the column with gaps
        "high",  # a class
        "no test row occurs in the training set",
        "1 hidden layer of 8 units",
        "epoch 3/3",
        "learning rate",
        "left",
        "accuracy",
        "(Wilson)",
        "96 rows",  # learned from: folds of them validated
        "Majority-class baseline: ",
        "(always high, on the same test rows)",
        "confusion matrix of the test set",
        "┤",  # the learning curves
        "runs/adult",
        "wellfit predict runs/adult",
    ):
        assert told in done.output, told


@pytest.mark.parametrize(
    ("word", "key", "settings"),
    [
        ("batch_norm=BatchNorm(momentum=.95, output=true)", "batch_norm", {"momentum": 0.95}),
        ("optimizer=SGD(0.3, momentum=0.9)", "optimizer", {"learning_rate": 0.3}),
        ("optimizer=adagrad(learning_rate=0.3)", "optimizer", {"learning_rate": 0.3}),
        ("lr_schedule=Exponential(0.5, unit=steps)", "lr_schedule", {"unit": "steps"}),
    ],
)
def test_an_algorithm_is_written_as_in_python(
    here: Path, wellfit: Wellfit, word: str, key: str, settings: dict
) -> None:
    done = wellfit(*TRAIN, *QUICK, "--quiet", "--run", "run", "--set", word)
    assert done.exit_code == 0, done.output
    model = load_model(here / "run" / "model")
    used = getattr(model, key)
    used = used if isinstance(used, dict) else used.to_dict()
    assert used.items() >= settings.items()


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("optimizer=SGD(0.1, 0.9, True, 1)", "unknown optimizer 'SGD(0.1, 0.9, True, 1)'"),
        ("optimizer=SGD(rate=0.1)", "unknown hyper-parameter 'rate' of sgd"),
        ("optimizer=SGD(**{})", "unknown optimizer 'SGD(**{})'"),
        ("optimizer=print(1)", "unknown optimizer 'print(1)'"),
        ("batch_norm=BatchNorm(momentum=2)", "momentum of layer 'batch_norm' is 2"),
        ("batch_norm=Dropout(0.1)", "layer is 'dropout'; expected a BatchNorm"),
    ],
)
def test_an_algorithm_that_is_written_wrongly(
    here: Path, wellfit: Wellfit, word: str, complaint: str
) -> None:
    done = wellfit(*TRAIN, *QUICK, "--set", word)
    assert done.exit_code == 2
    assert complaint in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (("--loss", "sigmoid_cross_entropy"), ""),  # one output: it is the log loss
        (("--class-weight", "balanced"), "is softmax_cross_entropy, of rows weighted by class;"),
        (("--loss", "sigmoid_squared_error"), "is sigmoid_squared_error, not a log loss; the log"),
    ],
)
def test_losses_that_are_no_log_loss_are_told_apart(
    here: Path, wellfit: Wellfit, words: tuple[str, ...], note: str
) -> None:
    done = wellfit(*TRAIN, *QUICK, *words)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert ("The loss in training" in said) == bool(note)
    assert note in said


def test_the_run_folder_holds_all_of_it(classifier: Path) -> None:
    assert {path.name for path in classifier.iterdir()} == {
        *("config.json", "metrics.jsonl", "health.jsonl", "result.json", "model"),
        *("learning_curve.png", "confusion_matrix.png"),
    }
    for picture in classifier.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert isinstance(load_model(classifier / "model"), MLPClassifier)


def test_the_config_tells_how_to_repeat_it(classifier: Path) -> None:
    config = read(classifier / "config.json")
    assert config["settings"]["hidden_layer_sizes"] == [8]
    assert config["settings"]["optimizer"]["learning_rate"] == 0.001
    assert config["seed"] == 0
    assert config["data"]["columns"] == ["age", "job", "hours"]
    assert config["data"]["target"] == "income"
    assert config["data"]["task"] == "binary"
    assert config["data"]["training_rows"] == 96
    assert config["data"]["test_rows"] == 24
    assert set(config["versions"]) >= {"python", "torch", "wellfit"}


def test_the_metrics_have_a_line_an_epoch(classifier: Path) -> None:
    metrics = lines(classifier / "metrics.jsonl")
    assert [line["epoch"] for line in metrics] == [1, 2, 3]
    for line in metrics:
        names = {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
        assert names <= set(line)
    model = load_model(classifier / "model")
    assert [line["loss"] for line in metrics] == model.history_["loss"]


def test_the_result_tells_how_good_the_saved_model_is(classifier: Path) -> None:
    result = read(classifier / "result.json")
    source = open_source(
        Request(str(classifier.parent / "adult.csv"), target="income", drop=("pay",))
    )
    model = load_model(classifier / "model")
    accuracy = next(score for score in result["test"] if score["name"] == "accuracy")
    assert accuracy["value"] == model.score(source.data.X_test, source.data.y_test)
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert result["status"] == "finished"
    assert result["epochs"] == 3
    assert np.sum(result["confusion"]["counts"]) == result["test_rows"] == 24


def test_the_baseline_is_computed_on_the_same_rows(classifier: Path) -> None:
    result = read(classifier / "result.json")
    table = pd.read_csv(classifier.parent / "adult.csv")
    source = open_source(
        Request(str(classifier.parent / "adult.csv"), target="income", drop=("pay",))
    )
    shares = source.data.y.value_counts(normalize=True)
    baseline = {score["name"]: score["value"] for score in result["baseline"]}
    assert baseline["accuracy"] == (source.data.y_test == shares.idxmax()).mean()
    assert baseline["log loss"] == pytest.approx(-np.log(shares[source.data.y_test]).mean(), 0.02)
    assert result["trained_rows"] == 96
    assert len(table) == 120


def test_scores_on_training_rows_leave_out_the_rows_held_out() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    source = SplitData(Dataset("cancer", X[:400], y[:400], X[400:], y[400:]), "binary", "")
    given = {"epochs": 5, "validation_fraction": 0.1, "random_state": 0}
    fitted = MLPClassifier((8,), **given).fit(X[:400], y[:400])
    judged = evaluate(fitted, source)
    ids = fitted.network_.split.train
    assert judged.trained == len(ids) == 360
    assert judged.training[0].value == fitted.score(X[ids], y[ids])
    given = replace(source, data=replace(source.data, X_val=X[:50], y_val=y[:50]))
    apart = MLPClassifier((8,), epochs=5, random_state=0)
    apart.fit(X[:400], y[:400], X_val=X[:50], y_val=y[:50])
    assert evaluate(apart, given).trained == 400


def test_several_outputs_have_a_baseline_too() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    both = np.c_[y, y]
    labels = MLPClassifier((8,), numeric_embedding=None, epochs=2).fit(X[:400], both[:400])
    source = SplitData(
        Dataset("cancer", X[:400], both[:400], X[400:], both[400:]), "multilabel", ""
    )
    baseline = {score.name: score.value for score in evaluate(labels, source).baseline}
    assert baseline["label accuracy"] == pytest.approx(np.mean(y[400:] == (y[:400].mean() > 0.5)))
    numbers = MLPRegressor((8,), numeric_embedding=None, epochs=2)
    numbers.fit(X[:400, 2:], X[:400, :2])
    target = Dataset("cancer", X[:400, 2:], X[:400, :2], X[400:, 2:], X[400:, :2])
    scores = {
        s.name: s.value for s in evaluate(numbers, SplitData(target, "regression", "")).baseline
    }
    mean = X[:400, 0][numbers.network_.split.train].mean()
    assert scores["MAE, output 1"] == pytest.approx(np.abs(X[400:, 0] - mean).mean())


def leaking(here: Path) -> None:
    table = pd.read_csv(here / "adult.csv").drop(columns="pay")
    more = pd.concat([table] * 3, ignore_index=True)
    more["age"] += np.arange(len(more)) / 1000
    more.assign(alive=np.where(more.income == "high", "yes", "no")).to_csv("leak.csv", index=False)


def test_a_column_that_determines_the_target_is_told_before_and_after(
    here: Path, wellfit: Wellfit
) -> None:
    leaking(here)
    done = wellfit("train", "leak.csv", "--target", "income", *QUICK, "--run", "r")
    before, _, after = done.output.partition("epoch 1/3")
    for part in (before, after):
        words = " ".join(part.split())
        assert "column 'alive' alone determines the target (accuracy 100.0 % on " in words.lower()
        assert "majority-class baseline " in words
    assert "Well fit" not in done.output
    result = read(here / "r" / "result.json")
    assert result["verdict"]["name"] == "leaking_columns"
    checks = {one["check"]: one["outcome"] for one in result["data_checks"]}
    assert checks["leaking_columns"] == "fail"
    quiet = wellfit("train", "leak.csv", "--target", "income", *QUICK, "--quiet")
    assert "column 'alive' alone determines the target" in quiet.output
    dropped = wellfit("train", "leak.csv", "--target", "income", *QUICK, "--drop", "alive")
    assert "alone" not in dropped.output


def test_a_number_is_learned_by_regression(here: Path, wellfit: Wellfit, drawn: None) -> None:
    done = wellfit("train", "adult.csv", "--target", "pay", *QUICK)
    assert done.exit_code == 0, done.output
    for told in (
        "R²",
        "RMSE",
        "MAE",
        "(bootstrap)",
        "true - predicted",
        "median",
        "training rows' mean",
    ):
        assert told in done.output, told
    assert (here / "runs" / "adult" / "residuals.png").read_bytes().startswith(b"\x89PNG")
    assert not (here / "runs" / "adult" / "confusion_matrix.png").exists()
    assert isinstance(load_model(here / "runs" / "adult" / "model"), MLPRegressor)


def test_the_same_seed_gives_the_same_run_another_seed_another(
    here: Path, wellfit: Wellfit
) -> None:
    for run, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert wellfit(*TRAIN, *QUICK, "--seed", seed, "--run", run, "-q").exit_code == 0
    a, b, c = (read(here / run / "result.json")["test"] for run in "abc")
    assert a == b != c


def test_options_reach_the_estimator(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(
        *TRAIN,
        *("--hidden", "8,4", "--activation", "tanh", "--batch-norm", "--dropout", "0.2"),
        *("--set", "numeric_embedding=None"),
        *("--input-dropout", "0.1", "--optimizer", "sgd", "--learning-rate", "0.05"),
        *("--lr-schedule", "exponential", "--batch-size", "16", "--epochs", "2", "--l1", "1e-4"),
        *("--l2", "1e-3", "--no-early-stopping", "--validation-fraction", "0.25"),
        *("--class-weight", "balanced", "--precision", "float64", "--device", "cpu"),
        *("--set", "optimizer__momentum=0.8", "--set", "lr_schedule__decay=0.5", "--run", "run"),
    )
    assert done.exit_code == 0, done.output
    settings = read(here / "run" / "config.json")["settings"]
    assert settings["hidden_layer_sizes"] == [8, 4]
    assert settings["activation"]["name"] == "tanh"
    assert settings["batch_norm"] is True
    assert (settings["dropout"], settings["input_dropout"]) == (0.2, 0.1)
    assert settings["optimizer"]["name"] == "sgd"
    assert settings["optimizer"]["learning_rate"] == 0.05
    assert settings["optimizer"]["momentum"] == 0.8
    assert settings["lr_schedule"]["name"] == "exponential"
    assert settings["lr_schedule"]["decay"] == 0.5
    assert (settings["batch_size"], settings["epochs"]) == (16, 2)
    assert (settings["l1"], settings["l2"]) == (1e-4, 1e-3)
    assert settings["early_stopping"] is False
    assert settings["validation_fraction"] == 0.25
    assert settings["class_weight"] == "balanced"
    assert (settings["precision"], settings["device"]) == ("float64", "cpu")
    model = load_model(here / "run" / "model")
    assert [weights.shape for weights in model.coefs_] == [(7, 8), (8, 4), (4, 2)]


def test_the_rest_of_the_toolbox_reaches_the_estimator(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(
        *TRAIN,
        *("--initializer", "he_normal", "--bias-initializer", "ones", "--input-noise", "0.1"),
        *(
            "--max-norm",
            "3",
            "--gradient-clipping",
            "by_value",
            "--ema-decay",
            "0.9",
            "--subsample",
            "0.8",
        ),
        *("--no-shuffle", "--augment", "noise:0.05", "--augment", "mixup", "--eval-every", "2"),
        *("--scoring", "roc_auc", "--monitor", "roc_auc", "--patience", "7", "--epochs", "4"),
        *(
            "--n-threads",
            "1",
            "--time-limit",
            "1000",
            "--report-every",
            "1",
            "--precision",
            "auto",
        ),
        *("--set", "gradient_clipping__limit=0.5", "--set", "loss__label_smoothing=0.1"),
        *("--set", "layers=[16, {units: 8, activation: elu, dropout: 0.2}]"),
        *("--set", "schedules={beta_1: ramp}", "--run", "run"),
    )
    assert done.exit_code == 0, done.output
    assert sum(line.startswith("epoch ") for line in done.output.splitlines()) == 4
    assert "nan" not in done.output
    config = read(here / "run" / "config.json")
    settings = config["settings"]
    assert settings["initializer"]["name"] == "he_normal"
    assert settings["bias_initializer"]["name"] == "ones"
    assert (settings["input_noise"], settings["max_norm"], settings["ema_decay"]) == (0.1, 3, 0.9)
    assert (settings["gradient_clipping"]["name"], settings["gradient_clipping"]["limit"]) == (
        "by_value",
        0.5,
    )
    assert (settings["subsample"], settings["shuffle"], settings["eval_every"]) == (0.8, False, 2)
    assert [one["name"] for one in settings["augment"]] == ["noise", "mixup"]
    assert settings["augment"][0]["std"] == 0.05
    assert settings["scoring"] == ["roc_auc"]
    assert settings["early_stopping"]["monitor"] == "roc_auc"
    assert settings["early_stopping"]["patience"] == 7
    assert settings["loss"]["label_smoothing"] == 0.1
    assert settings["layers"][0] == 16
    assert settings["layers"][1]["activation"]["name"] == "elu"
    assert config["options"]["time_limit"] == 1000
    metrics = lines(here / "run" / "metrics.jsonl")
    assert [line["val_roc_auc"] is None for line in metrics] == [True, False, True, False]
    model = load_model(here / "run" / "model")
    assert [weights.shape[1] for weights in model.coefs_] == [16, 8, 2]


def test_an_activation_for_each_layer(here: Path, wellfit: Wellfit) -> None:
    words = ("--hidden", "8,4", "--set", "activation=[relu, elu]", "--epochs", "1")
    done = wellfit(*TRAIN, *words)
    assert done.exit_code == 0, done.output
    assert "2 hidden layers of 8, 4 units, relu, elu" in done.output


@pytest.mark.parametrize(
    ("rows", "network", "rate"),
    [
        (1400, "2 hidden layers of 128, 128 units, relu, l2 0.1 decoupled", 0.003),
        (60, "2 hidden layers of 128, 128 units, relu, dropout 0.1", 0.001),
    ],
)
def test_what_auto_stands_for_is_shown(
    tmp_path: Path, rows: int, network: str, rate: float
) -> None:
    columns = np.random.default_rng(0).normal(size=(rows, 2)).round(4)
    pd.DataFrame(columns, columns=["x", "y"]).to_csv(tmp_path / "data.csv", index=False)
    source = open_source(Request(str(tmp_path / "data.csv"), target="y"))
    console = Console(width=100, record=True, file=StringIO())
    console.print(training_summary(MLPRegressor(), source))
    shown = console.export_text()
    assert f"network     {network}, the average of 8 networks " in shown
    assert f"learning rate {rate} " in shown
    # What can't be used is refused by the fit, after the data have been looked at.
    console.print(training_summary(MLPRegressor(validation_fraction=2), source))


def test_a_number_clips_the_norm(here: Path, wellfit: Wellfit) -> None:
    words = (
        "--gradient-clipping",
        "2.5",
        "--set",
        "gradient_clipping__limit=1.5",
        *QUICK,
        "--run",
        "run",
    )
    assert wellfit(*TRAIN, *words).exit_code == 0
    clipping = read(here / "run" / "config.json")["settings"]["gradient_clipping"]
    assert (clipping["name"], clipping["limit"]) == ("by_norm", 1.5)


def test_images_know_their_shape(here: Path, wellfit: Wellfit) -> None:
    words = ("digits", "--augment", "shift:1", "--augment", "rotation", *QUICK, "--run", "run")
    done = wellfit("train", *words)
    assert done.exit_code == 0, done.output
    assert "augmented by shift, rotation" in done.output
    assert read(here / "run" / "config.json")["settings"]["image_shape"] == [8, 8]


def test_the_time_limit_ends_a_training(here: Path, wellfit: Wellfit) -> None:
    words = ("--time-limit", "0.2", "--epochs", "100000", "--no-early-stopping", "--run", "run")
    assert wellfit(*TRAIN, "--hidden", "8", *words).exit_code == 0
    result = read(here / "run" / "result.json")
    assert result["status"] == "early_stopped"
    assert 1 <= result["epochs"] < 100000


def test_tensorboard_is_written_or_asked_for(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    assert wellfit(*TRAIN, *QUICK, "--tensorboard", "--run", "run").exit_code == 0
    assert list((here / "run" / "tensorboard").glob("events.out.tfevents.*"))
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    done = wellfit(*TRAIN, *QUICK, "--tensorboard", "--run", "other")
    assert done.exit_code == 1
    assert "pip install 'wellfit-nn[tensorboard]'" in done.stderr
    assert not (here / "other").exists()


def test_no_hidden_layer_is_a_linear_model(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, "--hidden", "", "--epochs", "2", "--run", "run")
    assert done.exit_code == 0, done.output
    assert "no hidden layer" in done.output
    assert len(load_model(here / "run" / "model").coefs_) == 1


def test_what_is_not_given_keeps_the_estimators_default(here: Path, wellfit: Wellfit) -> None:
    assert wellfit(*TRAIN, "--epochs", "1", "--run", "run", "-q").exit_code == 0
    model, default = load_model(here / "run" / "model"), MLPClassifier()
    changed = {
        key
        for key, value in default.get_params(deep=False).items()
        if getattr(model, key) != value and key not in ("epochs", "random_state")
    }
    assert changed == set()


def test_early_stopping_keeps_the_best_epoch(here: Path, wellfit: Wellfit) -> None:
    words = ("--hidden", "32", "--epochs", "60", "--learning-rate", "0.1", "--early-stopping")
    done = wellfit(*TRAIN, *words, "--run", "run")
    assert done.exit_code == 0, done.output
    result = read(here / "run" / "result.json")
    assert result["status"] == "early_stopped"
    assert result["best_epoch"] < result["epochs"] < 60
    assert "stopped early" in done.output
    assert f"best epoch {result['best_epoch']}" in done.output


def test_without_validation_rows_the_test_rows_draw_the_curve_and_choose_nothing(
    here: Path, wellfit: Wellfit
) -> None:
    done = wellfit(*TRAIN, *QUICK, "--no-early-stopping", "--run", "run")
    assert re.search(r"loss [\d.]+, test [\d.]+", done.output)
    metrics = lines(here / "run" / "metrics.jsonl")
    assert {"test_loss", "test_accuracy"} <= set(metrics[0])
    result = read(here / "run" / "result.json")
    assert result["best_epoch"] == result["epochs"] == 3
    log_loss = next(score for score in result["test"] if score["name"] == "log loss")
    assert log_loss["value"] == pytest.approx(metrics[-1]["test_loss"], rel=1e-5)


def test_runs_get_folders_of_their_own(here: Path, wellfit: Wellfit) -> None:
    for expected in ("adult", "adult-2", "adult-3"):
        done = wellfit(*TRAIN, *QUICK, "-q")
        assert f"runs/{expected}/" in done.output
        assert (here / "runs" / expected / "result.json").is_file()


def test_overwrite_replaces_the_run_of_a_folder(here: Path, wellfit: Wellfit) -> None:
    assert wellfit("train", "adult.csv", "--target", "pay", *QUICK, "--run", "run").exit_code == 0
    words = (*TRAIN, "--hidden", "5", "--epochs", "2", "--run", "run")
    assert wellfit(*words).exit_code == 2
    assert wellfit(*words, "--overwrite").exit_code == 0
    assert not (here / "run" / "residuals.png").exists()
    assert len(lines(here / "run" / "metrics.jsonl")) == 2
    assert isinstance(load_model(here / "run" / "model"), MLPClassifier)


def test_quiet_prints_the_figures_and_the_folder_only(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, *QUICK, "--quiet")
    assert len(done.stdout.splitlines()) == 6
    assert "accuracy" in done.stdout


def test_test_rows_of_ones_own(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv("adult.csv")
    # In another order, and with a column that the training rows don't have.
    table[:30][table.columns[::-1]].assign(note="x").to_csv("test.csv", index=False)
    table[30:].to_csv("train.csv", index=False)
    words = ("train", "train.csv", "--target", "income", "--test", "test.csv")
    done = wellfit(*words, *QUICK, "--run", "run")
    assert done.exit_code == 0, done.output
    assert "90 training, 30 test (from test.csv)" in done.output
    assert read(here / "run" / "result.json")["test_rows"] == 30


def test_rows_on_both_sides_are_told(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv("adult.csv")
    table[:24].to_csv("test.csv", index=False)
    done = wellfit(*TRAIN, *QUICK, "--test", "test.csv")
    assert "24 test rows (100.0 %) also occur in the training set" in done.output


def test_test_fraction(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, *QUICK, "--test-fraction", "0.5")
    assert "60 training, 60 test (a random 50 % of the rows, seed 0)" in done.output


def test_images_from_an_npz_file(here: Path, wellfit: Wellfit) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez("images.npz", X=images, y=(images.mean(axis=(1, 2)) > 128).astype(int))
    done = wellfit("train", "images.npz", *QUICK)
    assert done.exit_code == 0, done.output
    assert "16 numeric" in done.output


def test_a_validation_part_that_the_data_bring_is_used(here: Path, wellfit: Wellfit) -> None:
    rng = np.random.default_rng(0)
    parts = {}
    for name, rows in (("train", 60), ("val", 20), ("test", 30)):
        parts[f"x_{name}"] = rng.normal(size=(rows, 3))
        parts[f"y_{name}"] = (parts[f"x_{name}"][:, 0] > 0).astype(int)
    np.savez("parts.npz", **parts)
    done = wellfit("train", "parts.npz", *QUICK, "--no-early-stopping", "--run", "run")
    assert done.exit_code == 0, done.output
    assert "20 validation" in done.output
    assert "60 training, 30 test (the data's own test set)" in done.output
    assert "val_loss" in lines(here / "run" / "metrics.jsonl")[0]
    assert read(here / "run" / "config.json")["data"]["validation_rows"] == 20


def test_classes_are_called_as_the_data_call_them() -> None:
    X, y = np.eye(4), np.array([0, 1, 1, 0])
    clothes = Dataset("clothes", X, y, X, y, class_names=("shirt", "shoe"))
    assert names_of(SplitData(clothes, "binary", ""), [1, 0]) == ["shoe", "shirt"]
    assert names_of(SplitData(clothes, "binary", ""), [1, 7]) == ["1", "7"]
    assert names_of(SplitData(clothes, "binary", ""), ["1"]) == ["1"]


def test_several_outputs_and_several_labels(here: Path, wellfit: Wellfit) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    np.savez("outputs.npz", X=X, y=X[:, :2] * 2 + rng.normal(size=(80, 2)))
    np.savez("labels.npz", X=X, y=(X[:, :2] > 0).astype(int))
    done = wellfit("train", "outputs.npz", *QUICK)
    assert done.exit_code == 0, done.output
    assert "RMSE, output 2" in done.output
    done = wellfit("train", "labels.npz", *QUICK)
    assert done.exit_code == 0, done.output
    assert "label accuracy" in done.output


def test_many_classes_are_told_by_their_commonest_confusions(here: Path, wellfit: Wellfit) -> None:
    X = np.random.default_rng(0).normal(size=(250, 2))
    table = pd.DataFrame(X, columns=["a", "b"]).assign(word=[f"w{i % 25}" for i in range(250)])
    table.to_csv("words.csv", index=False)
    done = wellfit("train", "words.csv", "--target", "word", *QUICK)
    assert done.exit_code == 0, done.output
    assert "predicted as" in done.output
    assert "25 classes of 8 rows each" in done.output


def test_a_class_that_only_the_test_rows_have(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv("adult.csv")
    table[:20].assign(income="unheard of").to_csv("test.csv", index=False)
    done = wellfit(*TRAIN, *QUICK, "--test", "test.csv", "--no-early-stopping")
    assert done.exit_code == 0, done.output
    assert "unheard of" in done.output
    assert " 0.0 %" in done.output


def test_column_names_with_brackets_stay_as_they_are(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv("adult.csv").rename(columns={"income": "[red]:smile:"})
    table.to_csv("odd.csv", index=False)
    done = wellfit("train", "odd.csv", "--target", "[red]:smile:", *QUICK)
    assert done.exit_code == 0, done.output
    assert "[red]:smile:: high" in done.output


def test_integer_targets_can_be_taken_either_way(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv("adult.csv")[["age", "hours"]].assign(grade=[1, 2, 3, 4] * 30)
    table.to_csv("grades.csv", index=False)
    words = ("train", "grades.csv", "--target", "grade", *QUICK)
    assert "log loss" in wellfit(*words).output
    assert "RMSE" in wellfit(*words, "--task", "regression").output


def split_csv(here: Path, sign: int) -> None:
    """Write rows to train, and rows to test whose labels follow the number by this sign."""
    rng = np.random.default_rng(0)
    for name, rows, by in (("train", 300, 1), ("test", 60, sign)):
        x = rng.normal(size=rows).round(4)
        y = np.where(by * (x + rng.normal(0, 0.4, rows)) > 0, "yes", "no")
        pd.DataFrame({"x": x, "y": y}).to_csv(here / f"{name}.csv", index=False)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_model_is_well_fit_that_the_test_rows_contradict(
    here: Path, wellfit: Wellfit, sign: int
) -> None:
    split_csv(here, sign)
    words = ("--target", "y", "--test", "test.csv", "--hidden", "16", "--epochs", "20")
    done = wellfit("train", "train.csv", *words, "--run", "run")
    assert done.exit_code == 0, done.output
    kept = read(here / "run" / "result.json")["verdict"]
    told = " ".join(done.output.split())
    assert ("The test rows contradict the validation rows: accuracy" in told) is (sign < 0)
    assert (kept["name"] == "test_rows") is (sign < 0)
    assert sign > 0 or "Well fit" not in told


@pytest.mark.parametrize("where", ["far away", "outliers"])
def test_no_regressor_is_well_fit_by_a_negative_score_on_test_rows(
    here: Path, wellfit: Wellfit, where: str
) -> None:
    rng = np.random.default_rng(0)
    for name, rows in (("train", 300), ("test", 60)):
        x = rng.normal(size=rows)
        y = x + rng.normal(0, 0.1, rows)
        if name == "test" and where == "outliers":
            y[:2] = 900, -700
        elif name == "test":
            x += 50
        pd.DataFrame({"x": x, "y": y}).to_csv(here / f"{name}.csv", index=False)
    words = ("--target", "y", "--test", "test.csv", "--hidden", "16", "--epochs", "30")
    done = wellfit("train", "train.csv", *words, "--run", "run")
    assert done.exit_code == 0, done.output
    assert "Well fit" not in done.output
    name = read(here / "run" / "result.json")["verdict"]["name"]
    assert name == "test_rows" if where == "far away" else name != "well_fit"


def test_scorers_that_are_asked_for_are_wherever_results_are(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, *QUICK, "--scoring", "roc_auc,f1", "--scoring", "f1", "--run", "run")
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    for told in ("(DeLong)", "F1 score (low)", "keeps the best by validation ROC AUC"):
        assert told in output, told
    assert "precision, recall and F1 score by class on the test set" in output
    assert read(here / "run" / "config.json")["settings"]["early_stopping"]["monitor"] == (
        "val_roc_auc"
    )
    assert {"val_roc_auc", "val_f1"} <= lines(here / "run" / "metrics.jsonl")[-1].keys()
    result = read(here / "run" / "result.json")
    for part in ("test", "training", "baseline"):
        names = [score["name"] for score in result[part]]
        assert names[:2] == ["roc_auc", "f1"]
        assert {"accuracy", "log loss"} <= {*names}
    area, f1 = result["test"][:2]
    assert (area["interval"], f1["interval"], f1["of"]) == ("DeLong", "Wilson", "low")
    assert area["low"] <= area["value"] <= area["high"]
    assert [each["name"] for each in result["classes"]] == ["high", "low"]
    assert sum(each["rows"] for each in result["classes"]) == result["test_rows"]
    assert [s["name"] for s in result["classes"][0]["scores"]] == ["precision", "recall", "f1"]
    # And where results are read.
    other = wellfit(*TRAIN, *QUICK, "--quiet", "--run", "other")
    assert other.exit_code == 0, other.output
    report = wellfit("report", "run", "other", "--out", "both.html")
    assert report.exit_code == 0, report.output
    for page in ("run/report.html", "both.html"):
        if page.startswith("run"):
            assert wellfit("report", "run").exit_code == 0
        assert "F1 score (low)" in (here / page).read_text()
    scores = RunMonitor(here / "run").summary()["runs"][0]["scores"]
    assert [score["name"] for score in scores[:2]] == ["ROC AUC", "F1 score (low)"]
    assert " to " in scores[0]["interval"]


def test_scores_of_a_regression_and_of_label_sets(here: Path, wellfit: Wellfit) -> None:
    words = ("--hidden", "4", "--epochs", "2", "--run", "run", "--scoring")
    done = wellfit("train", "adult.csv", "--target", "pay", *words, "neg_max_error")
    assert done.exit_code == 0, done.output
    result = read(here / "run" / "result.json")
    assert [score["name"] for score in result["test"]] == ["max_error", "R²", "RMSE", "MAE"]
    assert (result["test"][0]["low"], result["test"][0]["interval"]) == (None, "")
    assert "classes" not in result


@pytest.mark.parametrize(
    ("scoring", "told"),
    [
        ("rand_score", "which is for clusterings"),
        ("roc_auc,r2", "which is for numbers; expected one for two classes, such as 'accuracy'"),
        ("roc_auc,fi", "did you mean 'f1'"),
    ],
)
def test_a_scorer_that_makes_no_sense_is_refused(
    here: Path, wellfit: Wellfit, scoring: str, told: str
) -> None:
    done = wellfit(*TRAIN, *QUICK, "--scoring", scoring, "--run", "run")
    assert done.exit_code == 2
    assert told in done.stderr.replace("\n", " ")
    assert not (here / "run").exists()
