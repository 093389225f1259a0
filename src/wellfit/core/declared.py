"""Names, parameters and ranges, read from the source text: nothing is imported for it.

The registry knows a class once its module is imported, which for most of them takes PyTorch along,
and seconds. A command line that names an unknown optimizer, or a parameter out of its range,
should be answered before that.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from wellfit.core import hyper, registry
from wellfit.core.errors import UnknownNameError
from wellfit.core.parameter import Parameter, parameter

_ROOT = Path(__file__).parents[1]
# A class statement with keywords, such as ``class SiLU(Activation, name="silu"):``. Parentheses
# nest once, in ``aliases=("swish",)``.
_STATEMENT = re.compile(r"^class (\w+)\(((?:[^()]|\([^()]*\))*)\):", re.MULTILINE)
_KEYWORD = re.compile(r'\b(name|family)="([^"]+)"')
_ALIASES = re.compile(r"\baliases=\(([^()]*)\)")
# The calls that declare a hyper-parameter.
_HYPERS = {"hyper", "fraction", "positive", "nonnegative"}
_READABLE = {*_HYPERS, "field", ""}  # the second isn't a hyper-parameter's, nor is no call


class Declared(NamedTuple):
    """The names of one family, and the aliases that stand for some of them."""

    names: frozenset[str]
    aliases: frozenset[str]


class DeclaredParameter(NamedTuple):
    """One parameter of an estimator: its declaration, and its type as text.

    ``family`` is any config here, and the range that another class declares is only in ``ranged``,
    which reads that class.
    """

    declaration: Parameter
    form: str
    stands_for: tuple[str, str] | None = None

    @property
    def ranged(self) -> Parameter:
        """The declaration with its range."""
        if self.stands_for is None:
            return self.declaration
        default, range_ = _hyper(_fields(self.stands_for[0])[self.stands_for[1]])
        whole = isinstance(default, int) and not isinstance(default, bool)
        return dataclasses.replace(self.declaration, hyper=range_, whole=whole)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the families that it may be of."""
        found, names = _statements(), re.findall(r"\w+", self.form)
        keywords = (one.keywords for name in names for one in found.get(name, ()))
        return tuple(dict.fromkeys(each["family"] for each in keywords if "family" in each))


class DeclaredHyper(NamedTuple):
    """One hyper-parameter: its default, and its range where it has one."""

    default: Any
    hyper: hyper.Hyper | None


class DeclaredAlgorithm(NamedTuple):
    """One algorithm: its aliases, its meaning in a line, and its hyper-parameters."""

    aliases: Sequence[str]
    meaning: str
    hypers: Mapping[str, DeclaredHyper]


class _Statement(NamedTuple):
    """One class statement: its bases, what its keywords say, and its file."""

    cls: str
    bases: tuple[str, ...]
    keywords: Mapping[str, str]
    aliases: tuple[str, ...]
    path: Path


class _Field(NamedTuple):
    """An annotated assignment in a class body: the type, the function called, its arguments."""

    form: str
    function: str
    arguments: Mapping[str, Any]


@cache
def declared() -> Mapping[str, Declared]:
    """Return the names of each family whose classes wellfit brings along.

    It has no entries where the source can't be read, as in a zip archive.

    >>> "adam" in declared()["optimizer"].names, "swish" in declared()["activation"].aliases
    (True, True)
    """
    found = _statements()
    families: dict[str, tuple[set[str], set[str]]] = {}
    for one in (one for several in found.values() for one in several):
        family = _family(one, found)
        if family is not None and "name" in one.keywords:
            names, aliases = families.setdefault(family, (set(), set()))
            names.add(one.keywords["name"])
            aliases.update(one.aliases)
    return {family: Declared(*map(frozenset, sets)) for family, sets in families.items()}


def refuse_undeclared(family: str, name: str) -> None:
    """Refuse a name that no class of a family has, by the same words as the registry's.

    Raises:
        UnknownNameError: naming the nearest known one.

    >>> refuse_undeclared("optimizer", "adm")
    Traceback (most recent call last):
    wellfit.core.errors.UnknownNameError: unknown optimizer 'adm'; did you mean 'adam'? Known: ...
    """
    known = declared().get(family)
    if known is None or name in known.names | known.aliases:
        return
    if not registry.is_registered(family, name):  # by somebody else's package
        raise UnknownNameError(family, name, known.names, known.aliases)


