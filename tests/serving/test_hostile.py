"""Hostile requests do no harm: each is answered, none by status 500, and memory stays level."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import re
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asgi import Reply, Sent, ask, predict, reply_to
from hostile_requests import ALLOWED, Fuzzer, Hostile
from processes import PATIENCE, port_of, said, start
from served import CLASSES, PAY, QUICK, ROW, TABLE
from wellfit import MLPClassifier, MLPRegressor
from wellfit.serving import Limits


def check(seed: int, hostile: Hostile, reply: Reply) -> None:
    """Fail if a request wasn't answered as it should be."""
    assert reply.status in ALLOWED, (seed, hostile, reply)
    if reply.status != 200:
        assert reply.error or hostile.sent.method == "HEAD", (seed, reply)
    if hostile.rows is not None:
        assert reply.status == 200, (seed, hostile, reply)
        assert len(reply.document["predictions"]) == hostile.rows, (seed, reply)


def replies(app: Any, seeds: range) -> Counter[int]:
    """Send the requests of seeds, eight at a time, and return how often each status came."""
    fuzzer, found = Fuzzer(ask(app, "/openapi.json").document), Counter[int]()

    async def send() -> None:
        for first in seeds[::8]:
            hostile = [fuzzer.request(seed) for seed in range(first, first + 8)]
            several = await asyncio.gather(*(reply_to(app, each.sent) for each in hostile))
            for at, (each, reply) in enumerate(zip(hostile, several, strict=True)):
                check(first + at, each, reply)
                found[reply.status] += 1

    asyncio.run(send())
    return found


def test_hostile_requests_are_answered(app: Any) -> None:
    found = replies(app, range(400))
    assert found.keys() >= {200, 400, 404, 405, 422}


def test_hostile_requests_of_an_estimator_are_answered(made: Callable[..., Any]) -> None:
    model = MLPClassifier(**QUICK, activation="gelu").fit(TABLE, CLASSES)
    found = replies(made(model, Limits(request_bytes=2000)), range(1000, 1048))
    assert found.keys() >= {200, 400, 413, 422}


def test_an_address_with_a_slash_too_many_is_none(app: Any) -> None:
    # Starlette would redirect it, and fail at a query that is no text.
    for query in (b"", b"\xff"):
        assert ask(app, "/predict/", query=query).status == 404


@pytest.mark.parametrize(
    "row", [{**ROW, "x" * 99_999: 1}, {"x" * 99_999: 1}, {f"x{at}": 1 for at in range(9_999)}]
)
def test_messages_about_long_or_many_names_are_short(app: Any, row: dict[str, Any]) -> None:
    reply = predict(app, [row])
    assert reply.status == 422
    assert len(reply.body) < 3_000


# --- a server, 10,000 times -------------------------------------------------------------------

GARBAGE = (
    *(
        b"\x00" * 99,
        b"GET\r\n\r\n",
        b"POST /predict HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ),
    b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /predict HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def as_bytes(sent: Sent) -> bytes:
    """Return a request as it goes over a wire, whatever is wrong with it."""
    query = b"?" + sent.query.replace(b" ", b"+") if sent.query else b""
    head = sent.method.encode() + b" " + sent.path.encode() + query + b" HTTP/1.1\r\n"
    headers = {"host": "localhost", "connection": "close", **dict(sent.headers)}
    lines = [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
    return head + b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(sent.chunks)


def exchange(port: int, data: bytes, method: str | None = None) -> int:
    """Send bytes, and return the status of the reply; 0 for none, as of what is no request."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(data)
            if method is None:  # else a part of a request would be waited for
                connection.shutdown(socket.SHUT_WR)
            reply = http.client.HTTPResponse(connection, method=method)
            reply.begin()
            reply.read()
        except (ConnectionError, http.client.HTTPException):
            return 0
        return reply.status


def resident(pid: int) -> int:
    """Return the memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are found in /proc")
def test_ten_thousand_hostile_requests_do_no_harm(tmp_path: Path) -> None:
    model = MLPRegressor(**QUICK, conformal="split", conformal_fraction=0.3).fit(TABLE, PAY)
    here = tmp_path / "here"
    here.mkdir()
    words = ["serve", str(model.save(tmp_path / "model")), "--port", "0"]
    process = start(*words, "--max-request", "64kB", "--timeout", "5", cwd=here)
    try:
        found, memory = besiege(here, process.pid)
        print(found, [f"{one / 2**20:.0f} MiB" for one in memory])
        assert found.keys() <= {0, *ALLOWED}
        assert memory[-1] - memory[1] < 16 * 2**20
    finally:
        process.terminate()
        process.join(PATIENCE)
    assert process.exitcode == 0
    assert said(here) == ""


def besiege(here: Path, pid: int) -> tuple[Counter[int], list[int]]:
    """Return how often each status came, and the server's memory after every 1,000 requests."""
    port, found, memory = port_of(here), Counter[int](), list[int]()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/openapi.json")
    fuzzer = Fuzzer(json.loads(connection.getresponse().read()))
    connection.close()
    for seed in range(10_000):
        if seed % 1000 == 0:
            memory.append(resident(pid))
        if seed % 20 == 0:
            found[exchange(port, random.Random(seed).choice(GARBAGE))] += 1
            continue
        hostile = fuzzer.request(seed)
        status = exchange(port, as_bytes(hostile.sent), hostile.sent.method)
        assert hostile.rows is None or status == 200, (seed, hostile, status)
        found[status] += 1
    return found, [*memory, resident(pid)]
