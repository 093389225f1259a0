"""Former names: files written before version 0.1.0 was released, read in today's words.

Parameters, families and statuses had other names then. Whoever reads a document that may be that
old passes it through here first; nobody writes a former name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "average": "ema_decay",
        "clipping": "gradient_clipping",
        "fraction": "subsample",
        "n_members": "n_estimators",
        "observers": "callbacks",
        "reuse": "pretrained",
        "schedule": "lr_schedule",
        "threads": "n_threads",
    }
)
PRETRAINED: Mapping[str, str] = MappingProxyType(
    {"layers": "n_layers", "thaw": "unfreeze", "decay": "layerwise_lr_decay"}
)
STATUSES: Mapping[str, str] = MappingProxyType({"stopped": "early_stopped"})
FAMILIES: Mapping[str, str] = MappingProxyType({"observer": "callback", "symptom": "diagnosis"})
FINDING: Mapping[str, str] = MappingProxyType({"did": "action", "saw": "observed"})
VERDICT: Mapping[str, str] = MappingProxyType({"knobs": "suggestions"})
RESULT: Mapping[str, str] = MappingProxyType({"observers": "callbacks", "tally": "metric_sums"})
CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "ByLayerNorm": "ClipByLayerNorm",
        "ByNorm": "ClipByNorm",
        "ByValue": "ClipByValue",
        "Gradually": "GradualUnfreezing",
        "Merge": "ConcatRows",
        "Pinball": "Quantile",
        "Quadratic": "SigmoidSquaredError",
        "ReduceOnPlateau": "ReduceLROnPlateau",
        "Reuse": "Pretrained",
    }
)

_UNCALIBRATED: Mapping[str, Any] = MappingProxyType({"conformal": None, "conformal_fraction": 0.2})

# Parameters that estimators have gained, at the values that change nothing: by one that all with
# them have had from the start.
_ADDED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "subsample": {
            "learning_rate": "auto",
            "preset": "default",
            "architectures": None,
            # Of candidates they mean nothing else: they are single, and hold rows out.
            "bagging": "auto",
            "validation_folds": "auto",
            "n_submodels": 1,
            "submodels": "tabm",
            "processes": "auto",
        },
        "class_weight": {"calibration": None, **_UNCALIBRATED},
        "output_activation": {"clip_predictions": False, **_UNCALIBRATED},
    }
)


def current_name(parameter: str) -> str:
    """Return today's name of a parameter, of a nested one as well.

    >>> current_name("clipping"), current_name("reuse__thaw"), current_name("l2")
    ('gradient_clipping', 'pretrained__unfreeze', 'l2')
    """
    return _translated_name(parameter, PARAMETERS, PRETRAINED)


def current_names(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by today's names.

    >>> current_names({"average": 0.9, "l2": 0.1})
    {'ema_decay': 0.9, 'l2': 0.1}
    """
    return {current_name(name): value for name, value in parameters.items()}


def current_family(family: str) -> str:
    """Return today's name of a family of algorithms.

    >>> current_family("observer"), current_family("optimizer")
    ('callback', 'optimizer')
    """
    return FAMILIES.get(family, family)


def current_status(status: Any) -> Any:
    """Return today's word for how a training ended; what is no former word stays as it is.

    >>> current_status("stopped"), current_status("finished"), current_status([3])
    ('early_stopped', 'finished', [3])
    """
    return STATUSES.get(status, status) if isinstance(status, str) else status


def current_setting(setting: str) -> str:
    """Return ``name=value`` with today's name of the parameter.

    >>> current_setting("reuse__decay=0.5"), current_setting("average=0.9")
    ('pretrained__layerwise_lr_decay=0.5', 'ema_decay=0.9')
    """
    name, equals, value = setting.partition("=")
    return current_name(name) + equals + value


