"""The plan of a training: everything a command asked for, as the run folder stores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from wellfit.cli.files import plain
from wellfit.cli.options import ProgressOptions
from wellfit.cli.request import Request
from wellfit.core import former
from wellfit.core.errors import InputError
from wellfit.core.schema import conform
from wellfit.datasets import TableSchema, is_name

# Runs of earlier versions lack these.
_ADDED = {
    "time_column": (),
    "group_column": None,
    "validation_fraction": 0.0,
    "classes": None,
    "split_by": None,
    "weights": None,
    "memory": None,
}
_PATHS = ("data_dir", "test")


@dataclass(frozen=True)
class Plan:
    """A training: the data, the estimator's parameters as given, the options.

    ``extra`` are parameters as text, ``"optimizer__momentum=0.9"``.
    """

    request: Request
    parameters: Mapping[str, Any]
    extra: Sequence[str]
    options: ProgressOptions

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that don't depend on the current folder.

        >>> request = Request("iris", drop=("petal width (cm)",))
        >>> plan = Plan(request, {"epochs": 3}, (), ProgressOptions())
        >>> Plan.from_dict(plan.to_dict()) == plan
        True
        """
        request = {key: _whole(value) for key, value in asdict(self.request).items()}
        request["schema"] = self.request.schema.to_document()
        name = self.request.name
        # The run folder may have the name of the data set: --run digits.
        if not is_name(name, self.request.data_dir) and Path(name).expanduser().exists():
            request["name"] = str(Path(name).expanduser().absolute())
        parameters = {key: _there(key, value) for key, value in self.parameters.items()}
        return {
            "request": plain(request),
            "parameters": plain(parameters),
            "extra": list(self.extra),
            "options": asdict(self.options),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Return the plan that :meth:`to_dict` wrote.

        Raises:
            InputError: the document was altered.
        """
        try:
            names = [field.name for field in fields(Request) if field.name != "schema"]
            given = {**_ADDED, **data["request"]}
            asked = {name: given[name] for name in names}
            asked |= {key: Path(asked[key]) for key in _PATHS if asked[key] is not None}
            asked |= {"drop": tuple(asked["drop"]), "schema": _schema(data)}
            asked["time_column"] = tuple(asked["time_column"])
            conform(asked, Request, "request")
            request = Request(**asked)
            options = ProgressOptions(**conform(data["options"], ProgressOptions, "options"))
            parameters = former.current_names(data["parameters"])
            extra = map(former.current_setting, data["extra"])
            return cls(request, parameters, tuple(extra), options)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"its settings are invalid: {error}") from error

    def with_precision(self, precision: str) -> Plan:
        """Return the plan with the precision that "auto" chose."""
        return replace(self, extra=(*self.extra, f"precision={precision}"))


def _schema(data: Mapping[str, Any]) -> TableSchema:
    """Return the schema of the run's table, or the options from which it was inferred."""
    about = data.get("data") or {}
    document = about.get("schema") or data["request"].get("schema")
    return TableSchema() if document is None else TableSchema.from_document(document)


def _there(key: str, value: Any) -> Any:
    """Return a parameter as plain data; paths become absolute."""
    if key == "pretrained" and Path(value).expanduser().exists():
        return str(Path(value).expanduser().absolute())
    return value


def _whole(value: Any) -> Any:
    return value.absolute() if isinstance(value, Path) else value
