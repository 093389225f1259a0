"""Guards of the floors: privacy, no circles of imports, one caller of train, short chains."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

import wellfit
from source import MODULES, ROOT, SOURCE, nodes, trees
from wellfit import MLPClassifier, MLPRegressor
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError
from wellfit.core.lazy import HOME, public
from wellfit.core.parameter import parameter
from wellfit.estimators.build import JobBuilder
from wellfit.estimators.declaration import with_parameters
from wellfit.fitting import FittedNetwork, run

X = np.random.default_rng(0).normal(size=(60, 3))


def imports() -> dict[str, set[str]]:
    """The package's modules that each module imports: at once, lazily, or for type checkers."""
    found: dict[str, set[str]] = {name: set() for name in MODULES}
    for name, node in nodes(ast.Import):
        found[name] |= {alias.name for alias in node.names if alias.name in MODULES}
    for name, statement in nodes(ast.ImportFrom):
        home = str(statement.module)
        if home in MODULES:
            names = [f"{home}.{alias.name}" for alias in statement.names]
            found[name] |= {each if each in MODULES else home for each in names}
    return {name: there - {name} for name, there in found.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of a circle of imports; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_imports_go_in_a_circle() -> None:
    graph = imports()
    assert circle(graph) == []
    back = graph | {"wellfit.core.rng": {"wellfit.training.loop"}}
    assert "wellfit.core.rng" in circle(back)


def called(node: ast.Call) -> str:
    """The name of what is called, with what it is a member of; empty for the result of a call."""
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    parts.append(function.id if isinstance(function, ast.Name) else "")
    return ".".join(reversed(parts))


def test_floors_above_are_named_in_the_lazy_table_only() -> None:
    by_name = [
        name
        for name, node in nodes(ast.Call)
        if called(node).endswith("import_module") and "wellfit" in ast.unparse(node.args[0])
    ]
    assert by_name == []


@pytest.mark.parametrize("name", HOME)
def test_the_lazy_table_holds_what_is_there(name: str) -> None:
    assert public(name).__name__ == name


# What runs recipes is part of the library; the experiments are programs of a user's kind.
MACHINERY = {"base", "comparison", "context", "pictures", "runner"}
EXPERIMENTS = [
    name
    for name in MODULES
    if name.startswith("wellfit.recipes.") and name.split(".")[2] not in MACHINERY
]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_published_experiment_uses_the_public_interface(name: str) -> None:
    imports = [node for node in ast.walk(trees()[name]) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        home = str(node.module)
        if home.split(".")[0] != "wellfit" or home.startswith("wellfit.recipes"):
            continue
        offered = importlib.import_module(home)
        # Of core, which is no floor of its own, the errors are documented for users.
        assert home.count(".") <= 1 or home == "wellfit.core.errors", home
        for alias in node.names:
            public_here = alias.name in getattr(offered, "__all__", dir(offered))
            assert public_here, f"{home}.{alias.name}"


def test_private_members_are_refused_by_the_linter_everywhere() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "SLF001" in lint["select"]
    assert not [path for path, codes in lint["per-file-ignores"].items()
                if "SLF001" in codes and path not in ("tests/*", "benchmarks/*")]  # fmt: skip
    assert not [path for path in SOURCE.rglob("*.py") if "SLF001" in path.read_text()]


def test_no_module_imports_private_names_of_another() -> None:
    borrowed = [
        f"{name}: {node.module}.{alias.name}"
        for name, node in nodes(ast.ImportFrom)
        if str(node.module).startswith("wellfit")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.endswith("__")
    ]
    assert borrowed == []


def test_only_the_runner_trains() -> None:
    above = ("fitting", "estimators", "model_selection", "transfer", "diagnose", "report", "cli")
    callers = {
        name
        for name, node in nodes(ast.Call)
        if name.split(".")[1:2] and name.split(".")[1] in above and called(node) == "train"
    }
    assert callers == {"wellfit.fitting.runner"}


def estimators() -> list[type[BaseEstimator]]:
    """Every class of the package that is an estimator and has no subclass."""
    for module in pkgutil.walk_packages(wellfit.__path__, "wellfit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = [], [BaseEstimator]
    while left:
        cls = left.pop()
        left += cls.__subclasses__()
        # Other tests derive classes of their own.
        below = [each for each in cls.__subclasses__() if each.__module__.startswith("wellfit.")]
        if cls.__module__.startswith("wellfit.") and not below:
            found.append(cls)
    return found


def test_at_most_three_classes_of_ours_stand_above_an_estimator() -> None:
    """Those that only declare parameters don't count: they have nothing to override."""
    above = {
        cls.__name__: [base.__name__ for base in inspect.getmro(cls)[1:]
                       if base.__module__.startswith("wellfit.") and behaves(base)]
        for cls in estimators()
    }  # fmt: skip
    assert {"MLPClassifier", "MLPRegressor", "MLPAutoencoder"} <= above.keys()
    assert {name: bases for name, bases in above.items() if len(bases) > 3} == {}


def behaves(cls: type) -> bool:
    """Say whether a class has methods of its own, beside the constructor that is made for it."""
    own = {name: value for name, value in vars(cls).items() if name != "__init__"}
    return any(callable(value) or isinstance(value, classmethod) for value in own.values())


def test_a_parameter_is_declared_once() -> None:
    """In a class body; signature, docstring, ``set_params`` and validation read it there."""

    @with_parameters()
    class Warmed(MLPClassifier):
        """A classifier.

        Args:
            {parameters}
        """

        warmth: int = parameter("how warm, at least 1.", default=3, whole=True, low=1)

    assert inspect.signature(Warmed).parameters["warmth"].default == 3
    assert [*inspect.signature(MLPClassifier).parameters, "warmth"] == [
        *inspect.signature(Warmed).parameters
    ]
    assert "warmth: how warm, at least 1.\n" in (Warmed.__doc__ or "")
    assert clone(Warmed((4,), epochs=1).set_params(warmth=5)).get_params()["warmth"] == 5
    with pytest.raises(TypeError, match="warmht"):
        Warmed(warmht=1)
    with pytest.raises(TypeError, match="positional"):
        Warmed((4,), None)
    with pytest.raises(HyperparameterError, match="warmth is 0; expected a whole number"):
        Warmed((4,), warmth=0).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_fit_is_a_job_that_is_run_and_kept(kind: type[MLPClassifier]) -> None:
    y = X[:, 0] > 0 if kind is MLPClassifier else X[:, 0]
    # Folds validate only what isn't in a stack.
    fitted = kind((4,), epochs=2, random_state=0, validation_folds=None).fit(X, y)
    jobs = [kind((4,), epochs=2, random_state=seed).prepare(X, y) for seed in (0, 1)]
    for network in (run(jobs[:1])[0], run(jobs)[0]):
        assert isinstance(network, FittedNetwork)
        again = kind((4,), epochs=2, random_state=0).keep(network)
        np.testing.assert_allclose(again.predict(X), fitted.predict(X), rtol=1e-5)


def test_a_job_knows_no_estimator() -> None:
    """What an estimator's job is made of can be put together without it, and is the same."""
    plain = MLPClassifier((4,), epochs=2, random_state=0)
    job = plain.prepare(X, X[:, 0] > 0)
    again = JobBuilder(MLPClassifier((4,), epochs=2, random_state=0)).job(X, X[:, 0] > 0)
    assert job.member == again.member
    assert job.compute == again.compute
    np.testing.assert_array_equal(job.rows.x, again.rows.x)
    assert not [value for value in vars(job).values() if isinstance(value, BaseEstimator)]


_QUESTION = re.compile(r"(What|Which|How|From|Who|Where|Whether)\b")


def test_module_docstrings_name_the_thing() -> None:
    """A docstring's first line is the standard term for what the module holds."""
    opening = {name: ast.get_docstring(tree) or "" for name, tree in trees().items()}
    assert {name for name, text in opening.items() if not text} <= {"wellfit.cli.dashboard"}
    assert {name: text for name, text in opening.items() if _QUESTION.match(text)} == {}


def test_classes_are_at_most_250_lines() -> None:
    """Docstrings count: who uses a class reads them."""
    lengths = {
        f"{name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, node in nodes(ast.ClassDef)
    }
    assert {name: length for name, length in lengths.items() if length > 250} == {}


def test_no_two_classes_share_a_name() -> None:
    """One name, one meaning: in a traceback, a repr or a search, the name alone says which."""
    homes: dict[str, set[str]] = {}
    for name, node in nodes(ast.ClassDef):
        homes.setdefault(node.name, set()).add(name)
    assert homes.keys() >= {"MLPClassifier", "Linear", "Grid"}
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


@pytest.mark.parametrize("floor", ["augment", "diagnose", "model_selection", "nn", "optim"])
def test_every_named_algorithm_is_imported_from_its_floor(floor: str) -> None:
    """An algorithm that is found by name can also be given as an object with settings."""
    home = importlib.import_module(f"wellfit.{floor}")
    for name in home.__all__:
        getattr(home, name)  # some floors import their names, and register them, at first use
    named = {
        cls.__name__
        for family in registry.families()
        for name in registry.names(family)
        if (cls := registry.lookup(family, name)).__module__.startswith(f"wellfit.{floor}.")
    }
    assert len(named) > 3
    assert named - set(home.__all__) == set()