def current_repr(config: str) -> str:
    """Return a config's ``repr`` with today's names of its classes.

    >>> current_repr("Network(inputs=4, layers=(Merge(rows=2), Linear(units=1)))")
    'Network(inputs=4, layers=(ConcatRows(rows=2), Linear(units=1)))'
    """
    return re.sub(r"\b\w+(?=\()", lambda name: CLASSES.get(name[0], name[0]), config)


def renamed(document: Any, names: Mapping[str, str], *keys: str) -> Any:
    """Return a document with some of its fields renamed, below ``keys`` if there are any.

    What isn't there, or isn't a record, is left to whoever checks the document's form.

    >>> renamed({"learned": {"reused_": 1}}, {"reused_": "pretrained_"}, "learned")
    {'learned': {'pretrained_': 1}}
    """
    # Anything may stand in a file; the form's check names what is wrong with it.
    if not isinstance(document, Mapping):
        return document
    if not keys:
        return {names.get(name, name): value for name, value in document.items()}
    first, *rest = keys
    if first not in document:
        return document
    return {**document, first: renamed(document[first], names, *rest)}


def current_verdict(verdict: Any) -> Any:
    """Return a verdict, as plain data, by today's names.

    >>> current_verdict({"knobs": [], "findings": [{"saw": "a gap"}]})
    {'suggestions': [], 'findings': [{'observed': 'a gap'}]}
    """
    verdict = renamed(verdict, VERDICT)
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("findings"), list):
        return verdict
    return {**verdict, "findings": [renamed(one, FINDING) for one in verdict["findings"]]}


def current_identity(search: Any) -> Any:
    """Return what identifies a search, as its journal says it, by today's names.

    >>> current_identity([{"is": "Constant"}, {"is": "Constant", "value": 0.1}])
    [{'is': 'ConstantSchedule'}, {'is': 'Constant', 'value': 0.1}]
    """
    return _with_added(_translated(search, PARAMETERS, PRETRAINED, CLASSES))


def former_candidate(candidate: Any) -> Any:
    """Return a candidate's parameters, as plain data, by the names that a former journal has.

    >>> former_candidate({"gradient_clipping": {"is": "ClipByNorm", "limit": 1.0}})
    {'clipping': {'is': 'ByNorm', 'limit': 1.0}}
    """
    now = (PARAMETERS, PRETRAINED, CLASSES)
    names, parts, classes = ({new: old for old, new in each.items()} for each in now)
    given = {_translated_name(name, names, parts): value for name, value in candidate.items()}
    return _translated(given, names, parts, {**classes, "ConstantSchedule": "Constant"})


def _translated(
    value: Any, names: Mapping[str, str], parts: Mapping[str, str], classes: Mapping[str, str]
) -> Any:
    """Rename classes and their parameters, wherever plain data say of which class they are."""
    if isinstance(value, list):
        return [_translated(item, names, parts, classes) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("is")
    if kind == "Constant" and "value" not in value:  # the initializer of that name has a value
        kind = "ConstantSchedule"
    known = parts if kind in ("Reuse", "Pretrained") else names if kind is not None else {}
    translated = {
        known.get(name, name): _translated(item, names, parts, classes)
        for name, item in value.items()
    }
    return {**translated, "is": classes.get(kind, kind)} if isinstance(kind, str) else translated


def _with_added(value: Any) -> Any:
    """Add the parameters that estimators have gained, at the values that change nothing."""
    if isinstance(value, list):
        return [_with_added(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    estimator = {"is", "lr_schedule", "subsample"} <= set(value)
    added = {
        name: default
        for known, more in _ADDED.items()
        if estimator and known in value
        for name, default in more.items()
    }
    return {**added, **{name: _with_added(item) for name, item in value.items()}}


def _translated_name(name: str, names: Mapping[str, str], parts: Mapping[str, str]) -> str:
    first, *rest = name.split("__")
    known = parts if first in ("reuse", "pretrained") else names
    return "__".join([names.get(first, first), *(known.get(part, part) for part in rest)])
