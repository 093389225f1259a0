"""The package's source, read and parsed once for all tests of a session that look at it."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "wellfit"


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()  # the file of every module of the package by name


@cache
def trees() -> dict[str, ast.Module]:
    """Return every module of the package by name, parsed: by the first test, not at collection."""
    return {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


@cache
def _nodes() -> dict[type, list[tuple[str, ast.AST]]]:
    """Return the nodes of all modules by their type, since walking takes longer than looking."""
    found = defaultdict(list)
    for name, tree in trees().items():
        for node in ast.walk(tree):
            found[type(node)].append((name, node))
    return found


def nodes(kind: type[N]) -> list[tuple[str, N]]:
    """Return all nodes of a type, each behind the name of its module."""
    return _nodes()[kind]  # type: ignore[return-value]
