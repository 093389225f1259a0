"""``wellfit serve``: it says where it listens, answers there, and ends without a trace."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from processes import PATIENCE, port_of, said, start
from wellfit.cli.serve import _listen

Wellfit = Callable[..., Result]
ROW = {"age": 30, "job": "cook", "hours": None}


@pytest.fixture
def server(classifier: Path, tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """A server of a run, in a process of its own that ends with the test."""
    here = tmp_path / "here"
    here.mkdir()
    process = start("serve", str(classifier), "--port", "0", cwd=here)
    yield process, here
    process.kill()
    process.join()


def test_it_serves_a_run_until_a_signal_comes(server: tuple[Any, Path]) -> None:
    process, here = server
    connection = http.client.HTTPConnection("127.0.0.1", port_of(here), timeout=PATIENCE)
    headers = {"Content-Type": "application/json"}
    for body, status in ((json.dumps([ROW]), 200), (json.dumps([{"age": 3}]), 422), ("{", 400)):
        connection.request("POST", "/predict", body, headers)
        reply = connection.getresponse()
        assert json.loads(reply.read())
        assert reply.status == status
    connection.request("GET", "/metadata")
    about = json.loads(connection.getresponse().read())
    assert about["target"] == "income"
    assert {one["name"] for one in about["test_scores"]} >= {"accuracy"}
    assert about["trained"].startswith("20")
    connection.close()
    os.kill(process.pid, signal.SIGINT)
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert said(here, "out").splitlines()[-1] == "ended"
    assert said(here) == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("norun",), "there is no run or model norun"),
        (("RUN", "--host", "no.such.host.invalid"), "can't listen on no.such.host.invalid"),
        (("RUN", "--max-request", "much"), "'much' is no amount of memory"),
        (("RUN", "--max-request", "0"), "--max-request is '0'; expected one byte or more"),
    ],
)
def test_what_cannot_be_served_is_refused(
    wellfit: Wellfit, here: Path, classifier: Path, words: tuple[str, ...], message: str
) -> None:
    given = [str(classifier) if word == "RUN" else word for word in words]
    done = wellfit("serve", *given, "--port", "0")
    assert done.exit_code == 2
    assert message in done.output


def test_an_answer_does_not_wait_for_acknowledgements() -> None:
    with (
        _listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_named(wellfit: Wellfit, classifier: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = wellfit("serve", str(classifier), "--port", str(port))
    assert done.exit_code == 2
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in done.output


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)]
)
def test_listening_elsewhere_is_warned_of(
    wellfit: Wellfit,
    classifier: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    warned: bool,
) -> None:
    monkeypatch.setattr("wellfit.cli.serve._run", lambda *given: None)
    done = wellfit("serve", str(classifier), "--port", "0", "--host", host)
    assert done.exit_code == 0, done.output
    assert ("there is no password" in done.output) == warned
    assert re.search(r"at http://127\.0\.0\.1:\d+/  \(Ctrl-C ends\)", done.output)


def test_a_missing_extra_is_named(
    wellfit: Wellfit, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = wellfit("serve", str(classifier))
    assert done.exit_code == 1
    assert "uvicorn is not installed; expected it from `pip install" in done.output
    assert "wellfit-nn[serve]" in done.output


ROOT = Path(__file__).parents[2]


def test_the_dockerfile_calls_the_command_as_it_is(wellfit: Wellfit) -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text()
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    assert entry[:3] == ["wellfit", "serve", "/model"]
    known = set(re.findall(r"--[\w-]+", wellfit("serve", "--help").output))
    assert {word for word in entry if word.startswith("--")} <= known
    assert entry[-1] == re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE)[0]
    assert f"127.0.0.1:{entry[-1]}/health" in text
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.findall(r"\.whl\)\[(\w+)\]", text)[0] in extras["optional-dependencies"]
    for name in re.findall(r"^COPY (\S+)", text, re.MULTILINE):
        assert (ROOT / name).is_file()
