"""Coverage counts the lines of all tests but of those that are listed, and these exist."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import uncovered

pytest_plugins = ["pytester"]


def test_what_is_listed_exists() -> None:
    assert [name for name in uncovered.REPEATING if not (uncovered.TESTS / name).exists()] == []


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_a_listed_test_is_marked_where_lines_are_counted(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, listed: bool, counts: bool
) -> None:
    monkeypatch.setattr(uncovered, "REPEATING", [str(pytester.path)] if listed else [])
    [item] = pytester.getitems("def test_it():\n    pass\n")
    plugins = SimpleNamespace(hasplugin=lambda name: counts and name == "_cov")
    config: Any = SimpleNamespace(pluginmanager=plugins)
    # pytest-cov registers its mark in the session that counts; this one may be none.
    item.config.addinivalue_line("markers", "no_cover: as pytest-cov's")
    uncovered.pytest_collection_modifyitems(config, [item])
    assert (item.get_closest_marker("no_cover") is not None) is (listed and counts)
