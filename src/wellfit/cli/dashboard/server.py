"""The server of the dashboard: three read-only addresses, by default on this machine only."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wellfit.cli.dashboard.runs import RunMonitor
from wellfit.core.content_security import content_security_policy

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
_TIMEOUT = 30  # seconds after which a silent connection is closed


class WatchServer(ThreadingHTTPServer):
    """Serves the dashboard.

    Args:
        runs: the runs to show.
        host: the address or name to listen on.
        port: the port; 0 for any free one.

    Raises:
        OSError: the port is taken, or the host isn't this machine's.
    """

    daemon_threads = True

    def __init__(self, runs: RunMonitor, host: str = "127.0.0.1", port: int = 0) -> None:
        self.runs, self.host = runs, host
        self.page = files("wellfit.cli.dashboard").joinpath("page.html").read_bytes()
        self.policy = content_security_policy(self.page.decode())
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        self.address_family = family
        super().__init__((host, port), _RequestHandler)

    def server_bind(self) -> None:
        """Bind, without looking up this machine's name on a name server."""
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.host, self.server_address[1]

    @property
    def url(self) -> str:
        """The address of the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/"

    def knows(self, host: str) -> bool:
        """Return whether a request's ``Host`` is a name of this server.

        Requests with other names are refused, to prevent DNS rebinding.
        """
        name = re.sub(r":\d*$", "", host.strip().lower()).strip("[]")
        if name in (*_LOOPBACK, self.host.lower()):
            return True
        return self.host in _EVERYWHERE and _is_address(name)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that disconnect."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _RequestHandler(BaseHTTPRequestHandler):
    server: WatchServer
    server_version, sys_version = "wellfit", ""
    timeout = _TIMEOUT

    def do_GET(self) -> None:
        """Respond with the page, the runs, or a run's charts; requests never name files."""
        if not self.server.knows(self.headers.get("Host", "")):
            return self._send(HTTPStatus.FORBIDDEN, b"this server has another name", "text/plain")
        asked = urlsplit(self.path)
        if asked.path == "/":
            return self._send(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        if asked.path == "/api/runs":
            return self._send_json(self.server.runs.summary())
        if asked.path == "/api/charts":
            wanted = parse_qs(asked.query).get("run", [""])[0]
            return self._send_json(self.server.runs.charts(wanted))
        return self._send_json(None)

    do_HEAD = do_GET

    def _send_json(self, document: dict[str, Any] | None) -> None:
        if document is None:
            return self._send(HTTPStatus.NOT_FOUND, b"there is nothing here", "text/plain")
        return self._send(
            HTTPStatus.OK, json.dumps(document, allow_nan=False).encode(), "application/json"
        )

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because the page sends a request every second."""
