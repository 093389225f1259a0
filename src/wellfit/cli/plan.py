"""All that a command asks for, in a form that a run folder keeps and a resumed run reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from wellfit.cli.files import plain
from wellfit.cli.source import Request
from wellfit.core import former
from wellfit.core.errors import InputError
from wellfit.core.schema import conform
from wellfit.datasets import TableSchema, is_name

# Runs of old lack these.
_ADDED = {"time_column": (), "group_column": None, "validation_fraction": 0.0}
_PATHS = ("data_dir", "test")


@dataclass(frozen=True)
class Options:
    """What is to be seen, written and limited while training.

    Args:
        report_every: epochs from one printed line to the next.
        time_limit: seconds of training.
        tensorboard: write what TensorBoard shows.
        checkpoint_every: seconds from one checkpoint to the next.
        keep_checkpoints: leave them when the run has ended well.
    """

    report_every: int | None = None
    time_limit: float | None = None
    tensorboard: bool = False
    checkpoint_every: float = 15.0
    keep_checkpoints: bool = False


@dataclass(frozen=True)
class Plan:
    """A training: the data, the estimator's parameters as given, the options.

    ``extra`` are parameters as text, ``"optimizer__momentum=0.9"``.
    """

    request: Request
    parameters: Mapping[str, Any]
    extra: Sequence[str]
    options: Options

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the same in whatever folder it is read.

        >>> plan = Plan(Request("iris", drop=("petal width (cm)",)), {"epochs": 3}, (), Options())
        >>> Plan.from_dict(plan.to_dict()) == plan
        True
        """
        request = {key: _whole(value) for key, value in asdict(self.request).items()}
        request["schema"] = self.request.schema.to_document()
        name = self.request.name
        # A run's own folder may be called as its data are: --run digits.
        if not is_name(name, self.request.data_dir) and Path(name).expanduser().exists():
            request["name"] = str(Path(name).expanduser().absolute())
        given = ((k, v) for k, v in self.parameters.items() if v is not None)
        parameters = {key: _there(key, value) for key, value in given}
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
            InputError: it was altered.
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
            options = Options(**conform(data["options"], Options, "options"))
            parameters = former.current_names(data["parameters"])
            extra = map(former.current_name, data["extra"])
            return cls(request, parameters, tuple(extra), options)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"its settings were altered, and can't be read: {error}") from error

    def with_precision(self, precision: str) -> Plan:
        """Return the plan of a run for which "auto" came to a precision."""
        return replace(self, extra=(*self.extra, f"precision={precision}"))


def _schema(data: Mapping[str, Any]) -> TableSchema:
    """Return how the run read its table; what the command said of that, before it did."""
    about = data.get("data") or {}
    document = about.get("schema") or data["request"].get("schema")
    return TableSchema() if document is None else TableSchema.from_document(document)


def _there(key: str, value: Any) -> Any:
    """Return a parameter; a path among them as one that holds from any folder."""
    if key == "pretrained" and Path(value).expanduser().exists():
        return str(Path(value).expanduser().absolute())
    return value


def _whole(value: Any) -> Any:
    return value.absolute() if isinstance(value, Path) else value
