"""What skipped tests need, how to give it to them, and which may be skipped for good."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from typing import Any

import pytest

EVERY = "WELLFIT_EVERY_TEST"  # set, as continuous integration does, a skip for want of these fails
_PACKAGES = "{python} -m pip install -c constraints.txt -e '.[test,ci]'"

# A pattern of the reason, what is missing, and how to get it.
INSTALLABLE = (
    (
        r"Chromium",
        "a browser",
        "apt-get install chromium, or {python} -m playwright install chromium",
    ),
    (r"could not import '\w|is not installed", "a package", _PACKAGES),
    (r"the compiled step is", "a C++ compiler", "install g++, then {python} -m pip install -e ."),
)
# A pattern of the reason, and why nothing that can be installed would help.
ALLOWED = (
    (r"no CUDA device", "a GPU"),
    (r"root may write anywhere", "a user other than root"),
    (r"mounting needs Linux and its root", "a machine that lets root mount"),
    (r"WELLFIT_DATA", "real data (WELLFIT_DATA=FOLDER)"),
    (r"processes are found in /proc|which file a descriptor stands for", "Linux"),
    (r"signals come to the main thread", "the main thread"),
    (r"could not import '(?:resource|socket)'", "a POSIX system"),
    (r"this is no git checkout", "a git checkout"),
    # scikit-learn's own tests, of what wellfit doesn't promise
    (r"SCIPY_ARRAY_API|array_api_strict|cupy|dpnp", "arrays of other libraries as input"),
    (r"does not have a decision_function", "a decision_function"),
)


def demanded(reasons: Iterable[str]) -> list[str]:
    """Return the reasons for which nothing should be skipped where everything is installed.

    A reason that nobody has thought of is one of them.
    """
    return [reason for reason in reasons if not any(re.search(p, reason) for p, _ in ALLOWED)]


def summary(reasons: Iterable[str], python: str) -> str:
    """Return in a line how many tests were skipped for want of what, and how to run them."""
    counts: Counter[str] = Counter(map(_want, reasons))
    if not counts:
        return ""
    listed = ", ".join(f"{count} for want of {want}" for want, count in counts.most_common())
    ways = [how.format(python=python) for _, want, how in INSTALLABLE if counts[want]]
    run = f"; to run them: {'; '.join(ways)}" if ways else ""
    return f"skipped: {listed}{run}"


def _want(reason: str) -> str:
    known = [*ALLOWED, *((pattern, want) for pattern, want, _ in INSTALLABLE)]
    return next((want for pattern, want in known if re.search(pattern, reason)), reason)


# --- hooks of pytest -------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """End in a line on what was skipped; fail where that must not be."""
    # With xdist, workers have no terminal, and the process that they report to knows all.
    terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    reports = terminal.stats.get("skipped", []) if terminal else []
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    failing = demanded(reasons) if os.environ.get(EVERY) else []
    if failing:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    yield  # to the terminal, so that the line is its last
    if reasons:
        terminal.line(summary(reasons, os.path.relpath(sys.executable)))
    for reason in dict.fromkeys(failing):
        terminal.line(f"FAILED, since {EVERY} is set: {reason}", red=True)
