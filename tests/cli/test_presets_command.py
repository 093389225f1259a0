"""``wellfit train`` with presets, and with several networks, one for each fold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from wellfit.estimators import load_model

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

TRAIN = ("train", "adult.csv", "--target", "income", "--epochs", "2", "--quiet")


def test_several_networks_are_trained_judged_and_predict(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, "--hidden", "8", "--bagging", "3", "--run", "run")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    model = load_model("run/model")
    np.testing.assert_allclose([line["val_loss"] for line in lines], model.history_["val_loss"])
    assert model.network_.weights.members == 3
    assert not Path("run/checkpoints").exists()
    done = wellfit("predict", "run", "adult.csv", "--out", "out.csv")
    assert done.exit_code == 0, done.output
    assert len(pd.read_csv("out.csv")) == 120


def test_what_is_given_beside_a_preset_wins(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, "--hidden", "256,256", "--preset", "fast", "--run", "run")
    assert done.exit_code == 0, done.output
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert settings["preset"] == "fast"
    assert settings["hidden_layer_sizes"] == [256, 256]
    assert settings["numeric_embedding"] is None


def test_an_unknown_preset_names_the_nearest(here: Path, wellfit: Wellfit) -> None:
    done = wellfit(*TRAIN, "--preset", "fsat")
    assert done.exit_code != 0
    assert "did you mean 'fast'" in done.output
