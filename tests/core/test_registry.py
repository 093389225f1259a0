"""Families are found, not listed: by the files in their folders, and by aliases."""

import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wellfit
from wellfit.core import registry
from wellfit.core.declared import declared
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.hyper import Config, resolve
from wellfit.nn import Activation, Initializer, Loss, SiLU

TESTS = Path(__file__).parents[1]

# Algorithms that do something of their own, each in a new file of its family's folder.
WHOLE = {
    "optimizer": """
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import Optimizer

class HalfSteps(Optimizer, name="new_optimizer"):
    def update(self, p, g, slots, c):
        add_scaled(p, g, c["learning_rate"] * 0.5, sign=-1)
""",
    "activation": """
from wellfit.nn.activations.base import Activation

class Cubic(Activation, name="new_activation"):
    def forward(self, z, out):
        return out.copy_(z).pow_(3)

    def backward(self, z, out, delta):
        return delta.mul_(3 * z * z)
""",
    "callback": """
from wellfit.training.callbacks.base import Callback

class Counter(Callback, name="new_callback"):
    def on_epoch_end(self, logs, state):
        state["epochs"] = state.get("epochs", 0) + 1
""",
    "schedule": """
import torch
from wellfit.optim.schedules.base import Schedule

class Half(Schedule, name="new_schedule"):
    def factor(self, steps, total, per_epoch, hypers):
        return torch.full_like(steps, 0.5)
""",
    "sampler": """
from wellfit.model_selection.samplers.base import Sampler, SamplerRun

class Middle(SamplerRun):
    def __init__(self, space, seed):
        self.space, self.rng = space, __import__("random").Random(seed)

    def ask(self, n):
        axes = self.space.axes
        return [self.space.at({name: self.rng.random() for name in axes}) for _ in range(n)]

class New(Sampler, name="new_sampler"):
    def start(self, space, seed):
        return Middle(space, seed)
""",
    "check": """
from wellfit.diagnose.base import Check, Outcome

class Weekday(Check, name="new_check"):
    action = "looked at the calendar"

    def examine(self, context):
        return self.finding(Outcome.PASS, "the calendar is in order")
""",
    "reader": """
import numpy as np
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.readers.base import Reader

class Dots(Reader, name="new_reader"):
    endings = (".dots",)
    kinds = "dots"
    reads_features = True

    def read(self, path, options):
        rows = [line.split("...") for line in path.read_text().split()]
        return Dataset(path.stem, X=np.array([row[:-1] for row in rows], float),
                       y=np.array([row[-1] for row in rows]))

    def read_features(self, path, schema):
        return np.array([line.split("...")[:2] for line in path.read_text().split()], float)
""",
    "scorer": """
import numpy as np
from wellfit.fitting.scorers.base import Scorer

class Surprise(Scorer, name="new_scorer"):
    title = "share of hits"
    style = "percent"

    def __call__(self, estimator, X, y):
        return float(np.mean(estimator.predict(X) == y))
""",
}
FAMILIES = sorted(declared())
USE = """
import io, json, sys
from contextlib import redirect_stdout
from pathlib import Path

import built_once  # beside the tests
from typer.testing import CliRunner
from wellfit.cli.app import app

def called(line):
    done = CliRunner().invoke(app, line.split(), env={"COLUMNS": "200"})
    return [done.exit_code, done.output]

rows = [f"{i}{{0}}{i % 7}{{0}}{'ab'[i % 2]}" for i in range(60)]
Path("t.csv").write_text("a,b,y\\n" + "\\n".join(row.format(",") for row in rows))
Path("t.dots").write_text("\\n".join(row.format("...") for row in rows))
DATA, QUICK = "t.csv --target y", "--hidden 4 --epochs 1 -q"
found = {"misspelled": called(f"train {DATA} --optimizer new_optimzer")}
found["torch"] = "torch" in sys.modules
import pytest, shortcuts
shortcuts.judge_by_few_trees(pytest.MonkeyPatch())
shortcuts.draw_nothing(pytest.MonkeyPatch())
found["methods"] = called("methods")
for family in json.loads(sys.argv[1]):
    found[family] = called(f"methods {family}")
found["named"] = called(
    f"train {DATA} {QUICK} --optimizer new_optimizer --activation new_activation --run all "
    "--lr-schedule new_schedule --initializer new_initializer --bias-initializer new_initializer "
    "--gradient-clipping new_clipping --numeric-embedding new_numeric_embedding "
    "--scoring new_scorer --monitor new_scorer"
)
found["read"] = called(f"train t.dots {QUICK} --run dots")
found["predicted"] = called("predict dots t.dots --out p.csv")
found["searched"] = called(
    f"search {DATA} {QUICK} --candidates 2 --sampler new_sampler --scoring new_scorer --run search"
)
found["checked"] = called(f"check {DATA} --hidden 4")
found["landscapes"] = called("landscape --help")
import wellfit.landscapes, wellfit.recipes  # which listing their classes doesn't import
from engine import every
from wellfit.core import registry
from wellfit.core.metrics import Metric
for family in json.loads(sys.argv[1]):
    found[f"{family} names"] = registry.names(family)
for family in ("optimizer", "activation", "callback", "schedule"):
    found[f"{family} laws"] = [one.name for one in every(family)]
found["metric"] = Metric.of("val_new_scorer").format(0.5)
print(json.dumps(found))
"""


