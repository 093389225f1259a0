"""Requests a second that ``wellfit serve`` answers on one core, and how long they take.

    python -m benchmarks.serving RUN ROWS.csv

starts a server of the run on one core, and sends it rows of the table over several connections
that stay open, from this process: single rows, then 256 rows a request (as lists of rows, and
column by column), as fast as it answers; then single rows and 256 rows at half that rate, by which
the latencies are measured, each from the moment at which its request was due. The server's CPU
time, from ``/proc``, doesn't depend on what else this machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

_TICKS = os.sysconf("SC_CLK_TCK")
_WARM_UP = 1.0  # seconds


class Connection:
    """A connection that stays open: a request goes out, and its answer comes in."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._received = b""

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at some time."""
        self.due, self._received = due, b""
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come, and return whether the answer is complete.

        Raises:
            RuntimeError: the answer is an error.
        """
        self._received += self.socket.recv(1 << 20)
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self._received.decode())
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return len(body) >= int(length)


@dataclass(frozen=True)
class Measured:
    """What one load has shown.

    Attributes:
        requests: that were answered.
        seconds: that they took.
        cpu: seconds of the server's CPU time.
        latencies: seconds of each request.
    """

    requests: int
    seconds: float
    cpu: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def line(self, name: str, rows: int) -> str:
        """Return a line of the table."""
        middle, high = np.percentile(self.latencies, [50, 99]) * 1000
        per_request = 1e6 * self.cpu / self.requests
        return (
            f"| {name} | {self.rate:,.0f} | {self.rate * rows:,.0f} | {per_request:,.0f} | "
            f"{1e6 * rows / per_request:,.0f} | {middle:.1f} | {high:.1f} |"
        )


def load(
    port: int, pid: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float
) -> Measured:
    """Send requests for some seconds.

    Args:
        port: of the server.
        pid: of the server.
        requests: whole requests, that are sent in turn.
        connections: that are open.
        seconds: to send for.
        rate: requests a second; infinity for as many as are answered.
    """
    free = deque(Connection(port) for _ in range(connections))
    waiting = selectors.DefaultSelector()
    for connection in free:
        waiting.register(connection.socket, selectors.EVENT_READ, connection)
    start, cpu = time.perf_counter(), cpu_seconds(pid)
    latencies: list[float] = []
    sent, end = 0, start + seconds
    while (now := time.perf_counter()) < end or len(free) < connections:
        while free and now < end and (due := start + sent / rate) <= now:
            free.popleft().send(requests[sent % len(requests)], due if rate < np.inf else now)
            sent += 1
        # Until the next one is due; a tenth of a second where none is.
        patience = min(max(start + sent / rate - time.perf_counter(), 0), 0.1) if free else 0.1
        for key, _ in waiting.select(patience if now < end else 0.1):
            if key.data.receive():
                latencies.append(time.perf_counter() - key.data.due)
                free.append(key.data)
    taken = time.perf_counter() - start
    for connection in free:
        connection.socket.close()
    return Measured(len(latencies), taken, cpu_seconds(pid) - cpu, latencies)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def bodies(table: pd.DataFrame, rows: int, count: int, *, by_column: bool) -> Iterator[bytes]:
    """Yield whole requests of so many rows each."""
    for at in range(count):
        part = table.iloc[np.arange(at * rows, (at + 1) * rows) % len(table)]
        text = part.to_json(orient="records")
        if by_column:
            text = json.dumps(
                {name: json.loads(part[name].to_json(orient="values")) for name in part}
            )
        body = text.encode()
        yield (
            b"POST /predict?extra=ignore HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


def served(run: Path, core: int) -> tuple[subprocess.Popen[str], int]:
    """Start a server on one core, and return it with its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wellfit", "serve", str(run), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    os.sched_setaffinity(process.pid, {core})
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, int(line.partition("127.0.0.1:")[2].partition("/")[0])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("rows", type=Path, help="a csv file with rows for its model")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    process, port = served(given.run, cores[-1])
    os.sched_setaffinity(0, set(cores[:-1]) or {cores[-1]})
    table = pd.read_csv(given.rows, skipinitialspace=True)
    print("| load | requests/s | rows/s | server CPU µs/request | rows/CPU s | p50 ms | p99 ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    try:
        for name, rows, by_column in (
            ("single rows", 1, False),
            ("256 rows", 256, False),
            ("256 rows by column", 256, True),
        ):
            requests = list(bodies(table, rows, 64, by_column=by_column))
            connections = given.connections if rows == 1 else max(2, given.connections // 8)
            load(port, process.pid, requests, connections, _WARM_UP, np.inf)
            full = load(port, process.pid, requests, connections, given.seconds, np.inf)
            print(full.line(name, rows), flush=True)
            half = load(port, process.pid, requests, connections, given.seconds, full.rate / 2)
            print(half.line(f"{name}, at half of that rate", rows), flush=True)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
