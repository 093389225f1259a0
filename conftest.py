"""Doctests run in an empty folder, so that an example may save a file and leave none behind."""

from __future__ import annotations

from pathlib import Path

import pytest

collect_ignore_glob = ["tests/*conftest.py"]  # no doctests there, and one module name for all


@pytest.fixture(autouse=True)
def _doctests_write_elsewhere(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