def member_of(family: str) -> type:
    """Return a class of a family that lies in the package."""
    members = [registry.lookup(family, name) for name in registry.names(family)]
    # Other tests define classes of their own.
    return next(cls for cls in members if cls.__module__.startswith("wellfit."))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the package finds of the files that were put into its folders."""
    import_everything()
    folder = tmp_path_factory.mktemp("copy")
    source = Path(wellfit.__file__).parent
    shutil.copytree(source, folder / "wellfit")  # compiled files as well
    for family in FAMILIES:
        there, name = member_of(family), member_of(family).__name__
        # Without a class of its own, a family gets one that differs from another by its name.
        text = WHOLE.get(family) or (
            f"from {there.__module__} import {name}\n\n\n"
            f'class New({name}, name="new_{family}"):\n    """A new one."""\n'
        )
        place = Path(*there.__module__.split(".")[:-1], f"new_{family}.py")
        (folder / place).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", USE, json.dumps(FAMILIES)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def import_everything() -> None:
    """Import every module, so that every family is there."""
    for module in pkgutil.walk_packages(wellfit.__path__, "wellfit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_in_a_familys_folder_is_all_that_an_algorithm_needs(
    family: str, extended: dict[str, Any]
) -> None:
    """By name in the registry and in the command line."""
    name = f"new_{family}"
    assert name in extended[f"{family} names"]
    assert extended["methods"][0] == 0
    assert name in extended["methods"][1]
    code, text = extended[family]
    assert code == 0
    assert name in text


def test_methods_knows_families_that_nothing_has_imported_yet(extended: dict[str, Any]) -> None:
    lines = extended["methods"][1].splitlines()
    families = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert {"check", "diagnosis", "recipe", "optimizer", "callback"} <= families


def test_a_new_name_is_known_before_torch_is_imported(extended: dict[str, Any]) -> None:
    code, text = extended["misspelled"]
    assert code == 2
    assert "did you mean 'new_optimizer'?" in text
    assert extended["torch"] is False


@pytest.mark.parametrize("family", ["optimizer", "activation", "callback", "schedule"])
def test_a_new_algorithm_stands_under_the_laws_of_its_family(
    family: str, extended: dict[str, Any]
) -> None:
    assert f"new_{family}" in extended[f"{family} laws"]


@pytest.mark.parametrize("command", ["named", "read", "predicted", "searched"])
def test_commands_take_what_is_new_by_name(command: str, extended: dict[str, Any]) -> None:
    code, text = extended[command]
    assert code == 0, text


def test_a_new_check_is_run_and_a_new_scorer_printed(extended: dict[str, Any]) -> None:
    assert "the calendar is in order" in extended["checked"][1]
    assert extended["metric"] == "50.0 %"


@pytest.mark.parametrize(
    ("base", "alias", "name"),
    [
        (Activation, "swish", "silu"),
        (Activation, "linear", "identity"),
        (Activation, "logistic", "sigmoid"),
        (Initializer, "xavier_uniform", "glorot_uniform"),
        (Initializer, "kaiming_normal", "he_normal"),
        (Loss, "mse", "squared_error"),
        (Loss, "mae", "absolute_error"),
        (Loss, "pinball", "quantile"),
        (Loss, "cross_entropy", "softmax_cross_entropy"),
        (Loss, "binary_cross_entropy", "sigmoid_cross_entropy"),
    ],
)
def test_names_of_other_libraries_mean_the_same_class(
    base: type[Config], alias: str, name: str
) -> None:
    assert resolve(base, alias) == resolve(base, name)
    assert resolve(base, alias).to_dict()["name"] == name
    assert alias not in registry.names(base.family)
    assert registry.aliases(base.family, name).count(alias) == 1


def test_a_misspelled_alias_is_suggested() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'xavier_uniform'"):
        resolve(Initializer, "xavier_unifrom")


def test_an_alias_is_taken_once() -> None:
    with pytest.raises(InputError, match=f"'swish' is already {SiLU.__module__}"):

        class Swish(Activation, name="swish"):
            pass

    with pytest.raises(InputError, match="'silu' is already"):

        class Sigmoidal(Activation, name="sigmoidal", aliases=("silu",)):
            pass

    assert "sigmoidal" not in registry.names("activation")
