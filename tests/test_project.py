"""Laws of the project as a whole: what it costs to import, its floors, sizes, pins and pages."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wellfit
from source import MODULES, ROOT, SOURCE, nodes
from wellfit.core import registry
from wellfit.core.extras import DISTRIBUTION
from wellfit.core.hyper import Config

FILES = list(MODULES.values())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEAVY = {"torch", "sklearn", "numpy", "scipy", "pandas", "pyarrow", "matplotlib"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- what importing costs --------------------------------------------------------------------


def imported(*arguments: str) -> set[str]:
    """The top-level packages that a Python process with these arguments imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, flags=re.MULTILINE)
    return {name.split(".")[0] for name in names}


def test_importing_wellfit_imports_nothing_heavy() -> None:
    seen = imported("-c", "import wellfit")
    assert "wellfit" in seen
    assert not seen & HEAVY


def test_help_imports_nothing_heavy() -> None:
    seen = imported("-m", "wellfit", "--help")
    assert "typer" in seen
    assert not seen & HEAVY


# --- floors ----------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract on a copy of the source, so that this can also break it."""
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command is not None
    arguments = [command, "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(SOURCE.parent, tmp_path / "src", ignore=ignored)
    return tmp_path / "src"


def test_the_floors_hold(copied: Path) -> None:
    done = lint_imports(copied)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "statement", "named"),
    [
        ("core/rng.py", "import wellfit.estimators", "wellfit.core.rng -> wellfit.estimators"),
        ("nn/__init__.py", "import wellfit.optim", "wellfit.nn -> wellfit.optim"),
        ("stray.py", "", "stray"),
    ],
    ids=["upwards", "sideways", "a module on no floor"],
)
def test_a_step_off_the_floors_is_caught(
    copied: Path, file: str, statement: str, named: str
) -> None:
    with (copied / "wellfit" / file).open("a") as stream:
        stream.write(f"\n{statement}\n")
    done = lint_imports(copied)
    assert done.returncode != 0
    assert named in done.stdout


# --- sizes -----------------------------------------------------------------------------------


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[ast.get_docstring(function) is not None :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions() -> Iterator[tuple[str, int]]:
    found: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = []
    found += nodes(ast.FunctionDef)
    found += nodes(ast.AsyncFunctionDef)
    for name, node in found:
        yield f"{name}:{node.lineno} {node.name}", body_lines(node)


def test_files_are_at_most_400_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_function_bodies_are_at_most_35_lines() -> None:
    lengths = dict(functions())
    assert len(lengths) > 1000
    assert {name: length for name, length in lengths.items() if length > 35} == {}


# --- documentation ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in wellfit.__all__ if not name.startswith("_")])
def test_a_public_name_has_a_docstring_with_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(wellfit, name)) or "")


def test_every_name_that_a_floor_offers_has_a_docstring() -> None:
    floors = [
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(wellfit.__path__, "wellfit.")
        if not module.name.endswith("__main__")
    ]
    offered = [getattr(floor, name) for floor in floors for name in getattr(floor, "__all__", ())]
    assert offered
    # A dataclass without words gets its signature for a docstring.
    silent = [o for o in offered if not o.__doc__ or o.__doc__.startswith(f"{o.__name__}(")]
    assert silent == []


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = wellfit.NoSuchName


def members() -> Iterator[tuple[str, type]]:
    for module in pkgutil.walk_packages(wellfit.__path__, "wellfit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for family in registry.families():
        for name in registry.names(family):
            yield f"{family} {name}", registry.lookup(family, name)


def test_every_registered_class_says_what_it_is() -> None:
    found = dict(members())
    assert found
    # Inherited words describe the family, not the member.
    assert [name for name, cls in found.items() if not vars(cls).get("__doc__")] == []


def test_every_hyper_parameter_says_what_it_means() -> None:
    silent = [
        f"{name}.{key}"
        for name, cls in members()
        if issubclass(cls, Config)
        for key, declaration in cls.hypers().items()
        if not declaration.doc
    ]
    assert silent == []


def test_the_navigation_lists_every_page() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r"[\w/-]+\.md", nav)
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert set(listed) == pages
    assert len(listed) == len(pages)


