"""Requests to an application (ASGI) within this process, as a server would pass them on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JSON, CSV = "application/json", "text/csv"


@dataclass(frozen=True)
class Reply:
    """The reply to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error."""
        return self.document["error"]


@dataclass(frozen=True)
class Sent:
    """A request.

    ``chunks`` are the parts of its body; after the last, the client is silent where ``silent``,
    or gone where ``gone``.
    """

    path: str = "/predict"
    chunks: Sequence[bytes] = (b"",)
    method: str = "POST"
    headers: Iterable[tuple[str, str]] = ()
    query: bytes = b""
    silent: bool = False
    gone: bool = False


async def reply_to(app: Any, sent: Sent) -> Reply:
    """Return what an application replies."""
    parts, replies = list(sent.chunks), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        if parts:
            more = len(parts) > 1 or sent.silent or sent.gone
            return {"type": "http.request", "body": parts.pop(0), "more_body": more}
        if sent.silent:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        replies.append(message)

    headers = {"host": "localhost", **dict(sent.headers)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "path": sent.path,
        "raw_path": sent.path.encode(errors="replace"),
        "root_path": "",
        "scheme": "http",
        "query_string": sent.query,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
    }
    await app(scope, receive, send)
    start, *bodies = replies
    body = b"".join(message.get("body", b"") for message in bodies)
    found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], found, body)


def replies_to(app: Any, *sent: Sent) -> list[Reply]:
    """Return what an application replies to requests that come at the same time."""

    async def all_of_them() -> list[Reply]:
        return await asyncio.gather(*(reply_to(app, each) for each in sent))

    return asyncio.run(all_of_them())


def ask(app: Any, path: str, **more: Any) -> Reply:
    """Return the reply to a request without a body."""
    return replies_to(app, Sent(path, method="GET", **more))[0]


def rows(document: Any, query: bytes = b"", **headers: str) -> Sent:
    """Return a request with rows as JSON, or as csv where they are text."""
    if isinstance(document, str):
        body, kind = document.encode(), CSV
    else:
        body, kind = json.dumps(document).encode(), JSON
    given = {"content-type": kind, "content-length": str(len(body)), **headers}
    return Sent(chunks=(body,), headers=given.items(), query=query)


def predict(app: Any, document: Any, query: bytes = b"", **headers: str) -> Reply:
    """Return the reply to rows."""
    return replies_to(app, rows(document, query, **headers))[0]
