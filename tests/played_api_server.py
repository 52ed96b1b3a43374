"""An API server that is played: it gives the answers it is told to, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.patience import Patience

QUICK = Patience(calls=4, first_pause_seconds=0.001, longest_pause_seconds=0.002)


@dataclass(frozen=True)
class Answer:
    """One answer of the server; one that is cut ends the connection instead."""

    code: int = 200
    body: str = '{"items": [], "metadata": {}}'
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False


@dataclass
class Played:
    """The API server as it is played, what it was asked, and in which form it was to answer."""

    api: ApiServer
    requests: list[tuple[str, str, dict[str, str], Any]]
    observed: list[tuple[str, int | None]]
    accepted: list[str]


@asynccontextmanager
async def play_by_path(answers: Mapping[str, Sequence[Answer]]) -> AsyncIterator[str]:
    """Play an API server that gives to each path its answers in turn, then none; yields its URL."""
    left = {path: iter(of_path) for path, of_path in answers.items()}

    async def respond(request: web.Request) -> web.Response:
        answer = next(left.get(request.path, iter(())), Answer(503))
        return web.Response(status=answer.code, text=answer.body, headers=answer.headers)

    runner = await _served(respond)
    host, port = runner.addresses[0]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def play(*answers: Answer) -> AsyncIterator[Played]:
    """Play an API server that gives these answers in turn."""
    requests: list[tuple[str, str, dict[str, str], Any]] = []
    observed: list[tuple[str, int | None]] = []
    accepted: list[str] = []
    runner = await _served(_responding(iter(answers), requests, accepted))
    host, port = runner.addresses[0]

    def observe(verb: str, code: int | None) -> None:
        observed.append((verb, code))

    try:
        async with ApiClient(Configuration(host=f"http://{host}:{port}")) as client:
            api = ApiServer(client, patience=QUICK, observer=observe)
            yield Played(api, requests, observed, accepted)
    finally:
        await runner.cleanup()


def _responding(
    answers: Iterable[Answer],
    requests: list[tuple[str, str, dict[str, str], Any]],
    accepted: list[str],
) -> Callable[[web.Request], Any]:
    left = iter(answers)

    async def respond(request: web.Request) -> web.Response:
        read = yaml.safe_load if "yaml" in request.content_type else json.loads
        body = read(await request.text() or "null")
        requests.append((request.method, request.path, dict(request.query), body))
        accepted.append(request.headers["Accept"])
        answer = next(left)
        if answer.is_cut and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer.code, text=answer.body, headers=answer.headers)

    return respond


async def _served(respond: Callable[[web.Request], Any]) -> web.AppRunner:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
