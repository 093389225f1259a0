"""What mkdocs puts into pages when it builds them, so that none can fall behind the code.

``<!-- family: optimizer -->`` becomes every class of that family, as the registry knows it: name,
equation, hyper-parameters, source. ``<!-- include: CHANGELOG.md -->`` becomes that file.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

import wellfit
from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.core.hyper import Config, Hyper

ROOT = Path(__file__).parents[1]
FAMILY = re.compile(r"^<!-- family: ([\w-]+) -->$", flags=re.MULTILINE)
INCLUDE = re.compile(r"^<!-- include: ([\w.]+) -->$", flags=re.MULTILINE)
HEAD = ("hyper-parameter", "default", "range", "scale", "meaning")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the lines ``<!-- family: … -->`` and ``<!-- include: … -->`` of a page."""
    import_everything()
    markdown = FAMILY.sub(lambda match: family_section(match[1]), markdown)
    return INCLUDE.sub(lambda match: included(match[1]), markdown)


def included(name: str) -> str:
    """Return a file of the project's root, its links made to work from inside ``docs``."""
    return (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")


@cache
def import_everything() -> None:
    """Import every module of wellfit, so that every class registers itself."""
    for module in pkgutil.walk_packages(wellfit.__path__, "wellfit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def family_section(family: str) -> str:
    """Return markdown that describes all classes of a family.

    Raises:
        UnknownNameError: no such family.
    """
    if family not in registry.families():
        raise UnknownNameError("family", family, registry.families())
    names = registry.names(family)
    return "\n\n".join(class_section(name, registry.lookup(family, name)) for name in names)


def class_section(name: str, cls: type) -> str:
    """Return markdown that describes one class: name, words, source, hyper-parameters."""
    home = ".".join(cls.__module__.split(".")[:2])
    parts = [f"### `{name}`", f"`{home}.{cls.__name__}`", prose(cls), hyper_table(cls)]
    return "\n\n".join(part for part in parts if part)


def prose(cls: type) -> str:
    """Return the docstring without its examples and its sections for arguments and errors."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
    section = re.compile(r"(>>> |Args:|Raises:|Returns:)")
    return "\n\n".join(text for text in paragraphs if not section.match(text)).replace("``", "`")


def hyper_table(cls: type) -> str:
    """Return a table of the hyper-parameters that ``cls`` declares, or nothing."""
    if not issubclass(cls, Config) or not cls.hypers():
        return ""
    rows = [hyper_row(cls, key, declaration) for key, declaration in cls.hypers().items()]
    return "\n".join(" | ".join(("", *row, "")).strip() for row in (HEAD, ["---"] * 5, *rows))


def hyper_row(cls: type[Config], key: str, declaration: Hyper) -> list[str]:
    """Return one row of the table: a hyper-parameter as it was declared."""
    default = inspect.signature(cls).parameters[key].default
    numeric = isinstance(default, int | float) and not isinstance(default, bool)
    scale = declaration.scale if numeric else ""
    return [f"`{key}`", f"`{default!r}`", allowed(default, declaration), scale, declaration.doc]


def allowed(default: object, declaration: Hyper) -> str:
    """Return which values a hyper-parameter takes, in words of a table's cell."""
    bounded = (declaration.low, declaration.high) != (None, None)
    if declaration.choices:
        values = ", ".join(f"`{choice}`" for choice in declaration.choices)
    elif isinstance(default, bool):
        values = "`True`, `False`"
    elif isinstance(default, Config):
        values = f"any {default.family.replace('_', ' ')}"
    elif bounded or isinstance(default, int | float):
        values = declaration.interval.replace("inf", "∞")
    else:
        return ""
    return values + (" or `None`" if declaration.optional else "")
