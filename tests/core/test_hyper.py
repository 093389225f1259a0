import copy
import importlib
import json
import math
import pickle
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import FAMILIES, every, label
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config, from_dict, hyper, resolve
from wellfit.core.stacking import stack_key
from wellfit.nn import ELU, Activation, Network, mlp
from wellfit.optim import SGD, Adam, Optimizer

EVERYTHING = [config for family in FAMILIES for config in every(family)]


class Sample(Config):
    """One hyper-parameter of each kind."""

    size: float = hyper("a number", default=0.5, low=0, high=1, open_high=True, per_member=True)
    count: int = hyper("a whole number", default=3, low=1)
    flag: bool = hyper("a switch", default=False)
    kind: str = hyper("a choice", default="a", choices=("a", "b"))
    limit: float = hyper("may be none", default=None, low=0, optional=True)


@pytest.mark.parametrize("config", EVERYTHING, ids=label)
def test_every_config_survives_json_pickle_and_copies(config):
    data = json.loads(json.dumps(config.to_dict()))
    assert from_dict(FAMILIES[config.family], data) == config
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config
    assert eval(repr(config), vars(__import__(type(config).__module__, fromlist=["x"]))) == config


@pytest.mark.parametrize("config", EVERYTHING, ids=label)
def test_every_hyper_parameter_is_declared_in_full(config):
    for name, declared in config.hypers().items():
        assert declared.doc, name
        value = getattr(config, name)
        if declared.search is not None:
            low, high = declared.search
            assert low < high
            assert declared.holds(low), name
            assert declared.holds(high), name
            assert declared.scale == "linear" or low > 0, name
        if isinstance(value, float):
            assert declared.holds(value), name


def test_networks_survive_json():
    network = mlp(4, (8, 5), 3, activation=ELU(0.3), batch_norm=True, dropout=0.2)
    assert from_dict(Network, json.loads(json.dumps(network.to_dict()))) == network


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"size": 1.0}, r"size .* is 1.0; expected a number in \[0, 1\)"),
        ({"size": float("nan")}, r"\[0, 1\)"),
        ({"size": "big"}, "'big'"),
        ({"size": True}, "True"),
        ({"count": 0}, r"a whole number in \[1, inf\)"),
        ({"count": 2.5}, "a whole number"),
        ({"flag": 1}, "True or False"),
        ({"kind": "c"}, r"one of \('a', 'b'\)"),
        ({"limit": -1}, "or None"),
    ],
)
def test_wrong_values_say_what_was_expected(wrong, expected):
    with pytest.raises(HyperparameterError, match=expected):
        Sample(**wrong)


@given(st.floats(0, 1, exclude_max=True))
def test_numbers_in_range_are_taken_from_numpy_too(value):
    assert Sample(size=value).size == Sample(size=np.float64(value)).size == value
    assert type(Sample(count=np.int64(4)).count) is int


def test_names_objects_classes_and_dictionaries_resolve():
    wanted = Adam()
    for spec in ("adam", wanted, Adam, {"name": "adam"}):
        assert resolve(Optimizer, spec) == wanted
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        resolve(Activation, "relv")
    with pytest.raises(HyperparameterError, match="expected one of elu, gelu"):
        resolve(Activation, 3)
    with pytest.raises(UnknownNameError, match="did you mean 'momentum'"):
        resolve(Optimizer, {"name": "sgd", "momentums": 0.9})
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        SGD().replace(learning_rat=1)


def test_configs_are_frozen():
    with pytest.raises(AttributeError):
        SGD().momentum = 0.9


def test_structure_is_all_but_what_members_may_differ_in():
    assert stack_key(Sample(size=0.1)) == stack_key(Sample(size=0.2))
    assert stack_key(Sample(count=1)) != stack_key(Sample(count=2))
    assert stack_key(mlp(4, (8,), 3, dropout=0.1)) == stack_key(mlp(4, (8,), 3, dropout=0.2))
    assert stack_key(mlp(4, (8,), 3)) != stack_key(mlp(4, (9,), 3))


def test_a_name_is_taken_once():
    with pytest.raises(InputError, match="'relu' is already"):

        class Other(Activation, name="relu"):
            pass

    assert registry.lookup("activation", "relu").__module__.startswith("wellfit.nn.activations")
    assert "activation" in registry.families()


# Numbers that no library below takes

HUGE = [10**400, -(10**400), 10**5000, 2**63, math.inf, -math.inf, math.nan]


def every_config():
    """Every config that has a default for each hyper-parameter, and stands for something."""
    for floor in ("nn", "optim", "augment", "training", "model_selection", "transfer"):
        importlib.import_module(f"wellfit.{floor}")
    left, found = [Config], []
    while left:
        kinds = left.pop().__subclasses__()
        left += kinds
        for kind in kinds:
            with suppress(TypeError, InputError):
                found += [kind()] if kind.__module__.startswith("wellfit.") else []
    return found


def complaint(config, key, value):
    """What a config says of a value; nothing where it takes it."""
    try:
        config.replace(**{key: value})
    except InputError as error:
        return str(error)
    return ""


def test_no_number_is_too_large_to_be_refused_in_a_line():
    refused = 0
    for config in every_config():
        for key in config.hypers():
            default = getattr(config, key)
            several = isinstance(default, tuple) and default and isinstance(default[0], float)
            number = isinstance(default, int | float) and not isinstance(default, bool)
            for value in HUGE if several or number else ():
                said = complaint(config, key, (value,) if several else value)
                assert said, (config, key)
                assert len(said) < 700
                assert "\n" not in said
                refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Fraction(1, 4), 0.25),
        (np.longdouble(0.25), 0.25),
        (np.float32(0.25), 0.25),
        (np.int8(1), 1),
    ],
)
def test_numbers_of_any_kind_become_plain(value, stored):
    rate = Adam(value).learning_rate
    assert (type(rate), rate) == (type(stored), stored)
