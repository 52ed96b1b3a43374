"""A web server on loopback that serves files, and answers as badly as a test asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = 2**50


@dataclass
class WebServer:
    """What it serves by path; whatever else a test wants of it, set before it is asked.

    `token` must come as the Authorization header. `short` sends half of what it announces, `stall`
    sends half and then waits for `finish`, `drip` sends a byte at a time without an end.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    token: str | None = None
    status: int = 200
    announced: int | None = None
    short: bool = False
    stall: bool = False
    drip: bool = False
    asked: list[str] = field(default_factory=list)
    finish: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://{self.address}/{path}"


@contextmanager
def a_web_server() -> Iterator[WebServer]:
    """Run one while a test lasts."""
    served = WebServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    served.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        served.finish.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: WebServer

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        body = self._head()
        if body is None:
            return
        if self.served.drip:
            self._drip()
        elif self.served.short or self.served.stall:
            self._send_half(body)
        else:
            self.wfile.write(body)

    def _head(self) -> bytes | None:
        served = self.served
        served.asked.append(self.path)
        body = served.files.get(self.path.lstrip("/").partition("?")[0])
        status = 404 if body is None else served.status
        if served.token is not None and self.headers.get("Authorization") != served.token:
            status = 401
        found = body if status == HTTPStatus.OK else None
        size = 0 if found is None else (served.announced or len(found))
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        return found

    def _drip(self) -> None:
        with suppress(ConnectionError):
            while not self.served.finish.wait(0.02):
                self.wfile.write(b"x")

    def _send_half(self, body: bytes) -> None:
        self.wfile.write(body[: len(body) // 2])
        if self.served.stall:
            self.served.finish.wait()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - overrides
        """Say nothing."""
