"""The checks that ship: what is registered passes them, and what breaks a law is told."""

from dataclasses import field

import pytest
import torch

from engine import every, label
from wellfit.core import registry
from wellfit.core.hyper import hyper
from wellfit.core.stacking import add_scaled
from wellfit.model_selection import Sampler
from wellfit.model_selection.samplers import SamplerRun
from wellfit.nn import Activation
from wellfit.optim import Minimizer, Optimizer
from wellfit.testing import (
    check_activation,
    check_callback,
    check_config,
    check_optimizer,
    check_sampler,
)
from wellfit.training import Callback, Decision

RULES = [one for one in every("optimizer") if not isinstance(one, Minimizer)]
WITHOUT_PACKAGES = [
    one
    for one in every("callback")
    if one.name not in ("tensorboard", "mlflow", "wandb", "progress")
]


@pytest.fixture
def unregistered():
    """Forget the classes that a test defines."""
    before = {family: dict(registry._families[family]) for family in registry.families()}
    yield
    for family, members in before.items():
        registry._families[family].clear()
        registry._families[family].update(members)


@pytest.mark.parametrize("optimizer", RULES, ids=label)
def test_registered_optimizers_pass(optimizer):
    check_optimizer(optimizer)


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_registered_activations_pass(activation):
    check_activation(activation)


@pytest.mark.parametrize("callback", WITHOUT_PACKAGES, ids=label)
def test_registered_callbacks_pass(callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = {"path": str(tmp_path / "log")} if "path" in type(callback).hypers() else {}
    check_callback(callback.replace(**named, **overwriting(callback)))


def overwriting(callback):
    return {"overwrite": True} if "overwrite" in type(callback).hypers() else {}


@pytest.mark.parametrize("name", registry.names("sampler"))
def test_registered_samplers_pass(name):
    check_sampler(registry.lookup("sampler", name)())


@pytest.mark.parametrize("family", ["augmentation", "initializer", "layer", "loss", "schedule"])
def test_every_registered_algorithm_is_a_config(family):
    for one in every(family):
        if one.name != "custom":  # holds a function
            check_config(one)


def test_a_wrong_derivative_is_told(unregistered):
    class Doubled(Activation, name="doubled"):
        """f(z) = 2 z."""

        def forward(self, z, out):
            return torch.mul(z, 2, out=out)

        def backward(self, delta, z, out):
            return delta

    with pytest.raises(AssertionError, match="backward is the derivative of forward"):
        check_activation(Doubled())


def test_a_rule_that_mixes_members_is_told(unregistered):
    class Shared(Optimizer, name="shared"):
        """Moves all by the mean gradient."""

        def update(self, p, g, slots, c):
            add_scaled(p, g - g.mean(), c["learning_rate"], sign=-1)

    with pytest.raises(AssertionError, match="a network ends in a stack where it ends alone"):
        check_optimizer(Shared(0.1))


def test_a_rule_that_forgets_is_told(unregistered):
    class Hidden(Optimizer, name="hidden_memory"):
        """Remembers outside its slots."""

        seen: list = field(default_factory=list)

        def update(self, p, g, slots, c):
            self.seen.append(1)
            add_scaled(p, g, c["learning_rate"] * len(self.seen), sign=-1)

    with pytest.raises(AssertionError):
        check_optimizer(Hidden(0.01))


def test_an_callback_that_counts_members_together_is_told(unregistered):
    class FirstOnly(Callback, name="first_only"):
        """Stops all members once the first's loss has fallen twice."""

        def on_epoch_end(self, logs, state):
            state["seen"] = state.get("seen", 0) + int(len(logs.active) > 1)
            return Decision(stop=logs.active & (state["seen"] == 2))

    with pytest.raises(AssertionError, match="in a stack are those on it alone"):
        check_callback(FirstOnly())


def test_a_sampler_outside_its_space_is_told(unregistered):
    class Outside(Sampler, name="outside"):
        """Gives one candidate for ever."""

        def start(self, space, seed):
            class Same(SamplerRun):
                def ask(self, n):
                    return [{"l2": 2.0, "dropout": 0.1, "activation": "relu"}]

                def tell(self, candidates, scores):
                    pass

            return Same()

    with pytest.raises(AssertionError, match="candidates lie in the space"):
        check_sampler(Outside())


def test_an_undocumented_hyper_parameter_is_told(unregistered):
    class Silent(Optimizer, name="silent"):
        """p ← p."""

        strength: float = hyper("", default=0.1)

        def update(self, p, g, slots, c):
            pass

    with pytest.raises(AssertionError, match="says what strength means"):
        check_config(Silent())
