"""The API server through a client that is disturbed: before a request is sent, or after its answer.

A disturbance is called in place of every request of the operator, and may end the process, change
the object that is about to be written, or lose the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from aiohttp import ClientConnectionError
from clusters.access import Access
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.rest import RESTClientObject

from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.connection import read_configuration
from deploytune.runtime.kube.patience import Patience

Ask = Callable[[], Awaitable[Any]]
"""Sends the request and returns its answer."""

Disturbance = Callable[[str, str, Ask], Awaitable[Any]]
"""Given a request's method, its URL and what sends it, returns its answer."""

IMPATIENT = Patience(first_pause_seconds=0.01)


class ProcessDiedError(BaseException):
    """The process was killed here: nothing in it may catch this."""


class Moment(Enum):
    """When a process dies at a call."""

    BEFORE_IT_IS_SENT = auto()
    BEFORE_ITS_ANSWER_IS_USED = auto()


@dataclass
class Death:
    """Dies at a call; `calls` are those that were let through before, by their methods."""

    at: int | None = None
    moment: Moment = Moment.BEFORE_IT_IS_SENT
    calls: list[str] = field(default_factory=list)
    has_come: bool = False

    async def __call__(self, method: str, _url: str, ask: Ask) -> Any:
        if self.has_come:
            raise ProcessDiedError
        self.has_come = len(self.calls) == self.at
        if self.has_come and self.moment is Moment.BEFORE_IT_IS_SENT:
            raise ProcessDiedError
        self.calls.append(method)
        dies_now = self.has_come
        answer = await ask()
        if dies_now:
            raise ProcessDiedError
        return answer


@dataclass
class LostAnswers:
    """Loses the answer to every other write of each object, the first one too."""

    writes: dict[tuple[str, str], int] = field(default_factory=dict)

    async def __call__(self, method: str, url: str, ask: Ask) -> Any:
        answer = await ask()
        if method != "GET" and is_odd_write(self.writes, method, url):
            await answer.read()
            raise ClientConnectionError("the answer was lost")
        return answer


async def undisturbed(_method: str, _url: str, ask: Ask) -> Any:
    """Let every request through."""
    return await ask()


def is_odd_write(writes: dict[tuple[str, str], int], method: str, url: str) -> bool:
    """Count a write, and tell whether it is the first, third, fifth ... of its kind."""
    key = method, url.partition("?")[0]
    writes[key] = writes.get(key, 0) + 1
    return writes[key] % 2 == 1


@asynccontextmanager
async def disturbed(access: Access, disturbance: Disturbance) -> AsyncIterator[ApiServer]:
    """Open the API server with a disturbance in the way."""
    configuration = await read_configuration(access.kubeconfig, access.context)
    async with ApiClient(configuration) as client:
        client.rest_client = _DisturbedRest(configuration, disturbance)
        yield ApiServer(client, patience=IMPATIENT)


class _DisturbedRest(RESTClientObject):
    def __init__(self, configuration: Any, disturbance: Disturbance) -> None:
        super().__init__(configuration)
        self._disturbance = disturbance

    async def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        ask: Callable[..., Awaitable[Any]] = super().request

        async def send() -> Any:
            answer = await ask(method, url, headers, body, post_params, _request_timeout)
            await answer.read()
            return answer

        return await self._disturbance(method, url, send)
