"""Presets: parameters under one name, for another balance of time and accuracy.

A preset is data. A constructor and ``set_params`` put its values in place of defaults, where
``get_params`` shows them and ``set_params`` changes them; what is given explicitly stays.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from wellfit.core.parameter import Parameter

DEFAULT = "default"

# Beside the default's piecewise linear embedding with its jumps: a smooth one, whose errors are
# others. Chosen by out-of-fold predictions of training rows.
_OTHERS = ({"numeric_embedding": "periodic"},)

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # The plain network: columns as they are, each one number, and the weights of one moment.
        "fast": MappingProxyType(
            {"hidden_layer_sizes": (256, 256), "numeric_embedding": None, "ema_decay": 0.0}
        ),
        DEFAULT: MappingProxyType({}),
        # Several networks, calibrated: as good as it gets, for some five times the time.
        "best": MappingProxyType(
            {
                "hidden_layer_sizes": (256, 256),
                "bagging": 8,
                "architectures": _OTHERS,
                "calibration": "temperature",
                "clip_predictions": True,
            }
        ),
    }
)


def preset_values(preset: Any, known: Iterable[str]) -> dict[str, Any]:
    """Return the parameters that a preset sets, of an estimator with the ``known`` ones.

    A preset that doesn't exist sets nothing: ``fit`` refuses its name.

    >>> preset_values("fast", ["numeric_embedding", "epochs"])
    {'numeric_embedding': None}
    """
    there, values = set(known), PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    # Copies: whoever changes what an estimator holds must not change the preset.
    return {name: copy.deepcopy(value) for name, value in values.items() if name in there}


def changes_by_preset(
    preset: Any, now: Mapping[str, Any], declared: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Return the parameters that another preset changes.

    Those at the value that the present preset gives them, or at their default, change; others
    were given explicitly and stay.

    Args:
        preset: the name of the other one.
        now: the estimator's parameters.
        declared: their declarations.

    >>> from wellfit import MLPRegressor
    >>> reg = MLPRegressor(numeric_embedding="periodic")
    >>> changes_by_preset("fast", reg.get_params(deep=False), reg.declared_parameters)
    {'hidden_layer_sizes': (256, 256), 'ema_decay': 0.0}
    """
    defaults = {name: each.default for name, each in declared.items()}
    before = preset_values(now.get("preset"), declared)
    after = preset_values(preset, declared)
    return {
        name: after.get(name, defaults[name])
        for name in dict.fromkeys([*before, *after])
        if _equal(now[name], before.get(name, defaults[name]))
    }


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(value, other)
    return value is other or bool(value == other)
