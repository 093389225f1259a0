"""Spaces: which parameters a search varies, within what, and under which conditions.

A space is written as a dictionary, or as a file of JSON or YAML::

    optimizer: [sgd, adam]
    optimizer__learning_rate: {low: 1e-4, high: 0.1, scale: log}
    optimizer__momentum: {low: 0, high: 0.99, if: {optimizer: sgd}}
    hidden_layer_sizes: {depth: [1, 2], units: {low: 32, high: 512, scale: log, integer: true}}

With a shape, such as ``{shape: [tapered, regular], depth: [2, 3], units: [128, 512]}``, the widest
layer has so many units, and the others follow from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wellfit.core.errors import (
    HyperparameterError,
    InputError,
    ModelFileError,
    UnknownNameError,
)
from wellfit.core.extras import import_extra
from wellfit.core.files import parse_json, read_regular
from wellfit.core.hyper import resolve
from wellfit.model_selection.distributions import Choices, Distribution, axis
from wellfit.nn import NetworkShape

_LARGEST = 1 << 20  # bytes of a file
_DEEPEST = 1000  # layers: each is an axis of the space
_LAYERED = ("depth", "units", "shape", "if")  # keys of hidden layers whose number is searched

Condition = Mapping[str, tuple[Any, ...]]
_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


@dataclass(frozen=True)
class Space:
    """The parameters of a search, each an axis, and when each is there at all.

    Attributes:
        axes: by name; those that conditions ask about come first.
        conditions: for an axis, the values that others must have for it to be there.
        layered: parameters that are tuples, put together from ``name.depth``, ``name.1`` and so
            on, or from ``name.depth``, ``name.shape`` and ``name.units``.
        first: candidates that a search begins with, before a sampler chooses any.
    """

    axes: Mapping[str, Distribution]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    layered: tuple[str, ...] = ()
    first: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, given: Any) -> Space:
        """Return the space that a dictionary, a file, or a space itself means.

        >>> space = Space.of({"l2": [0.1], "dropout": {"low": 0, "high": 0.5, "if": {"l2": 0.1}}})
        >>> space.at({"l2": 0.0, "dropout": 0.5})
        {'l2': 0.1, 'dropout': 0.25}

        Raises:
            HyperparameterError: there is nothing in it, or an entry that means nothing.
            UnknownNameError: a condition on what the space doesn't have.
        """
        if isinstance(given, Space):
            return given
        if isinstance(given, (str, os.PathLike)):
            given = read_space(given)
        if not isinstance(given, Mapping) or not given:
            raise HyperparameterError(
                f"space is {given!r}; expected parameters and what each may be, such as "
                '{"l2": [1e-4, 1e-2]}'
            )
        axes: dict[str, Distribution] = {}
        conditions: dict[str, Condition] = {}
        for name, entry in given.items():
            if not isinstance(name, str):
                raise HyperparameterError(f"{name!r} of the space is no parameter's name")
            _add(axes, conditions, name, entry)
        layered = tuple(name for name, entry in given.items() if _is_layered(entry))
        return cls(_ordered(axes, conditions), conditions, layered)

    def without(self, names: Collection[str]) -> Space:
        """Return the space without some of its parameters, which all candidates have alike.

        Of the first candidates, where ``"preset"`` is among these, the first is left.
        """
        axes = {name: each for name, each in self.axes.items() if name not in names}
        conditions = {
            name: {other: allowed for other, allowed in each.items() if other not in names}
            for name, each in self.conditions.items()
        }
        first = self.first[:1] if "preset" in names else self.first
        kept = ({k: v for k, v in each.items() if k not in names} for each in first)
        return replace(self, axes=axes, conditions=conditions, first=tuple(kept))

    def candidate(self, value: Callable[[str, Distribution], Any]) -> dict[str, Any]:
        """Return a candidate, asking ``value`` for that of each axis whose conditions hold."""
        values: dict[str, Any] = {}
        for name, each in self.axes.items():
            if self._holds(name, values):
                values[name] = value(name, each)
        return self._assembled(values)

    def at(self, shares: Mapping[str, float]) -> dict[str, Any]:
        """Return the candidate at a point of the unit cube."""
        return self.candidate(lambda name, each: each.at(shares[name]))

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yield every candidate there is, the last axes changing fastest.

        Raises:
            HyperparameterError: an axis is a range, without steps.
        """
        everything: list[dict[str, Any]] = [{}]
        for name, each in self.axes.items():
            values = each.values()
            if values is None:
                raise HyperparameterError(
                    f"a grid can't list {name}, which is {each!r}; expected choices, or a range "
                    'with "steps"'
                )
            everything = [
                more
                for some in everything
                for more in (
                    [{**some, name: value} for value in values]
                    if self._holds(name, some)
                    else [some]
                )
            ]
        for combination in everything:
            yield self._assembled(combination)

    def _holds(self, name: str, values: Mapping[str, Any]) -> bool:
        conditions = self.conditions.get(name, {})
        return all(
            other in values and values[other] in allowed for other, allowed in conditions.items()
        )

    def _assembled(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return parameters: layers' sizes as one tuple."""
        params = {}
        for name, value in values.items():
            outer, _, inner = name.rpartition(".")
            if outer not in self.layered:
                params[name] = value
            elif inner == "depth":
                params[outer] = _sizes(outer, values)
        return params


def _sizes(name: str, values: Mapping[str, Any]) -> tuple[int, ...]:
    """Return layers' sizes: each its own, or by a shape."""
    depth = values[f"{name}.depth"]
    if f"{name}.shape" not in values:
        return tuple(values[f"{name}.{layer + 1}"] for layer in range(depth))
    shape = resolve(NetworkShape, values[f"{name}.shape"])
    return shape.sizes(depth, values[f"{name}.units"])


def read_space(path: str | os.PathLike[str]) -> Any:
    """Return what a file of JSON or YAML says.

    Raises:
        InputError: the file isn't there, or is neither.
        MissingExtraError: it is YAML, and PyYAML isn't installed.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {str(file)!r}; expected a space in JSON or YAML")
    try:
        text = read_regular(file, _LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text in UTF-8 ({error.reason})") from None
    parsed = _parsed(file, text)
    if parsed is None:
        raise InputError(f"{file} says nothing; expected parameters and what each may be")
    return parsed


def _parsed(file: Path, text: str) -> Any:
    if file.suffix == ".json":
        try:
            return parse_json(text, file)
        except ModelFileError as error:
            raise InputError(f"{file} is no JSON: {error}") from None
    if file.suffix in (".yaml", ".yml"):
        return _yaml(file, text)
    raise InputError(f"{file} ends in {file.suffix!r}; expected .json, .yaml or .yml")


def _yaml(file: Path, text: str) -> Any:
    yaml = import_extra("yaml", "search", f"write {file} as JSON")
    try:
        return _numbers(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{file} is no YAML: {error}") from None


def _numbers(document: Any) -> Any:
    """Return it with numbers such as 1e-6, which YAML 1.1 takes for text."""
    if isinstance(document, dict):
        return {key: _numbers(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_numbers(value) for value in document]
    if isinstance(document, str) and _EXPONENT.fullmatch(document):
        return float(document)
    return document


def _is_layered(entry: Any) -> bool:
    return isinstance(entry, Mapping) and not {"depth", "units", "shape"}.isdisjoint(entry)


def _add(
    axes: dict[str, Distribution], conditions: dict[str, Condition], name: str, entry: Any
) -> None:
    """Add an entry's axes, one or one for each layer, and their conditions."""
    condition = _condition(name, entry)
    if not _is_layered(entry):
        axes[name] = axis(name, entry)
        if condition:
            conditions[name] = condition
        return
    for key in entry:
        if key not in _LAYERED:
            raise UnknownNameError(f"key of {name} in the space", key, _LAYERED)
    if "units" not in entry or "depth" not in entry:
        raise HyperparameterError(
            f"{name} of the space lacks depth or units; expected both: how many layers, and how "
            "many units each (with a shape, the widest) may have"
        )
    depth = f"{name}.depth"
    depths = axis(depth, entry["depth"]).values() or ()
    if not depths or not all(isinstance(each, int) and 0 <= each <= _DEEPEST for each in depths):
        raise HyperparameterError(
            f"{depth} is {entry['depth']!r:.200}; expected numbers of layers, at most {_DEEPEST}"
        )
    axes[depth] = Choices(tuple(depths))
    conditions[depth] = condition
    if "shape" in entry:
        _add_shape(axes, name, entry, min(depths))
        conditions |= {f"{name}.shape": condition, f"{name}.units": condition}
        return
    for layer in range(1, max(depths) + 1):
        axes[f"{name}.{layer}"] = axis(f"{name}.units", entry["units"])
        deep = tuple(each for each in depths if each >= layer)
        conditions[f"{name}.{layer}"] = {**condition, depth: deep}


def _add_shape(
    axes: dict[str, Distribution], name: str, entry: Mapping[str, Any], fewest: int
) -> None:
    """Add the axes of layers whose sizes follow from a shape and from the widest of them."""
    given = entry["shape"]
    shapes = Choices(tuple(given) if isinstance(given, (list, tuple)) else (given,))
    if not shapes.options:
        raise HyperparameterError(f"{name}.shape of the space has no choices; expected some")
    for each in shapes.options:
        resolve(NetworkShape, each).check_depth(fewest)
    axes[f"{name}.shape"] = shapes
    axes[f"{name}.units"] = axis(f"{name}.units", entry["units"])


def _condition(name: str, entry: Any) -> Condition:
    given = entry.get("if", {}) if isinstance(entry, Mapping) else {}
    if not isinstance(given, Mapping):
        raise HyperparameterError(
            f"if of {name} in the space is {given!r}; expected the values of others, such as "
            '{"optimizer": "sgd"}'
        )
    return {
        other: tuple(allowed) if isinstance(allowed, (list, tuple)) else (allowed,)
        for other, allowed in given.items()
    }


def _ordered(
    axes: Mapping[str, Distribution], conditions: Mapping[str, Condition]
) -> dict[str, Distribution]:
    """Return the axes with those first that others' conditions ask about."""
    for name, condition in conditions.items():
        for other, allowed in condition.items():
            if other not in axes:
                raise UnknownNameError(f"parameter that {name} depends on", other, axes)
            _check_reached(name, other, allowed, axes[other].values())
    ordered: dict[str, Distribution] = {}
    while len(ordered) < len(axes):
        ready = [
            name
            for name in axes
            if name not in ordered and all(o in ordered for o in conditions.get(name, {}))
        ]
        if not ready:
            rest = ", ".join(name for name in axes if name not in ordered)
            raise HyperparameterError(f"the conditions of {rest} depend on one another")
        ordered |= {name: axes[name] for name in ready}
    return ordered


def _check_reached(
    name: str, other: str, allowed: tuple[Any, ...], values: Sequence[Any] | None
) -> None:
    """Refuse a condition that never holds, since nobody would see that ``name`` isn't searched."""
    for each in allowed:
        if values is not None and each not in values:
            raise UnknownNameError(
                f"value of {other} that {name} depends on", each, map(str, values)
            )
