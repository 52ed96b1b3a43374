"""kopf itself, against a small server that answers as an API server does, errors included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from deploytune.handlers.keys import TuningKey
from deploytune.handlers.kopf_handlers import Listener, handlers_for
from deploytune.handlers.login import add_login
from deploytune.handlers.watch import Watch

VERBS = ["get", "list", "watch", "patch"]
PATIENCE_SECONDS = 30.0
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "namespace": "here",
        "name": "tune-0-0",
        "uid": "7",
        "resourceVersion": "2",
        "labels": {
            "app.kubernetes.io/managed-by": "deploytune",
            "app.kubernetes.io/component": "trial",
            "deploytune.dev/tuning": "tune",
        },
    },
}
BROKEN_EVENT = {
    "type": "ERROR",
    "object": {"kind": "Status", "code": 500, "message": "the storage is being mended"},
}


class SmallApiServer:
    """Serves the kinds that are watched; `pod_events` are what one watch of Pods after another."""

    def __init__(self, *pod_events: dict[str, Any]) -> None:
        self.pod_events = list(pod_events)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        async with TestServer(application) as server:
            yield str(server.make_url("")).rstrip("/")
            self._over.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.query)))
        if request.query.get("watch"):
            return await self._watch(request)
        found = DISCOVERY.get(request.path)
        empty = {"metadata": {"resourceVersion": "1"}, "items": []}
        return web.json_response(empty if found is None else found)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if request.path.endswith("/pods") and self.pod_events:
            await response.write(json.dumps(self.pod_events.pop(0)).encode() + b"\n")
        await self._over.wait()
        return response


def resources(group_version: str, *names: str) -> dict[str, Any]:
    described = [
        {"name": name, "kind": name, "singularName": "", "namespaced": True, "verbs": VERBS}
        for name in names
    ]
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": described}


OWN = {"groupVersion": "deploytune.dev/v1alpha1", "version": "v1alpha1"}
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [{"name": "deploytune.dev", "versions": [OWN], "preferredVersion": OWN}]},
    "/api/v1": resources("v1", "pods", "namespaces", "events"),
    "/apis/deploytune.dev/v1alpha1": resources(
        "deploytune.dev/v1alpha1", "deploymenttunings", "tuningtrials"
    ),
}


class Heard:
    """What the watches have told."""

    def __init__(self) -> None:
        self.keys: asyncio.Queue[TuningKey] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        self.listener = Listener(
            look_at=lambda key: loop.call_soon_threadsafe(self.keys.put_nowait, key),
            forget=lambda _key: None,
        )

    async def next(self) -> TuningKey:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.keys.get()


@asynccontextmanager
async def watching(address: str, heard: Heard, *namespaces: str) -> AsyncIterator[None]:
    async def read() -> Configuration:
        return Configuration(host=address)

    registry = handlers_for(heard.listener)
    add_login(registry, read)
    watch = Watch(registry, namespaces)
    watch.start()
    try:
        yield
    finally:
        await asyncio.to_thread(watch.stop, PATIENCE_SECONDS)


async def test_a_change_of_a_pod_names_its_tuning() -> None:
    server, heard = SmallApiServer({"type": "MODIFIED", "object": POD}), Heard()

    async with server.serving() as address, watching(address, heard):
        assert TuningKey("here", "tune") == await heard.next()


async def test_an_error_that_kopf_does_not_survive_is_followed_by_new_watches() -> None:
    server = SmallApiServer(BROKEN_EVENT, {"type": "MODIFIED", "object": POD})
    heard = Heard()

    async with server.serving() as address, watching(address, heard):
        assert TuningKey("here", "tune") == await heard.next()

    assert [] == server.pod_events


async def test_only_trial_pods_of_the_named_namespaces_are_asked_for() -> None:
    server, heard = SmallApiServer({"type": "MODIFIED", "object": POD}), Heard()

    async with server.serving() as address, watching(address, heard, "here"):
        await heard.next()

    asked = [(path, query) for path, query in server.requests if path not in DISCOVERY]
    selector = "app.kubernetes.io/managed-by=deploytune,app.kubernetes.io/component=trial"
    assert {"/namespaces/here/"} == {f"/{'/'.join(path.split('/')[-3:-1])}/" for path, _ in asked}
    assert {selector} == {
        query.get("labelSelector") for path, query in asked if path.endswith("pods")
    }