def declared_class(cls: str) -> tuple[str, tuple[str, ...]]:
    """Return the name by which a class is registered, and its hyper-parameters in their order.

    Any other name stays as it is, and has none.

    >>> declared_class("SGD"), declared_class("sgd")
    (('sgd', ('learning_rate', 'momentum', 'nesterov')), ('sgd', ()))
    """
    found = [one for one in _statements().get(cls, ()) if "name" in one.keywords]
    return (found[0].keywords["name"], tuple(_fields(cls))) if found else (cls, ())


@cache
def declared_parameters(*classes: str) -> dict[str, DeclaredParameter]:
    """Return the parameters that classes of ``estimators`` declare, the first class's first.

    >>> epochs = declared_parameters("MLPClassifier")["epochs"]
    >>> epochs.declaration.default, epochs.form
    (40, 'int')
    """
    found: dict[str, DeclaredParameter] = {}
    for cls in classes:
        for name, field in _fields(cls, "estimators").items():
            if field.function == "parameter" and name not in found:
                found[name] = _parameter(field)
    return found


def declared_hypers(family: str, name: str) -> dict[str, DeclaredHyper]:
    """Return the hyper-parameters of an algorithm, by its name or an alias.

    >>> declared_hypers("optimizer", "sgd")["momentum"].hyper.interval
    '[0, 1)'
    """
    found = _statements()
    for one in (one for several in found.values() for one in several):
        named = name == one.keywords.get("name") or name in one.aliases
        if named and _family(one, found) == family:
            return {key: _hyper(field) for key, field in _inherited(one, found).items()}
    return {}


def declared_algorithms(family: str) -> dict[str, DeclaredAlgorithm]:
    """Return the algorithms of a family by name, sorted.

    Returns:
        Nothing where that takes more than reading: a function of another kind declares a
        hyper-parameter, or the source can't be read.

    >>> declared_algorithms("activation")["silu"].aliases
    ['swish']
    """
    found = _statements()
    members = {}
    for one in (one for several in found.values() for one in several):
        if "name" not in one.keywords or _family(one, found) != family:
            continue
        fields = _inherited(one, found)
        if any(field.function not in _READABLE for field in fields.values()):
            return {}
        read = {key: _hyper(field) for key, field in fields.items()}
        hypers = {key: own for key, own in read.items() if own.hyper is not None}
        meaning = (ast.get_docstring(_body(one.cls, one.path)) or "").partition("\n")[0]
        members[one.keywords["name"]] = DeclaredAlgorithm(sorted(one.aliases), meaning, hypers)
    return dict(sorted(members.items()))


@cache
def _statements(folder: str = "") -> dict[str, list[_Statement]]:
    """Return the class statements of a folder by the class's name."""
    found: dict[str, list[_Statement]] = {}
    # Reading a few hundred small files takes a fraction of the time of importing PyTorch.
    for path in (_ROOT / folder).rglob("*.py"):
        for name, arguments in _STATEMENT.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(_parsed(name, arguments, path))
    return found


def _parameter(field: _Field) -> DeclaredParameter:
    """Return what ``parameter(…)`` declares; classes in its arguments are names here."""
    arguments = {**field.arguments, "stands_for": None}
    if "family" in arguments:
        arguments["family"] = hyper.Config
    return DeclaredParameter(parameter(**arguments), field.form, field.arguments.get("stands_for"))


def _hyper(field: _Field) -> DeclaredHyper:
    if field.function not in _HYPERS:
        return DeclaredHyper(None, None)
    made = getattr(hyper, field.function)(**field.arguments)
    return DeclaredHyper(made.default, made.metadata["hyper"])


def _fields(cls: str, folder: str = "") -> dict[str, _Field]:
    found = _statements(folder)
    return _inherited(found[cls][0], found) if cls in found else {}


def _inherited(one: _Statement, found: Mapping[str, list[_Statement]]) -> dict[str, _Field]:
    """Return the fields of a class, its bases' first."""
    fields: dict[str, _Field] = {}
    for base in reversed(one.bases):
        for other in _named(base, one.path, found)[:1]:
            fields |= _inherited(other, found)
    return fields | dict(_own(one.cls, one.path))


