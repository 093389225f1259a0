"""Families are found, not listed: by the files in their folders, and by aliases."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wellfit
from wellfit.core import registry
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.hyper import Config, resolve
from wellfit.nn import Activation, Initializer, Loss, SiLU

ALGORITHMS = {
    "optim/optimizers/halving_steps.py": """
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import Optimizer

class HalfSteps(Optimizer, name="half_steps"):
    def update(self, p, g, slots, c):
        add_scaled(p, g, c["learning_rate"] * 0.5, sign=-1)
""",
    "nn/activations/cubic.py": """
from wellfit.nn.activations.base import Activation

class Cubic(Activation, name="cubic"):
    def forward(self, z, out):
        return out.copy_(z).pow_(3)

    def backward(self, z, out, delta):
        return delta.mul_(3 * z * z)
""",
    "training/callbacks/counter.py": """
from wellfit.training.callbacks.base import Callback

class Counter(Callback, name="counter"):
    def on_epoch_end(self, logs, state):
        state["epochs"] = state.get("epochs", 0) + 1
""",
    "optim/schedules/half.py": """
import torch
from wellfit.optim.schedules.base import Schedule

class Half(Schedule, name="half"):
    def factor(self, steps, total, per_epoch, hypers):
        return torch.full_like(steps, 0.5)
""",
}
USE = """
import sys

import numpy as np
from engine import every
from wellfit import MLPClassifier
from wellfit.cli.app import main

X = np.random.default_rng(0).normal(size=(40, 3))
clf = MLPClassifier(
    (4,), optimizer="half_steps", activation="cubic", lr_schedule="half", epochs=2, random_state=0
)
print(clf.fit(X, X[:, 0] > 0).n_epochs_)
for family in ("optimizer", "activation", "callback", "schedule"):
    print(*[one.name for one in every(family)])
sys.argv = ["wellfit", "methods"]
main()
"""


def test_a_file_in_a_familys_folder_is_all_that_an_algorithm_needs(tmp_path: Path) -> None:
    """By name in the estimators, in the command line, and under the laws of its family."""
    source = Path(wellfit.__file__).parent
    shutil.copytree(source, tmp_path / "wellfit", ignore=shutil.ignore_patterns("__pycache__"))
    for place, text in ALGORITHMS.items():
        (tmp_path / "wellfit" / place).write_text(text)
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(tests)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    epochs, *families, listed = done.stdout.split("\n", 5)
    assert epochs == "2"
    for name, line in zip(("half_steps", "cubic", "counter", "half"), families, strict=True):
        assert name in line.split()
        assert name in listed


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
