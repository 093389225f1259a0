"""Hostile requests, made from a server's own OpenAPI document: valid ones, and their mutants.

Each is a function of a seed, so that one that does harm can be sent again.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asgi import CSV, JSON, Sent

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e31, 2**63, 2**64 + 1, 10**40, 5e-324, -0.0),
    *("", " ", "NaN", "null", "\x00", "💥" * 50, "a" * 10_000, "1e999", "٣", "1,234.5", "1.2.3"),
    *("2024-13-45", "0001-01-01", "9999-12-31T23:59:59Z", "-1 days", "99999999 days", "inf"),
    *([], {}, [[[]]], {"a": {"b": []}}, [None], "../../etc/passwd", "=1+1", "__proto__", "\u202e"),
)
QUERIES = (
    *(b"", b"extra=ignore", b"extra=refuse", b"extra=", b"interval=90", b"set=90", b"set=0"),
    *(b"interval=nan", b"interval=1e400", b"set=-1", b"%00", b"a=%ff", b"&&&=", b"set", b"\xff"),
    *(b"interval=" + b"9" * 5000, b"&".join([b"set=5"] * 500), b"extra=ignore&extra=refuse"),
)
PATHS = (
    "/predict",
    "/predict/",
    "//predict",
    "/../predict",
    "/%2e",
    "/nothing",
    "/metadata",
    "/ü",
)
METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY", "post")
TYPES = (JSON, CSV, "", "text/plain", "application/json;charset=utf-16", "*/*", "a" * 3000)
# What the server may answer, whatever it is sent.
ALLOWED = {200, 400, 403, 404, 405, 408, 413, 415, 422, 503, 504}


@dataclass(frozen=True)
class Hostile:
    """A request, and how many rows it has if it is a valid one."""

    sent: Sent
    rows: int | None = None


class Fuzzer:
    """Requests by their seeds.

    Args:
        document: OpenAPI's, of the server.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        self._random = random.Random()

    def request(self, seed: int) -> Hostile:
        """Return the request of a seed."""
        self._random.seed(seed)
        make: Callable[[], Hostile] = self._random.choices(
            [self._valid, self._mutated, self._damaged, self._misled], [2, 5, 2, 2]
        )[0]
        return make()

    def _valid(self) -> Hostile:
        rows = self._rows()
        body = rows if self._random.random() < 0.6 else _by_column(rows)
        if self._random.random() < 0.2:
            return Hostile(_sent(_csv(rows), CSV), len(rows))
        return Hostile(_sent(json.dumps(body).encode(), JSON), len(rows))

    def _mutated(self) -> Hostile:
        """Return rows or columns of which something is changed."""
        rows = self._rows()
        body: Any = rows if self._random.random() < 0.7 else _by_column(rows)
        for _ in range(self._random.randint(1, 3)):
            body = self._changed(body)
        if self._random.random() < 0.2 and isinstance(body, list):
            return Hostile(_sent(_csv(body), CSV))
        return Hostile(_sent(json.dumps(body).encode(), JSON))

    def _damaged(self) -> Hostile:
        """Return a body of which bytes are lost, changed or added."""
        sent = self._valid().sent
        data = bytearray(sent.chunks[0])
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randrange(len(data) + 1)
            how = self._random.randrange(4)
            if how == 0:
                del data[at:]
            elif how == 1:
                data[at:at] = self._random.randbytes(3)
            elif how == 2:
                data[at : at + 9] = data[: self._random.randrange(99)]
            else:
                data[at:at] = (
                    self._random.choice([b"[", b"{", b'"', b"\\", b"NaN", b"\n", b","]) * 99
                )
        headers = {**dict(sent.headers), "content-length": str(len(data))}
        return Hostile(replace(sent, chunks=(bytes(data),), headers=headers.items()))

    def _misled(self) -> Hostile:
        """Return a request to another address, by another method, or with other headers."""
        sent, choice = self._mutated().sent, self._random.choice
        headers = dict(sent.headers)
        how = self._random.randrange(6)
        if how == 0:
            sent = replace(sent, path=choice(PATHS))
        elif how == 1:
            sent = replace(sent, method=choice(METHODS))
        elif how == 2:
            headers["content-type"] = choice(TYPES)
        elif how == 3:
            headers["content-length"] = choice(["-1", "x", "9" * 30, "0", "1e3", "99999999999"])
        elif how == 4:
            data = sent.chunks[0]
            cut = self._random.randrange(len(data) + 1)
            sent = replace(sent, chunks=(data[:cut], b"", data[cut:]), gone=choice([True, False]))
        headers["accept"] = choice(["*/*", CSV, "", "image/png;q=9", "é"])
        return Hostile(replace(sent, headers=headers.items(), query=choice(QUERIES)))

    def _rows(self) -> list[dict[str, Any]]:
        schema = self._schemas["Row"]
        names = list(schema["required"])
        return [
            {name: self._cell(schema["properties"][name]) for name in names}
            for _ in range(self._random.randint(1, 4))
        ]

    def _cell(self, schema: Mapping[str, Any]) -> Any:
        """Return a value that a column's schema allows."""
        draw = self._random
        kind = draw.choice(schema["type"])
        if kind == "number":
            low, high = schema["minimum"], schema["maximum"]
            return draw.choice([draw.randint(-99, 99), draw.gauss(0, 1e3), low, high, 1e-300])
        if kind == "boolean":
            return draw.random() < 0.5
        if kind == "null":
            return None
        if "pattern" in schema:
            day = (
                f"{draw.randint(1, 9999):04d}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
            )
            return day + draw.choice(["", "T12:30:00", " 23:59:59.999", "T00:00Z", "T01:02+05:30"])
        if "duration" in schema.get("description", ""):
            return draw.choice(schema["examples"])
        return draw.choice([*schema.get("examples", ()), "another", "", "ß", "x" * 200])

    def _changed(self, body: Any) -> Any:
        """Return a document with one thing changed."""
        draw, found = self._random, copy.deepcopy(body)
        inner = draw.choice(found) if isinstance(found, list) and found else found
        junk = copy.deepcopy(draw.choice(JUNK))
        if not isinstance(inner, dict) or not inner or draw.random() < 0.1:
            return draw.choice([junk, [found], {"rows": found}, [found, junk], found])
        name = draw.choice(list(inner))
        how = draw.randrange(5)
        if how == 0:
            del inner[name]
        elif how == 1:
            inner[name[:-1] + draw.choice("abc\x00")] = inner.pop(name)
        elif how == 2:
            inner[draw.choice(["other", "", "\x00", name.upper(), "é" * 300])] = junk
        elif how == 3 and isinstance(inner[name], list):
            inner[name] = draw.choice([[*inner[name], junk], [], [junk] * len(inner[name])])
        else:
            inner[name] = junk
        return found


def _sent(body: bytes, kind: str) -> Sent:
    headers = {"content-type": kind, "content-length": str(len(body))}
    return Sent(chunks=(body,), headers=headers.items())


def _by_column(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _csv(rows: list[Any]) -> bytes:
    """Return rows as csv, those that are none as a cell."""
    text = io.StringIO()
    names = list(rows[0]) if rows and isinstance(rows[0], dict) else ["x"]
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow([row.get(name) for name in names] if isinstance(row, dict) else [row])
    return text.getvalue().encode(errors="replace")
