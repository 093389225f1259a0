"""Continuous integration skips nothing that it could run; elsewhere a line says what was."""

from __future__ import annotations

import pytest

import skips

pytest_plugins = ["pytester"]

CHROMIUM, GPU = "Skipped: there is no Chromium", "Skipped: no CUDA device here"
MLFLOW = "Skipped: mlflow is not installed"
KERAS = "Skipped: could not import 'keras': No module named 'keras'"


def test_a_line_says_what_was_skipped_and_how_to_run_it() -> None:
    assert skips.summary([CHROMIUM, GPU, CHROMIUM, KERAS, MLFLOW], "python") == (
        "skipped: 2 for want of a browser, 2 for want of a package, 1 for want of a GPU; to run "
        "them: apt-get install chromium, or python -m playwright install chromium; "
        "python -m pip install -c constraints.txt -e '.[test,ci]'"
    )
    assert skips.summary([GPU], "python") == "skipped: 1 for want of a GPU"
    assert skips.summary([], "python") == ""


def test_what_can_be_installed_is_demanded_and_so_is_what_nobody_has_thought_of() -> None:
    unknown = "Skipped: it is Monday"
    assert skips.demanded([GPU, CHROMIUM, MLFLOW, KERAS, unknown]) == [
        *(CHROMIUM, MLFLOW, KERAS, unknown)
    ]


@pytest.mark.parametrize(
    ("reason", "asked", "code"),
    [
        ("there is no Chromium", "", 0),
        ("there is no Chromium", "1", 1),
        ("no CUDA device here", "1", 0),
    ],
)
def test_a_session_fails_for_a_skip_only_where_every_test_is_asked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, reason: str, asked: str, code: int
) -> None:
    monkeypatch.setenv(skips.EVERY, asked)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeconftest("from skips import pytest_sessionfinish")
    pytester.makepyfile(f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")
    assert done.ret == code
    done.stdout.fnmatch_lines(["skipped: 1 for want of a*"])
