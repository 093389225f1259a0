"""Doctests run in an empty folder, so that an example may save a file and leave none behind."""

from __future__ import annotations

import pytest

collect_ignore_glob = ["tests/*conftest.py"]  # no doctests there, and one module name for all


@pytest.fixture(autouse=True)
def _doctests_write_elsewhere(
    request: pytest.FixtureRequest,
) -> None:
    # Asked for here only: a folder for each of the other tests would take longer than most do.
    if isinstance(request.node, pytest.DoctestItem):
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
