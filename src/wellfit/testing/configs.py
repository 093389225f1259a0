"""Checks that hold for every algorithm, whatever its family."""

from __future__ import annotations

import inspect
import json

from wellfit.core import registry
from wellfit.core.hyper import Config, from_dict


def check_config(config: Config) -> None:
    """Check that an algorithm can be found, documented, and written to a file and read back.

    Args:
        config: an object of a registered class.

    Raises:
        AssertionError: a law is broken; the message says which.

    >>> from wellfit.optim import SGD
    >>> check_config(SGD(0.1, momentum=0.9))
    """
    cls = type(config)
    _require(cls.name != "", config, "is registered: give the class a name")
    _require(registry.lookup(cls.family, cls.name) is cls, config, "is found by its name")
    _require(bool(inspect.getdoc(cls)), config, "has a docstring, which the command line shows")
    for key, declared in cls.hypers().items():
        _require(bool(declared.doc), config, f"says what {key} means")
    # Through text, since that is what a file holds: tuples come back as lists.
    document = json.loads(json.dumps(config.to_dict()))
    _require(from_dict(cls, document) == config, config, "is the same after JSON")
    _require(config.replace() == config, config, "equals its copy")


def _require(holds: bool, config: Config, law: str) -> None:
    if not holds:
        raise AssertionError(f"broken law: {type(config).__name__} {law}")
