"""Tests whose lines coverage doesn't count: long ones over what others run as well.

Counting slows Python down by half. Without these tests, the suite is shorter by minutes and
coverage is what the others reach, which is a lower bound.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REPEATING = (
    "diagnose/test_illnesses.py",
    "diagnose/test_verdict.py",
    "estimators/test_sklearn_checks.py",
    "model_selection/test_sklearn_searches.py",
    "model_selection/test_overrides.py",
    "report/test_browser.py",
    "sklearn_suites",
    "test_docs.py",
    "test_fuzz_files.py",
    "test_global_state.py",
    "training/test_laws.py",
    "training/test_layer_rates.py",
)


def is_repeating(item: pytest.Item) -> bool:
    """Say whether a test is one of these, as examples in docstrings are."""
    named = any(item.path.is_relative_to(TESTS / name) for name in REPEATING)
    return named or isinstance(item, pytest.DoctestItem)


# --- hooks of pytest -------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark them for pytest-cov, where it counts."""
    if config.pluginmanager.hasplugin("_cov"):
        for item in filter(is_repeating, items):
            item.add_marker("no_cover")
