"""The modules of the documentation, and a line on how many of its examples were run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
COUNT = "documentation"  # the property of a test that has run a page's examples


def loaded(name: str) -> ModuleType:
    """Return a module of the pages, by its file."""
    known = f"docs_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, ROOT / "docs" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[known] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[known]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many blocks of the pages were run, and how many outputs compared."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    counts = [
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == COUNT
    ]
    if counts:
        terminalreporter.line(str(loaded("outputs").Count(*map(sum, zip(*counts, strict=True)))))
