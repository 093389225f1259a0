"""The structures of ``plan.h``, field by field, for ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

ABI = 11  # of the structures; the library says which it was built with

_Fields: TypeAlias = Sequence[tuple[str, Any]]
_Number, _Pointer = ctypes.c_int64, ctypes.c_void_p


def _fields(numbers: str = "", pointers: str = "") -> list[tuple[str, Any]]:
    both = (numbers, _Number), (pointers, _Pointer)
    return [(name, kind) for names, kind in both for name in names.split()]


class LayerPlan(ctypes.Structure):
    """A layer: what it computes, and where its parameters lie."""

    _fields_: ClassVar[_Fields] = [
        *_fields("kind function inputs outputs parameters rows columns weight_rows statistics"),
        *_fields("height parts"),
        *_fields(pointers="first second keys groups embedded kept levels normals"),
        *_fields("n_embedded n_kept size bins bends n_jumping", "jumping"),
        *_fields("shifts matrices", "penalized constrained"),
    ]


class PenaltyPlan(ctypes.Structure):
    """A penalty on weights."""

    _fields_: ClassVar[_Fields] = _fields("l1 decoupled")


class ClippingPlan(ctypes.Structure):
    """A limit on gradients."""

    _fields_: ClassVar[_Fields] = _fields("kind", "limits")


class ConstraintPlan(ctypes.Structure):
    """A limit on the norms of the units' weights."""

    _fields_: ClassVar[_Fields] = _fields("", "limits")


class StepPlan(ctypes.Structure):
    """All that stays the same from step to step."""

    _fields_: ClassVar[_Fields] = [
        *_fields("doubles members batch outputs judges logit_rows"),
        *_fields("n_layers n_penalties n_clippings n_constraints"),
        *_fields("loss rule nesterov iterations"),
        *_fields(pointers="number quantiles"),
        *_fields("one_class", "layers penalties clippings constraints"),
        *_fields(pointers="parameters gradients statistics average"),
        ("slots", _Pointer * 3),
    ]


class GroupPlan(ctypes.Structure):
    """Members that learn the same layers, and the coefficients of their steps."""

    _fields_: ClassVar[_Fields] = _fields("start members count", "rates values")


class CallPlan(ctypes.Structure):
    """The rows and numbers of the steps of one call."""

    _fields_: ClassVar[_Fields] = [
        *_fields("steps first last", "x"),
        *_fields("x_step x_member x_row", "streams target"),
        *_fields("target_step target_member", "table"),
        *_fields("table_row is_bytes"),
        ("pixel", ctypes.c_double),
        *_fields(pointers="ids"),
        *_fields("ids_step ids_stream", "classes numbers weight"),
        *_fields("weight_step weight_member", "losses hits weights"),
        *_fields(pointers="groups strengths averaging workspace"),
        *_fields("workspace_bytes"),
    ]
