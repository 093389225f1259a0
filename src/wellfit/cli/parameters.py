"""The estimators' parameters as options: derived from their declarations, read and checked.

Nothing here imports PyTorch: a wrong value is answered before that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

import typer

from wellfit.core.declared import (
    DeclaredParameter,
    declared_class,
    declared_hypers,
    declared_parameters,
    refuse_undeclared,
)
from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.hyper import check_value
from wellfit.core.parameter import Group

# The command sets these itself; torchrun says which processes there are.
OWN = {"callbacks", "warm_start", "random_state", "verbose", "processes"}
_SHORT = {"hidden_layer_sizes": "--hidden"}
_EXAMPLES = {
    "hidden_layer_sizes": "512,256",
    "augment": "NAME[:NUMBER]",
    "image_shape": "28,28",
    "eval_every": "N|'N steps'",
}
# Parts of parameters that have options of their own: the parameter, its meaning, its metavar.
_PARTS: Mapping[str, tuple[str, str, str]] = {
    "patience": ("early_stopping", "Epochs without improvement before training stops.", "N"),
    "monitor": (
        "early_stopping",
        "The metric that has to improve: val_loss, val_objective, or a scorer.",
        "METRIC",
    ),
    "n_layers": (
        "pretrained",
        "Number of pretrained layers to use, from the lowest; default: all.",
        "N",
    ),
    "freeze": (
        "pretrained",
        "Number of layers to freeze; auto chooses it by cross-validation.",
        "N|auto",
    ),
    "unfreeze": ("pretrained", "The epoch in which frozen layers are unfrozen.", "N"),
}


def known() -> Mapping[str, DeclaredParameter]:
    """Return the parameters that an estimator may have, by name."""
    return declared_parameters("Parameters", "MLPClassifier", "MLPRegressor")


def parameter_options(*without: str) -> dict[str, Any]:
    """Return an option for each parameter and some of their parts, by name.

    Args:
        without: groups and parameters that a command leaves out.

    >>> options = parameter_options("Pretrained")
    >>> "batch_size" in options, "patience" in options, "freeze" in options
    (True, True, False)
    """
    chosen = {
        name: each
        for group in get_args(Group)
        for name, each in known().items()
        if group == each.declaration.group and not {name, group} & {*without, *OWN}
    }
    options = {name: _option(name, each) for name, each in chosen.items()}
    for name, (outer, meaning, metavar) in _PARTS.items():
        if outer in chosen:
            panel = chosen[outer].declaration.group
            part = typer.Option(help=meaning, metavar=metavar, rich_help_panel=panel)
            options[name] = Annotated[str | None, part]
    return options


def _option(name: str, parameter: DeclaredParameter) -> Any:
    form, flag = parameter.form, f"--{name.replace('_', '-')}"
    panel: dict[str, Any] = {"rich_help_panel": parameter.declaration.group}
    meaning = _plain(parameter.declaration.summary)
    if form.startswith("bool"):
        two = f"{flag}/--no-{flag[2:]}"
        return Annotated[bool | None, typer.Option(two, help=f"{meaning}.", **panel)]
    flags = (_SHORT[name], flag) if name in _SHORT else (flag,)
    kind: Any = list[str] | None if _repeats(parameter) else str | None
    repeats = "; repeatable" if _repeats(parameter) else ""
    # A family has the name of its class; to read all classes for it would delay every command.
    family = re.search(r"\bstr \| (\w+)", form)
    named = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", family[1]).lower() if family else ""
    see = f" See `wellfit methods {named}`." if family else ""
    panel |= {"help": f"{meaning}{repeats}.{see}", "metavar": _metavar(name, parameter)}
    return Annotated[kind, typer.Option(*flags, **panel)]


def _repeats(parameter: DeclaredParameter) -> bool:
    """Return whether an option may be given several times, for a list of texts."""
    return "Sequence[str" in parameter.form or parameter.form == "Any"


def _metavar(name: str, parameter: DeclaredParameter) -> str:
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    form = re.sub(r"\[.*?\]", "", parameter.form)  # what sequences and mappings hold
    choices, family = parameter.declaration.choices, parameter.declaration.family
    number = "N" if re.search(r"\b(int|float)\b", form) else ""
    named = "NAME" if re.search(r"\bstr\b|Any", form) and (family or not choices) else ""
    return "|".join(filter(None, (number, named, *choices))) or "VALUE"


def _plain(text: str) -> str:
    """Return a docstring's text as the help shows it.

    >>> _plain("an :class:`~wellfit.optim.L1` in place of ``l1``")
    'An L1 in place of l1'
    """
    text = re.sub(r":\w+:`~?([^`]+)`", lambda role: role[1].rpartition(".")[2], text)
    text = text.replace("``", "")
    return text[:1].upper() + text[1:]


def given_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters among a command's options, and refuse wrong ones.

    Parts of parameters come last, as ``early_stopping__patience``; ``--set`` is checked too. What
    isn't text or a number stays as it was given, for a run's settings to hold.

    Raises:
        InputError: an unknown name, or a value out of its range.

    >>> given_parameters({"patience": "3", "l2": "1e-3", "hidden_layer_sizes": "8,4", "seed": 0})
    {'hidden_layer_sizes': '8,4', 'l2': 0.001, 'early_stopping__patience': 3}
    """
    parts = {name: f"{outer}__{name}" for name, (outer, *_) in _PARTS.items()}
    names = {**{name: name for name in known()}, **parts}
    # Typer makes an empty list of an option that may be repeated and isn't given.
    given = {
        key: options[name] for name, key in names.items() if options.get(name) not in (None, [])
    }
    values = {key: read(key, value) for key, value in given.items()}
    chosen: dict[str, Any] = {}
    for name, value in [*values.items(), *map(assignment, options.get("settings") or ())]:
        _refuse(name, value, chosen)
        chosen[name] = value
    return {
        key: value if isinstance(value, str | bool | int | float) else given[key]
        for key, value in values.items()
    }


