"""Small trainings that the law tests share."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

from wellfit.augment import Augmentation
from wellfit.core import registry
from wellfit.core.hyper import resolve
from wellfit.nn import (
    Activation,
    CategoricalEmbedding,
    Initializer,
    Layer,
    Loss,
    NumericEmbedding,
    Submodels,
    mlp,
)
from wellfit.optim import Clipping, Constraint, Optimizer, Penalty, Schedule
from wellfit.training import Callback, Member, Rows, Stream, bound_stack, train
from wellfit.training.native import NativeStep
from wellfit.training.step import Step

FLOAT64 = torch.float64
CPU = torch.device("cpu")
FAMILIES = {
    "activation": Activation,
    "augmentation": Augmentation,
    "categorical_embedding": CategoricalEmbedding,
    "clipping": Clipping,
    "constraint": Constraint,
    "initializer": Initializer,
    "layer": Layer,
    "loss": Loss,
    "numeric_embedding": NumericEmbedding,
    "callback": Callback,
    "optimizer": Optimizer,
    "penalty": Penalty,
    "schedule": Schedule,
    "submodels": Submodels,
}


def every(family: str) -> list:
    """One default object of every registered member of a family; embeddings are layers."""
    base = FAMILIES[family]
    more = ("numeric_embedding", "categorical_embedding") if family == "layer" else ()
    return [each for name in more for each in every(name)] + [
        resolve(base, name)
        for name in registry.names(family)
        if registry.lookup(family, name).__module__.startswith("wellfit.")
    ]


def label(value: object) -> str:
    return getattr(value, "name", None) or str(value)


def targets(loss: Loss, rows: int, outputs: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if loss.name == "softmax_cross_entropy":
        return rng.integers(0, outputs, rows)
    if loss.each_output_alone:
        return rng.integers(0, 2, (rows, outputs)).astype(float)
    if loss.name == "poisson":
        return rng.poisson(2.0, (rows, outputs)).astype(float)
    return rng.normal(size=(rows, outputs // loss.outputs(1)))


def table(loss: Loss, rows: int = 50, inputs: int = 4, outputs: int = 3, weight=None) -> Rows:
    x = np.random.default_rng(0).normal(size=(rows, inputs))
    return Rows(x, targets(loss, rows, outputs), weight, dtype=FLOAT64)


def network(**options):
    options = {"batch_norm": True, "dropout": 0.3, "input_dropout": 0.1, **options}
    return mlp(4, (6, 5), 3, **options)


def parameters(result, member: int) -> np.ndarray:
    return np.concatenate([block.flatten().numpy() for block in result.weights().blocks(member)])


def train_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch take all steps, as on a machine without a compiler."""
    monkeypatch.setattr(bound_stack, "obstacle", lambda *args: "left out by a test")


def count_steps(monkeypatch: pytest.MonkeyPatch, then=lambda taken: None) -> list:
    """Return a list that grows by one at each step, whoever takes it; call ``then`` after each."""
    taken, by_pytorch, native = [], Step.__call__, NativeStep.move

    def counted(self, *args):
        taken.append(by_pytorch(self, *args))
        then(taken)

    def counted_native(self, *args):
        self.calls.at_once = 1
        taken.append(native(self, *args))
        then(taken)
        return taken[-1]

    monkeypatch.setattr(Step, "__call__", counted)
    monkeypatch.setattr(NativeStep, "move", counted_native)
    return taken


def press_ctrl_c_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> list:
    """Send what Ctrl-C sends after so many steps; return a list that grows by one at each step."""

    def press(taken):
        if len(taken) == steps:
            os.kill(os.getpid(), signal.SIGINT)

    return count_steps(monkeypatch, press)


def run(members, rows, streams=None, **options):
    streams = streams or [Stream(np.arange(len(rows)))]
    return train(members, rows, streams, precision="float64", **options)


def member(**options) -> Member:
    defaults = {"network": network(), "batch_size": 16, "epochs": 4}
    return Member(**{**defaults, **options})
