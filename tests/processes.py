"""Processes of their own that start at once: forks of one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, TypeVar

import pytest

from shortcuts import draw_nothing, judge_by_few_trees

T = TypeVar("T")
NONE: Mapping[str, str] = {}

PATIENCE = 240  # seconds; a busy machine needs a fraction, and pytest's limit of a test is longer

# There is one server of forks in a session, and what it imports is settled when it starts: all
# that any test forks for is named here. Starting an interpreter costs two seconds of imports.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "hypothesis",
        "matplotlib.pyplot",
        "PIL.PngImagePlugin",
        "pyarrow.pandas_compat",
        "pydantic",
        "pytest",
        "rich.status",
        "sklearn.compose",
        "sklearn.datasets",
        "sklearn.dummy",
        "sklearn.ensemble",
        "sklearn.pipeline",
        "typer.testing",
        "wellfit.cli.app",
        "wellfit.cli.evaluation",
        "wellfit.cli.search_run",
        "wellfit.cli.train_run",
        "wellfit.diagnose",
        "wellfit.estimators",
        "wellfit.model_selection",
        "wellfit.report",
        "wellfit.transfer",
    ]
)


def start(
    *words: str, cwd: Path, encoding: str = "utf-8", environment: Mapping[str, str] = NONE
) -> Any:
    """Call ``wellfit`` in a process of its own; what it says goes to files beside its folder.

    Its verdict compares with few trees, and its pictures aren't drawn.
    """
    process = SERVER.Process(target=call, args=(words, cwd, encoding, environment))
    process.start()
    return process


def said(cwd: Path, where: str = "err") -> str:
    """Return what all processes of a folder have said."""
    return Path(f"{cwd}.{where}").read_text()


def port_of(cwd: Path) -> int:
    """Return the port of the server that a process of a folder says it is, once it says so."""
    end, out = time.monotonic() + 120, Path(f"{cwd}.out")
    while time.monotonic() < end:
        text = out.read_text() if out.exists() else ""
        if found := re.search(r"at http://127\.0\.0\.1:(\d+)/", text):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(said(cwd))


def in_child(function: Callable[..., T], *args: Any) -> T:
    """Call a function of a module in a process of its own: return what it returns there.

    For what must not happen to the process that runs the tests, such as a limit on its files,
    to which its own report may be written.

    Raises:
        AssertionError: it raises; the message is the traceback.
    """
    receiving, sending = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_report, args=(sending, function, args))
    process.start()
    sending.close()
    try:
        result, trouble = receiving.recv()
    except EOFError:
        result, trouble = None, "the process ended without a word"
    process.join()
    assert not trouble, trouble
    return result


def _report(sending: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    judge_by_few_trees(pytest.MonkeyPatch())  # for good: the process ends with the function
    try:
        sending.send((function(*args), ""))
    except BaseException:
        sending.send((None, traceback.format_exc()))


def let_files_grow_to(size: int) -> None:
    """Let no file of this process grow beyond so many bytes, as on a disk that is nearly full."""
    import resource  # which not every system has

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def wait(true: Callable[[], T], every: float = 0.02) -> T:
    """Return what comes true, as soon as it does.

    Raises:
        AssertionError: it never does.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(every)
    raise AssertionError("it never came true")


def wait_for_the_end_of(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs, where there is /proc."""
    wait(lambda: not any(map(alive, pids)))


def children(pid: int) -> list[int]:
    """Return the processes that descend from one, where there is /proc."""
    below = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            below += [child, *children(child)]
    return below


def alive(pid: int) -> bool:
    """Say whether a process still runs, where there is /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def call(
    words: tuple[str, ...],
    cwd: Path,
    encoding: str,
    environment: Mapping[str, str] = NONE,
    drawn: bool = False,
) -> None:
    from wellfit.cli.app import main

    patch = pytest.MonkeyPatch()  # for good: the process ends with the command
    judge_by_few_trees(patch)
    if not drawn:
        draw_nothing(patch)
    os.environ.update(environment)
    os.chdir(cwd)
    for name, where in (("stdout", "out"), ("stderr", "err")):
        file = open(f"{cwd}.{where}", "a", encoding=encoding)  # noqa: SIM115 (till it ends)
        setattr(sys, name, file)
    # A job in the background of a shell ignores Ctrl-C; this one is to hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["wellfit", *words]
    main()


def in_group(function: Callable[..., T], *args: Any, count: int = 2) -> list[T]:
    """Call a function of a module in several processes, as torchrun would start them.

    Returns:
        What it returns in each of them.

    Raises:
        AssertionError: it raises in one of them; the message is all tracebacks.
    """
    port = free_port()
    pairs = [SERVER.Pipe(duplex=False) for _ in range(count)]
    processes = [
        SERVER.Process(target=_member, args=(rank, count, port, sending, function, args))
        for rank, (_, sending) in enumerate(pairs)
    ]
    for process in processes:
        process.start()
    results, troubles = [], []
    for receiving, sending in pairs:
        sending.close()
        try:
            result, trouble = receiving.recv()
        except EOFError:
            result, trouble = None, "the process ended without a word"
        results.append(result)
        troubles.append(trouble)
    for process in processes:
        process.join()
    assert not any(troubles), "\n".join(troubles)
    return results


def launch_environment(rank: int, count: int, port: int) -> dict[str, str]:
    """Return what torchrun writes into the environment of the processes of one machine."""
    numbers = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": count}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    return {name: str(number) for name, number in numbers.items()} | place


def _member(
    rank: int, count: int, port: int, sending: Any, function: Callable[..., Any], args: Any
) -> None:
    import torch

    os.environ.update(launch_environment(rank, count, port))
    torch.set_num_threads(1)
    _report(sending, function, args)


@contextmanager
def dask_workers(count: int = 2) -> Iterator[Any]:
    """Yield the client of Dask workers, forked from a process that has imported all they need."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    forkserver.ensure_running()  # with what the tests want imported, before dask says what it does
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


def free_port() -> int:
    """Return a port at which processes can meet."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
