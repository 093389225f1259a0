"""Names that people bring from scikit-learn, Keras and PyTorch: answered by wellfit's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from typer.testing import Result

from wellfit import MLPClassifier
from wellfit.cli.app import app
from wellfit.cli.parameters import assignment
from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.core.other_names import OTHER_NAMES, OTHER_OPTIONS

Wellfit = Callable[..., Result]
DECLARED = MLPClassifier.declared_parameters


def test_every_name_stands_for_a_parameter_and_is_none_itself() -> None:
    for theirs, ours in OTHER_NAMES.items():
        whole, _, part = ours.partition("__")
        assert whole in DECLARED, ours
        assert theirs not in DECLARED, theirs
        family = DECLARED[whole].family
        if part:
            assert family is not None
            known = [
                registry.lookup(family.family, name) for name in registry.names(family.family)
            ]
            assert any(part in each.hypers() for each in known), ours


def test_every_option_stands_for_one_that_a_command_has() -> None:
    group = typer.main.get_command(app)
    commands = [*group.commands.values(), *group.commands["search"].commands.values()]
    flags = {flag for one in commands for each in one.params for flag in each.opts}
    for theirs, ours in OTHER_OPTIONS.items():
        for each in ours:
            assert f"--{each.replace('_', '-')}" in flags, theirs


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("train x.csv --lr 0.1", "--learning-rate"),
        ("train x.csv --batch 32", "--batch-size"),
        ("train x.csv --epoch 3", "--epochs"),
        ("train x.csv --max-iter 3", "--epochs"),
        ("train x.csv --alpha 0.1", "--l2"),
        ("train x.csv --n-iter-no-change 3", "--patience"),
        ("train x.csv --momentum 0.9", "--set optimizer__momentum=VALUE"),
        ("train x.csv --no-early-stop", "--no-early-stopping"),
        ("train x.csv --test-size 0.3", "--test-fraction"),
        ("train x.csv --n-jobs 2", "--n-threads"),
        ("search x.csv --n-jobs 2", "--jobs"),
        ("search x.csv --n-iter 9", "--candidates"),
        ("export runs/x --output x.onnx --to onnx", "--out"),
    ],
)
def test_an_option_of_another_library_is_answered_by_ours(
    wellfit: Wellfit, command: str, meant: str
) -> None:
    done = wellfit(*command.split(), env={"COLUMNS": "150"})
    assert done.exit_code == 2
    assert f"; did you mean {meant}?" in done.output


def test_a_parameter_of_another_library_is_answered_by_ours(wellfit: Wellfit) -> None:
    with pytest.raises(TypeError, match="did you mean 'epochs'"):
        MLPClassifier(max_iter=3)
    with pytest.raises(TypeError, match=r"by set_params\(early_stopping__patience=…\)"):
        MLPClassifier(patience=3)
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        MLPClassifier().set_params(lr=0.1)
    done = wellfit("train", "iris", "--set", "lr=0.1")
    assert done.exit_code == 2
    assert "did you mean 'learning_rate'?" in done.output


@pytest.mark.parametrize("text", ["none", "None", "null"])
def test_nothing_is_written_as_in_yaml_or_in_python(text: str) -> None:
    assert assignment(f"bagging={text}") == ("bagging", None)
