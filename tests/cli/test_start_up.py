"""What can be answered without PyTorch and scikit-learn is answered before they are imported.

Their import takes seconds. No time is measured: which modules are loaded says it all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wellfit.core import registry
from wellfit.core.declared import declared, refuse_undeclared
from wellfit.core.errors import UnknownNameError
from wellfit.nn import Activation

TESTS = Path(__file__).parents[1]

# What is called, and a part of what is answered.
ANSWERED = {
    "--version": "wellfit 0.",
    "--help": "Exit codes",
    "train --help": "--epochs",
    "search --help": "--candidates",
    "trian": "No such command",
    "train t.csv --targt y": "--targt",
    "train nofile.csv --target y": "did you mean 't.csv'?",
    "train digit": "did you mean 'digits'?",
    "train t.csv": "set the column to predict",
    "train t.csv --target why": "t.csv has no column 'why'",
    "train t.csv --target y --drop q": "unknown column 'q' of t",
    "train t.csv --target y --drop a,q": "unknown column 'q' of t",
    "train t.csv --target y --report-every 0": "'0'; expected at least 1",
    "search t.csv --target y --candidates x": "'x'; expected a whole number",
    "predict t.csv t.csv --out p.csv": "t.csv is a file; expected the folder of a run",
    "predict t.csv t.csv": "The csv file to write; - prints the predictions",
    "train t.csv --target y --time-column q": "unknown column 'q' for --time-column",
    "train t.csv --target y --group-column q": "unknown column 'q' for --group-column",
    "train t.csv --target y --test-fraction 2": "--test-fraction is 2",
    "train t.csv --target y --test nofile.csv": "'nofile.csv' is neither a file",
    "train t.csv --target y --optimizer adm": "did you mean 'adam'?",
    "train t.csv --target y --set optimizr=3": "did you mean 'optimizer'?",
    "train t.csv --target y --set optimizer=adm": "did you mean 'adam'?",
    "train t.csv --target y --set optimizer__epsilom=3": "did you mean 'epsilon'?",
    "train t.csv --target y --optimizer sgd --set optimizer__momentum=3": "in [0, 1)",
    "train t.csv --target y --set epochs=0": "epochs is 0; expected a whole number, at least 1",
    "train t.csv --target y --dropout 2": "dropout is 2; expected a number in [0, 1) or 'auto'",
    "train t.csv --target y --hidden 8,,4": "'8,,4'; expected whole numbers, at least 1",
    "train t.csv --target y --precision float23": "did you mean 'float32'?",
    "train t.csv --target y --loss mes": "did you mean 'mse'?",
    "search t.csv --target y --set optimizr=3": "did you mean 'optimizer'?",
    "check t.csv --target y --set optimizr=3": "did you mean 'optimizer'?",
    "check t.csv --target y --l2 x": "l2 is 'x'; expected a number in [0, inf)",
    "train t.csv --target y --activation rleu": "did you mean 'relu'?",
    "train t.csv --target y --initializer xavier_unifrom": "did you mean 'xavier_uniform'?",
    "train t.csv --target y --augment shfit:4": "did you mean 'shift'?",
    "train --resume norun": "--resume norun: there is no run",
    "search t.csv --target why": "t.csv has no column 'why'",
    "search t.csv --target y --sampler sobl": "did you mean 'sobol'?",
    "search show norun": "show norun: there is no run",
    "check t.csv --target why": "t.csv has no column 'why'",
    "check t.csv --target y --optimizer adm": "did you mean 'adam'?",
    "data show nofile.csv": "did you mean 't.csv'?",
    "data show t.csv --target why": "t.csv has no column 'why'",
    "predict norun t.csv --out p.csv": "there is no run or model norun",
    "report norun": "report norun: there is no run",
    "export norun --to onnx --out m.onnx": "there is no run or model norun",
    "import nofile.keras --out m": "there is no file nofile.keras",
    "methods": "adamw",
    "methods optimizer": "step size",
    "methods callback": "epochs without improvement",
    "methods initializer": "fan_in, fan_out, fan_average",
    "methods schedule": "what its epochs are counted in",
    "methods recipe": "indaba-512",
    "models list nowhere": "there is no registry at nowhere",
    "export norun --to onxn --out m.onnx": "did you mean 'onnx'?",
    "methods optimiser": "did you mean 'optimizer'?",
    "reproduce indaba-513": "did you mean 'indaba-512'?",
    "landscape beal": "did you mean 'beale'?",
    "landscape beale --optimizers adm": "did you mean 'adam'?",
}
FAMILIES = ("optimizer", "callback", "initializer", "schedule", "recipe")
SUCCEEDS = {"--version", "methods", *(f"methods {family}" for family in FAMILIES)}
NEEDS_TORCH = "train t.csv --target y"

# All of them in one process, whose modules are looked through after each.
SCRIPT = """
import json, os, sys
import built_once  # beside the tests
from typer.testing import CliRunner
from wellfit.cli.app import app

class EndsAtTorch:  # who has come so far has shown that it asks for PyTorch, and needn't wait
    def find_spec(self, name, *_):
        if name == "torch" and command == sys.argv[2]:
            answers[command] = {"loads": ["torch"]}
            print(json.dumps(answers), file=sys.__stdout__, flush=True)
            os._exit(0)

sys.meta_path.insert(0, EndsAtTorch())
answers, seen = {}, set()
for command in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, command.split(), env={"COLUMNS": "200"})
    heavy = {"torch", "sklearn"} & set(sys.modules)
    answers[command] = {"code": done.exit_code, "says": done.output, "loads": sorted(heavy - seen)}
    seen |= heavy
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each command says, its exit code, and what it loads that those before it didn't."""
    folder: Path = tmp_path_factory.mktemp("start_up")
    rows = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(60))
    (folder / "t.csv").write_text(f"a,b,y\n{rows}")
    arguments = [sys.executable, "-c", SCRIPT, json.dumps([*ANSWERED, NEEDS_TORCH]), NEEDS_TORCH]
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("command", ANSWERED)
def test_what_needs_no_network_is_answered_before_torch_is_imported(
    command: str, answers: dict[str, Any]
) -> None:
    answer = answers[command]
    assert ANSWERED[command] in answer["says"]
    assert answer["code"] == (0 if "--help" in command or command in SUCCEEDS else 2)
    assert answer["loads"] == []


def test_what_needs_a_network_is_seen_to_load_torch(answers: dict[str, Any]) -> None:
    assert "torch" in answers[NEEDS_TORCH]["loads"]


def test_the_names_that_the_source_declares_are_those_that_the_registry_holds() -> None:
    import wellfit.diagnose
    import wellfit.landscapes
    import wellfit.model_selection.ensembles
    import wellfit.model_selection.samplers
    import wellfit.recipes
    import wellfit.transfer  # noqa: F401  (all of them: their classes register themselves)

    for family, known in declared().items():
        members = {name: registry.lookup(family, name) for name in registry.names(family)}
        ours = {name for name, cls in members.items() if cls.__module__.startswith("wellfit.")}
        assert known.names == ours
        assert known.aliases == {a for name in ours for a in registry.aliases(family, name)}
    assert {"optimizer", "activation", "recipe"} <= set(declared())


def test_a_name_of_another_package_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        registry,
        "_families",
        {family: dict(members) for family, members in registry._families.items()},
    )
    with pytest.raises(UnknownNameError, match="unknown activation 'plugged_in'"):
        refuse_undeclared("activation", "plugged_in")
    type("PluggedIn", (Activation,), {}, name="plugged_in")
    refuse_undeclared("activation", "plugged_in")