def _named(cls: str, path: Path, found: Mapping[str, list[_Statement]]) -> Sequence[_Statement]:
    """Return the classes of a name that a file may mean, its own first: others have it as well."""
    return sorted(found.get(cls, ()), key=lambda one: one.path != path)


def _own(cls: str, path: Path) -> Iterator[tuple[str, _Field]]:
    """Yield the fields that a class body itself declares."""
    for node in _body(cls, path).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        form, call = ast.unparse(node.annotation), node.value
        if form.startswith("ClassVar"):
            continue
        read = _call(call, path) if isinstance(call, ast.Call) else ("", {})
        yield node.target.id, _Field(form, *read)


def _call(call: ast.Call, path: Path) -> tuple[str, dict[str, Any]]:
    """Return the function that a call is of, and its arguments.

    Where that function does no more than to call another, that one and its arguments.
    """
    function, names = ast.unparse(call.func), _Named(path)
    if function not in _READABLE and (made := _function(function, path)) is not None:
        (helper, there), last = made, made[0].body[-1]
        plain = all(isinstance(each, ast.Expr) for each in helper.body[:-1])  # its docstring
        if plain and isinstance(last, ast.Return) and isinstance(last.value, ast.Call):
            given = zip((each.arg for each in helper.args.args), call.args, strict=False)
            values = {name: names.value(value) for name, value in given}
            return _call(_WithArguments(values).visit(deepcopy(last.value)), there)
    arguments = {word.arg or "": names.value(word.value) for word in call.keywords}
    if call.args:
        arguments["doc"] = names.value(call.args[0])
    return function, arguments


def _function(name: str, path: Path) -> tuple[ast.FunctionDef, Path] | None:
    """Return a function that a module defines or imports from another of ours, and its file."""
    for node in _tree(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node, path
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            there = _ROOT.parent / f"{str(node.module).replace('.', '/')}.py"
            return _function(name, there) if there.exists() else None
    return None


class _WithArguments(ast.NodeTransformer):
    """Replaces the names of a function's parameters by what they are called with."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._values[node.id]) if node.id in self._values else node


def _body(cls: str, path: Path) -> ast.ClassDef:
    classes = (node for node in _tree(path).body if isinstance(node, ast.ClassDef))
    return next(one for one in classes if one.name == cls)


class _Text(str):
    """The text of an expression, which stands for its value: ``ReLU()`` is no string there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Named(ast.NodeTransformer):
    """Replaces the names of a module's constants by their values, and others by their text."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression; its text where that takes more than literals."""
        try:
            return ast.literal_eval(self.visit(deepcopy(node)))  # the tree is kept
        except ValueError:
            return _Text(ast.unparse(node))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Look a constant up where it is assigned, or where it is imported from."""
        for other in _tree(self._path).body:
            if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == node.id:
                return ast.Constant(self.value(other.value))
            names = other.names if isinstance(other, ast.ImportFrom) else ()
            if node.id.isupper() and node.id in [alias.name for alias in names]:
                there = _ROOT.parent / f"{ast.unparse(other).split()[1].replace('.', '/')}.py"
                if there.exists():
                    return ast.Constant(_Named(there).value(ast.Name(node.id)))
        return ast.Constant(node.id)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _parsed(cls: str, arguments: str, path: Path) -> _Statement:
    keywords = dict(_KEYWORD.findall(arguments))
    listed = _ALIASES.search(arguments)
    aliases = re.findall(r'"([^"]+)"', listed[1]) if listed else ()
    bases = (part.strip() for part in _ALIASES.sub("", arguments).split(","))
    named = tuple(base for base in bases if base.isidentifier())
    return _Statement(cls, named, keywords, tuple(aliases), path)


def _family(
    one: _Statement, found: Mapping[str, list[_Statement]], below: tuple[_Statement, ...] = ()
) -> str | None:
    """Return the family that a class declares, or that one of its bases belongs to."""
    if "family" in one.keywords:
        return one.keywords["family"]
    below = (*below, one)  # classes of one name may seem to derive from each other
    named = (base for name in one.bases for base in _named(name, one.path, found))
    bases = (base for base in named if base not in below)
    return next((family for base in bases if (family := _family(base, found, below))), None)