def _refuse(name: str, value: Any, chosen: Mapping[str, Any]) -> None:
    """Refuse a parameter that isn't there, or a value that it can't have."""
    outer, _, inner = name.partition("__")
    if outer not in known():
        raise UnknownNameError("parameter", outer, known().keys() - OWN)
    parameter = known()[outer]
    if inner:
        config = chosen.get(outer, parameter.declaration.default)
        for family in parameter.families if isinstance(config, str) else ():
            _refuse_part(family, config, inner, value)
        return
    try:
        parameter.ranged.check(name, value)
    except InputError as error:
        if name not in _EXAMPLES:
            raise
        raise InputError(f"{error}, such as {_EXAMPLES[name]}") from error
    if len(parameter.families) == 1 and "str" in parameter.form:
        for text in _texts(value):
            if text not in parameter.declaration.choices:
                refuse_undeclared(parameter.families[0], text.partition(":")[0].strip())


def _refuse_part(family: str, config: str, inner: str, value: Any) -> None:
    hypers = declared_hypers(family, config)
    if inner not in hypers:
        if hypers:
            raise UnknownNameError(f"hyper-parameter of {config!r}", inner, hypers)
        return
    default, declaration = hypers[inner]
    if declaration is not None:
        check_value(f"{inner} of {family} {config!r}", value, default, declaration)


def _texts(value: Any) -> list[str]:
    """Return the texts of a value: itself, or those among its items; of an algorithm its name."""
    if isinstance(value, Mapping) and "name" in value:
        value = value["name"]
    items = list(value.values()) if isinstance(value, Mapping) else value
    return [
        one
        for one in (items if isinstance(items, list | tuple) else [items])
        if isinstance(one, str)
    ]


def read(name: str, value: Any) -> Any:
    """Return the value of a parameter that is given as text; what isn't text stays as it is.

    >>> read("hidden_layer_sizes", "512, 256"), read("hidden_layer_sizes", ""), read("l2", "1e-3")
    ((512, 256), (), 0.001)
    """
    if isinstance(value, list) and name in known() and _repeats(known()[name]):
        values = [read(name, one) for one in value]
        return values[0] if name == "activation" and len(values) == 1 else values
    if not isinstance(value, str) or name == "pretrained":
        return value
    if name != "hidden_layer_sizes":
        return literal(value.strip())
    sizes = literal(value.strip() or "()")
    return (sizes,) if isinstance(sizes, int) else sizes


def assignment(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``; values that aren't Python are text.

    >>> assignment("optimizer__momentum=0.9"), assignment("lr_schedule=one_cycle")
    (('optimizer__momentum', 0.9), ('lr_schedule', 'one_cycle'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set is {text!r}; expected name=value, e.g. optimizer__momentum=0.9")
    if name.strip() in OWN:
        raise InputError(f"--set {name.strip()}: the command line sets this parameter itself")
    return name.strip(), literal(value.strip())


def literal(text: str) -> Any:
    """Return a Python value; names, also within lists and dictionaries, become text.

    An algorithm with its hyper-parameters, as it is written in Python, becomes a dictionary. What
    is called is only looked up among the names of classes.

    >>> literal("(28, 28)"), literal("[relu, elu]"), literal("{momentum: ramp}"), literal("a b")
    ((28, 28), ['relu', 'elu'], {'momentum': 'ramp'}, 'a b')
    >>> literal("BatchNorm(momentum=0.95, output=true)"), literal("SGD(0.1)"), literal("open(1)")
    ({'name': 'batch_norm', 'momentum': 0.95, 'output': True},
     {'name': 'sgd', 'learning_rate': 0.1}, 'open(1)')
    """
    try:
        return ast.literal_eval(_Quoted().visit(ast.parse(text, mode="eval")))
    except (ValueError, SyntaxError):
        return text


class _Quoted(ast.NodeTransformer):
    """Replaces names by strings, and calls by dictionaries."""

    def visit_Name(self, node: ast.Name) -> ast.Constant:
        # YAML, which search spaces are written in, has these in lower case.
        plain = {"true": True, "false": False, "none": None, "null": None}
        return ast.Constant(plain.get(node.id, node.id))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name) or any(each.arg is None for each in node.keywords):
            return node
        name, fields = declared_class(node.func.id)
        if len(node.args) > len(fields):
            return node
        values = {"name": ast.Constant(name), **dict(zip(fields, node.args, strict=False))}
        values |= {str(each.arg): each.value for each in node.keywords}
        return ast.Dict(
            [ast.Constant(key) for key in values],
            [self.visit(value) for value in values.values()],
        )
