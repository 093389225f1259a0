"""The ASGI application of ``wellfit serve``: its addresses, its limits, its errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, NoReturn

from wellfit.core.content_security import content_security_policy
from wellfit.core.errors import WellfitError
from wellfit.core.extras import import_extra
from wellfit.serving.answers import ModelAnswers
from wellfit.serving.asked import AskedFor
from wellfit.serving.batching import Batcher, PredictionJob
from wellfit.serving.model import Rows, ServedModel
from wellfit.serving.openapi import openapi
from wellfit.serving.page import page
from wellfit.serving.rows import ORIGIN

JSON, CSV = "application/json", "text/csv"
_STARLETTE = ("applications", "exceptions", "middleware", "requests", "responses", "routing")
_ADDRESSES = ("/", "/predict", "/metadata", "/health", "/openapi.json")
_LONGEST = 2000  # characters of a message, which may repeat what a request holds
_HELD = 8  # times the largest request: bytes of bodies that wait for their answers
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

asked_for = lru_cache(256)(AskedFor.of)  # most requests have the same query, or none
Endpoint = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True)
class Limits:
    """What one request may take, and how it may call the server.

    Attributes:
        request_bytes: of its body.
        seconds: from its headers to its answer.
        hosts: the names by which requests may call this server, in lower case; None for any.
    """

    request_bytes: int = 8 * 2**20
    seconds: float = 30.0
    hosts: frozenset[str] | None = None


def create_app(model: ServedModel, about: Mapping[str, Any], limits: Limits | None = None) -> Any:
    """Return the application (ASGI) that answers requests for a model's predictions.

    Args:
        model: that predicts.
        about: what ``/metadata`` shows of it.
        limits: of a request.

    Raises:
        MissingExtraError: the extra ``serve`` isn't installed.
    """
    parts = {name: import_extra(f"starlette.{name}", "serve") for name in _STARLETTE}
    asgi = SimpleNamespace(**parts, orjson=import_extra("orjson", "serve"))
    return _Application(asgi, model, about, limits or Limits()).starlette()


class _Application:
    """The answers to requests.

    Args:
        asgi: modules of Starlette, and orjson.
        model: that predicts.
        about: the model's description.
        limits: of a request.
    """

    def __init__(
        self, asgi: Any, model: ServedModel, about: Mapping[str, Any], limits: Limits
    ) -> None:
        self._asgi, self._model, self._limits = asgi, model, limits
        self._batcher = Batcher(model)
        self._held = 0  # bytes
        self._about = self._encoded(about)
        self._openapi = self._encoded(openapi(model, about))
        self._page = page(model, about)

    def starlette(self) -> Any:
        """Return the application with its routes and its handlers of errors."""
        asgi = self._asgi
        policy = {"Content-Security-Policy": content_security_policy(self._page)}
        endpoints: dict[str, Endpoint] = {
            "/": self._fixed(self._page.encode(), "text/html; charset=utf-8", policy),
            "/health": self._health,
            "/metadata": self._fixed(self._about),
            "/openapi.json": self._fixed(self._openapi),
        }
        # Routes are tried one after the other.
        routes = [asgi.routing.Route("/predict", self._predict, methods=["POST"])]
        routes += [asgi.routing.Route(path, endpoint) for path, endpoint in endpoints.items()]
        handlers = {
            asgi.exceptions.HTTPException: self._http_error,
            asgi.requests.ClientDisconnect: self._disconnected,
            WellfitError: self._refused,
            Exception: self._failed,
        }
        guard = asgi.middleware.Middleware(HostGuard, self._limits.hosts, self._error)
        app = asgi.applications.Starlette(
            routes=routes, middleware=[guard], exception_handlers=handlers
        )
        # An address with a slash too many isn't another's; redirecting fails at some queries.
        app.router.redirect_slashes = False
        return app

    async def _predict(self, request: Any) -> Any:
        asked = asked_for(request.scope["query_string"])
        self._model.refuse(asked)
        kind = self._kind(request)
        as_csv = CSV in request.headers.get("accept", "").lower()
        waiting, size = True, 0
        try:
            async with asyncio.timeout(self._limits.seconds):
                data = await self._body(request)
                waiting, size = False, len(data)
                self._held += size
                read = partial(self._read if kind == JSON else self._model.read_csv, data, asked)
                render = self._csv if as_csv else self._json
                job = PredictionJob(size, asked, read, render)
                content = await self._batcher.answer(job, parsed_at_once=kind == JSON)
        except TimeoutError:
            self._refuse_late(waiting)
        finally:
            self._held -= size
        return self._response(content, media_type=f"{CSV}; charset=utf-8" if as_csv else JSON)

    def _kind(self, request: Any) -> str:
        """Return the media type of a body."""
        given = request.headers.get("content-type", "")
        kind: str = given.partition(";")[0].strip().lower()
        if kind not in (JSON, CSV):
            self._refuse(415, f"Content-Type is {given!r}; expected {JSON} or {CSV}")
        if coding := request.headers.get("content-encoding"):
            self._refuse(415, f"Content-Encoding is {coding!r}; expected a body as it is")
        return kind

    async def _body(self, request: Any) -> bytes:
        """Return a request's body, if it is within the limits."""
        most = self._limits.request_bytes
        declared = request.headers.get("content-length", "")
        chunks, size = [], int(declared) if re.fullmatch(r"\d{1,18}", declared) else 0
        self._refuse_large(size, most)
        if self._held + size > _HELD * most:
            self._refuse(503, "too many requests are waiting; expected fewer at a time", retry=1)
        size = 0
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise self._asgi.requests.ClientDisconnect
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            self._refuse_large(size, most)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _refuse_large(self, size: int, most: int) -> None:
        if size > most:
            self._refuse(
                413,
                f"the body has more than {most:,} bytes; expected fewer rows in a request, or a "
                "server started with a larger --max-request",
            )

    def _refuse_late(self, waiting: bool) -> NoReturn:
        limit = f"{self._limits.seconds:g} seconds"
        if waiting:
            self._refuse(408, f"the body didn't arrive within {limit}")
        self._refuse(
            504,
            f"the predictions weren't made within {limit}; expected fewer rows in a request, or a "
            "server started with a larger --timeout",
        )

    def _refuse(self, status: int, message: str, *, retry: int | None = None) -> NoReturn:
        headers = {} if retry is None else {"Retry-After": str(retry)}
        raise self._asgi.exceptions.HTTPException(status, message, headers)

    def _read(self, data: bytes, asked: AskedFor) -> Rows:
        """Return the rows of a body of JSON."""
        try:
            document = self._asgi.orjson.loads(data)
        except ValueError as error:
            self._refuse(400, f"{ORIGIN} isn't JSON: {error}")
        return self._model.read(document, asked)

    def _json(self, answers: ModelAnswers) -> bytes:
        return self._encoded(answers.document())

    def _csv(self, answers: ModelAnswers) -> bytes:
        return answers.csv().encode()

    def _encoded(self, document: Any) -> bytes:
        """Return JSON; numbers that aren't finite become null."""
        orjson = self._asgi.orjson
        encoded: bytes = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        return encoded

    def _fixed(
        self, content: bytes, media_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> Endpoint:
        """Return an endpoint that always answers the same."""

        async def answer(_: Any) -> Any:
            return self._response(content, media_type=media_type, headers=headers)

        return answer

    async def _health(self, request: Any) -> Any:
        done = {"predictions": self._batcher.answered, "batches": self._batcher.batches}
        return self._response(self._encoded({"status": "ok", **done}))

    def _response(
        self,
        content: bytes,
        status: int = 200,
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        every = {**_HEADERS, **(headers or {})}
        return self._asgi.responses.Response(content, status, every, media_type)

    def _error(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> Any:
        short = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
        # Text that came as half a surrogate pair can't be written as UTF-8.
        text = short.encode(errors="replace").decode()
        return self._response(self._encoded({"error": text}), status, headers=headers)

    async def _http_error(self, request: Any, error: Any) -> Any:
        path, method = request.scope["path"], request.method  # a URL fails at some queries
        allowed = sorted((error.headers or {}).get("Allow", "").split(", "))
        known = {
            404: f"there is nothing at {path}; expected {', '.join(_ADDRESSES)}",
            405: f"{path} doesn't take {method}; expected {' or '.join(allowed)}",
        }
        return self._error(
            error.status_code, known.get(error.status_code, error.detail), error.headers
        )

    async def _refused(self, request: Any, error: Exception) -> Any:
        return self._error(422, str(error))

    async def _disconnected(self, request: Any, error: Exception) -> Any:
        return self._error(400, "the client closed the connection")

    async def _failed(self, request: Any, error: Exception) -> Any:
        return self._error(500, "unexpected error; the server's log has its traceback")


class HostGuard:
    """Refuses requests that call the server by a name that isn't its own (ASGI middleware).

    Else a page of another site, whose name server answers with this machine's address, could read
    predictions (DNS rebinding).

    Args:
        app: what answers the others.
        hosts: the names; None for any.
        error: returns the response to a status and a message.
    """

    def __init__(
        self, app: Any, hosts: frozenset[str] | None, error: Callable[[int, str], Any]
    ) -> None:
        self._app, self._hosts, self._error = app, hosts, error

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or have it answered."""
        if self._hosts is None or scope["type"] != "http" or host_of(scope) in self._hosts:
            await self._app(scope, receive, send)
        else:
            refusal = self._error(403, f"this server has another name; expected {self._names()}")
            await refusal(scope, receive, send)

    def _names(self) -> str:
        return ", ".join(sorted(self._hosts or ()))


def host_of(scope: Any) -> str:
    """Return the name by which a request calls the server, in lower case and without the port.

    >>> host_of({"headers": [(b"host", b"LocalHost:8000")]})
    'localhost'
    """
    given = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return re.sub(r":\d*$", "", given.decode("latin-1").strip().lower()).strip("[]")
