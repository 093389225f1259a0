"""``wellfit train --pretrained``: layers of an earlier run, shown, kept, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from wellfit.estimators import load_model

Wellfit = Callable[..., Result]

DATA = ("adult.csv", "--target", "income", "--drop", "pay")


def settings(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "config.json").read_text())["settings"]
    return found


def test_a_training_begins_with_a_run_s_layers(
    here: Path, wellfit: Wellfit, classifier: Path
) -> None:
    told = ("--pretrained", str(classifier), "--n-layers", "1", "--freeze", "1")
    done = wellfit("train", *DATA, *told, "--run", "run", "--epochs", "2")
    assert done.exit_code == 0, done.output
    assert "1 frozen, computed once" in done.output
    before, after = (load_model(run / "model") for run in (classifier, here / "run"))
    assert (before.coefs_[0] == after.coefs_[0]).all()
    assert (before.coefs_[1] != after.coefs_[1]).any()
    pretrained = settings(here / "run")["pretrained"]
    assert isinstance(pretrained, dict)
    assert (pretrained["model"], pretrained["n_layers"], pretrained["freeze"]) == (
        str(classifier),
        1,
        1,
    )


def test_all_numbers_of_frozen_layers_can_be_tried(
    here: Path, wellfit: Wellfit, classifier: Path
) -> None:
    options = ("--pretrained", str(classifier), "--freeze", "auto", "--unfreeze", "2")
    done = wellfit("train", *DATA, *options, "--run", "run", "--epochs", "2")
    assert done.exit_code == 0, done.output
    assert "the best of 0 to 1" in done.output
    assert settings(here / "run")["pretrained"]["unfreeze"] == 2  # type: ignore[index]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("--freeze", "1"),
            "--freeze needs a pretrained network: --pretrained MODEL",
        ),
        (("--pretrained", "nowhere"), "there is no model or run nowhere"),
        (("--pretrained", "adult.csv"), "adult.csv"),
        (
            ("--pretrained", "RUN", "--n-layers", "3"),
            "n_layers of Pretrained is 3; expected at most 1",
        ),
        (
            ("--pretrained", "RUN", "--freeze", "few"),
            "freeze of Pretrained is 'few'; expected a whole",
        ),
    ],
)
def test_what_cannot_be_reused_is_refused(
    wellfit: Wellfit, classifier: Path, options: tuple[str, ...], told: str
) -> None:
    given = [str(classifier) if word == "RUN" else word for word in options]
    done = wellfit("train", *DATA, *given, "--epochs", "2", "--run", "run")
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not Path("run/model").exists()
