"""What every test shares: real data where there is some, one thread a worker, fixed examples."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import built_once  # noqa: F401 (for what it does)
from pages import pytest_terminal_summary
from shortcuts import judge_by_few_trees
from skips import pytest_sessionfinish

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary"]  # hooks

# Set before anything draws or computes: no window may open, and with xdist one thread for each
# worker beats several that wait for a core. torch reads these when it is first imported.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is first imported
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

# With all that the tests import, looking for cycles would take a tenth of the suite's time.
gc.set_threshold(50_000, 20, 50)

# What a shell runs in its background ignores Ctrl-C, and so would the processes under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A failure has to come back when the suite is run again, and a busy machine is no failure.
QUICK = settings(derandomize=True, deadline=None, print_blob=True, max_examples=40)
settings.register_profile("wellfit", QUICK)
settings.register_profile("thorough", QUICK, max_examples=400)  # of `make test-heavy`
settings.load_profile("wellfit")


def pytest_collection_finish() -> None:
    """Let no later pass of the collector look at what was imported: it stays to the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _signal_handlers_are_put_back() -> Iterator[None]:
    """A command that is called within this process leaves its end deaf to Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in which no more than 64 KiB can be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs Linux and its root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Compare networks with small models in verdicts, see :func:`judge_by_few_trees`."""
    with pytest.MonkeyPatch.context() as patch:
        judge_by_few_trees(patch)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, as WELLFIT_DATA names it."""
    named = os.environ.get("WELLFIT_DATA")
    if not named:
        pytest.skip("WELLFIT_DATA names no folder of real data")
    folder = Path(named)
    assert folder.is_dir(), f"WELLFIT_DATA is {named!r}, which is no folder"
    return folder


@pytest.fixture
def jumps_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every feature is taken to have jumps, which few rows can't show."""
    place = "wellfit.nn.embeddings.piecewise_with_jumps.have_jumps"
    monkeypatch.setattr(place, lambda columns, *_: [True] * len(columns))
    monkeypatch.setattr("wellfit.nn.embeddings.remembering._known", {})  # what others found
