"""A proxy between the operator and the API server that meddles with what the watches are told.

Everything else passes through as it is, the operator's own token included.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from clusters.access import Access, write_kubeconfig
from clusters.ports import LOOPBACK, free_port
from clusters.waiting import eventually

Event = Mapping[str, Any]

EVENTS_UNTIL_THE_END = 3

_HOP_BY_HOP = {"host", "transfer-encoding", "content-length", "content-encoding", "connection"}


class Ended(Exception):  # noqa: N818 - it is no error that a watch ends
    """The watch ends here."""


Meddle = Callable[[str, Event], Event | None]
"""Given a plural and an event, returns what is told instead, None for nothing; or ends it."""


@dataclass(frozen=True)
class Refusal:
    """The event with which an API server ends a watch that it cannot go on with."""

    code: int
    reason: str

    @property
    def event(self) -> Event:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
        return {"type": "ERROR", "object": {**status, "code": self.code, "reason": self.reason}}


class Ending:
    """Ends every watch after a few events, with an ERROR or without a word."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self._events: Counter[str] = Counter()
        self.ended = 0

    def __call__(self, plural: str, event: Event) -> Event:
        self._events[plural] += event["type"] != "BOOKMARK"
        if self._events[plural] > EVENTS_UNTIL_THE_END:
            self._events[plural] = 0
            self.ended += 1
            raise Ended(self._refusal.event)
        return event


@contextmanager
def meddled_with(access: Access, folder: Path, meddle: Meddle) -> Iterator[Access]:
    """Return the same access by way of a proxy, for as long as the context lasts."""
    proxy, port = _Proxy(*_server_of(access), meddle), free_port()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve(port)), name="proxy")
    thread.start()
    try:
        eventually(proxy.is_listening, "the proxy")
        yield _by_way_of(access, folder, f"http://{LOOPBACK}:{port}")
    finally:
        proxy.stop()
        thread.join()


class _Proxy:
    def __init__(self, upstream: str, trust: ssl.SSLContext, meddle: Meddle) -> None:
        self._upstream = upstream
        self._trust = trust
        self._meddle = meddle
        self._session: ClientSession | None = None
        self._stop: Callable[[], object] | None = None

    def is_listening(self) -> bool:
        return self._stop is not None

    def stop(self) -> None:
        """End it, from another thread."""
        if self._stop is not None:
            self._stop()

    async def serve(self, port: int) -> None:
        """Serve until stopped."""
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        connector = TCPConnector(ssl=self._trust, limit=0)
        endless = ClientTimeout(total=None)
        async with ClientSession(self._upstream, connector=connector, timeout=endless) as session:
            self._session = session
            application = web.Application(client_max_size=2**24)
            application.router.add_route("*", "/{path:.*}", self._pass_on)
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, LOOPBACK, port).start()
            self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
            await stopped.wait()
            await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        asked = self._session.request(
            request.method, request.rel_url, headers=headers, data=body or None
        )
        async with asked as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            if request.query.get("watch") not in ("true", "1") or answer.status != 200:
                content = await answer.read()
                return web.Response(status=answer.status, headers=kept, body=content)
            told = web.StreamResponse(status=answer.status, headers=kept)
            await told.prepare(request)
            plural = request.path.rpartition("/")[2]
            try:
                async for line in answer.content:
                    await self._tell(told, plural, json.loads(line))
            except Ended as end:
                await self._say(told, end.args[0])
            return told

    async def _tell(self, told: web.StreamResponse, plural: str, event: Event) -> None:
        instead = self._meddle(plural, event)
        if instead is not None:
            await self._say(told, instead)

    async def _say(self, told: web.StreamResponse, event: Event) -> None:
        await told.write(json.dumps(event).encode() + b"\n")


def _server_of(access: Access) -> tuple[str, ssl.SSLContext]:
    cluster = yaml.safe_load(access.kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return cluster["server"], ssl.create_default_context(cadata=authority)


def _by_way_of(access: Access, folder: Path, server: str) -> Access:
    user = yaml.safe_load(access.kubeconfig.read_text())["users"][0]["user"]
    path = folder / "by-proxy.kubeconfig"
    write_kubeconfig(path, {"server": server}, user)
    return replace(access, kubeconfig=path)