def shipped() -> list[Path]:
    """Every file that git knows, or would with the next `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_path_of_a_machine_leaks() -> None:
    # Joined here, so that this file doesn't name them itself.
    tops = "|".join("/" + top for top in ("work", "tmp", "root", "home"))
    leak = re.compile(rf"(?<![\w.~])(?:{tops})\b")
    found = {relative(path): leak.findall(path.read_text(errors="ignore")) for path in shipped()}
    assert "README.md" in found
    assert {name: paths for name, paths in found.items() if paths} == {}


# --- what is shipped -------------------------------------------------------------------------


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def requirements() -> Iterator[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]
    for line in [
        *PROJECT["project"]["dependencies"],
        *extras["test"],
        *extras["ci"],
        *extras["docs"],
        *extras["release"],
    ]:
        yield Requirement(line)


def test_every_requirement_has_a_lower_bound_that_its_pin_keeps() -> None:
    pinned = pins()
    for requirement in requirements():
        bounds = {bound.operator for bound in requirement.specifier}
        assert bounds & {">=", "=="}, f"{requirement} has no lower bound"
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), (
            f"{requirement} isn't met by its pin"
        )


def imports() -> set[str]:
    """The top-level names of the packages that the source imports, at once or later."""
    whole = {alias.name for _, node in nodes(ast.Import) for alias in node.names}
    parts = {node.module for _, node in nodes(ast.ImportFrom) if node.module}
    return {name.partition(".")[0] for name in whole | parts}


def test_what_is_imported_is_required() -> None:
    required = {
        canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]
    }
    foreign = imports() - sys.stdlib_module_names - {"wellfit"}
    shippers = metadata.packages_distributions()
    owners = {name: {canonicalize_name(owner) for owner in shippers[name]} for name in foreign}
    assert {name for name, given in owners.items() if not given & required} == set()
    assert set().union(*owners.values()) >= required


def test_the_distribution_is_called_the_same_everywhere() -> None:
    assert PROJECT["project"]["name"] == DISTRIBUTION


INSTALLS = re.compile(r"pip install [^\n`]*?\bwellfit(?!-nn)\b")
EXTRAS = re.compile(r"(?:\bwellfit(?P<nn>-nn)?|(?<=['\"])\.)\\?\[(?P<extras>[a-z, ]+)\\?\]")


def misnamed(text: str) -> list[str]:
    """Where a text installs another project's distribution, or names an extra that isn't one."""
    known = set(PROJECT["project"]["optional-dependencies"])
    found = [match[0] for match in INSTALLS.finditer(text)]
    for match in EXTRAS.finditer(text):
        named = set(match["extras"].replace(" ", "").split(","))
        if not named <= known or (match[0].startswith("wellfit") and not match["nn"]):
            found.append(match[0])
    return found


def test_what_is_installed_is_ours_and_its_extras_exist() -> None:
    texts = {relative(path): path.read_text(errors="ignore") for path in shipped()}
    del texts[relative(Path(__file__))]
    assert "pip install 'wellfit-nn[report]'" in texts["docs/concepts/reports.md"]
    found = {name: misnamed(text) for name, text in texts.items()}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("run pip install wellfit", "pip install wellfit"),
        ("pip install --upgrade 'wellfit[report]'", "wellfit[report]"),
        ("needs ``wellfit[onnx]``", "wellfit[onnx]"),
        ("pip install 'wellfit-nn[reports]'", "wellfit-nn[reports]"),
        ("pip install -e '.[test,cli]'", ".[test,cli]"),
    ],
)
def test_a_misnamed_distribution_or_extra_is_found(text: str, place: str) -> None:
    assert place in misnamed(text)


def test_private_names_of_sklearn_are_imported_in_one_file() -> None:
    """The undocumented ones, which may be gone with any release."""
    importers = {
        name
        for name, node in nodes(ast.ImportFrom)
        if (node.module or "").startswith("sklearn")
        for alias in node.names
        if any(part.startswith("_") for part in f"{node.module}.{alias.name}".split("."))
    }
    assert importers == {"wellfit.core._sklearn_compat"}


def test_the_version_is_the_same_everywhere() -> None:
    assert wellfit.__version__ == PROJECT["project"]["version"] == metadata.version(DISTRIBUTION)
    # Fragments are what the release that has no section yet will say.
    assert f"## [{wellfit.__version__}]" in (ROOT / "CHANGELOG.md").read_text() or FRAGMENTS


TOWNCRIER = PROJECT["tool"]["towncrier"]
FRAGMENTS = sorted((ROOT / TOWNCRIER["directory"]).glob("*"))
KINDS = "|".join(kind["directory"] for kind in TOWNCRIER["type"])
FRAGMENT = re.compile(rf"(\d+|\+[a-z\d-]+)\.({KINDS})(\.\d+)?\.md")


def faults_of_fragment(name: str, text: str) -> list[str]:
    """Why towncrier would leave a fragment aside, or print it wrongly."""
    faults = [] if FRAGMENT.fullmatch(name) else ["its name is no ISSUE.KIND.md or +WORDS.KIND.md"]
    if not text.strip():
        faults.append("it is empty")
    if text.lstrip().startswith(("- ", "* ", "#")):
        faults.append("it begins with a bullet or a heading, which comes by itself")
    return faults


@pytest.mark.parametrize("path", FRAGMENTS, ids=relative)
def test_a_news_fragment_is_well_formed(path: Path) -> None:
    assert faults_of_fragment(path.name, path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("15.feature.md", "Muon.", "name"),
        ("muon.added.md", "Muon.", "name"),
        ("+muon.added.rst", "Muon.", "name"),
        ("+muon.added.md", " \n", "empty"),
        ("+muon.added.md", "- Muon.", "bullet"),
    ],
)
def test_faults_of_a_news_fragment_are_found(name: str, text: str, fault: str) -> None:
    assert fault in str(faults_of_fragment(name, text))


def test_the_changelog_has_a_place_for_the_next_release() -> None:
    assert TOWNCRIER["start_string"] in (ROOT / TOWNCRIER["filename"]).read_text()


def test_the_wheel_holds_every_file_of_the_package() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["wellfit"]
    packed = {path for pattern in patterns for path in SOURCE.glob(pattern)}
    inside = {path for path in shipped() if path.is_relative_to(SOURCE)}
    compiled = (".cpp", ".h")  # of which the wheel has the library
    assert {path for path in inside if path.suffix not in (".py", *compiled)} == packed


def test_types_are_shipped() -> None:
    assert (SOURCE / "py.typed").is_file()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["wellfit"]
