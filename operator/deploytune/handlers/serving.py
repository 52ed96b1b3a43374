"""The HTTP endpoints of the operator: liveness and metrics, on one port or on several."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from deploytune.contract.errors import MachineError

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be told, not chosen here
"""Is taken for every address of the machine, those of IPv6 as well: a Pod may have no other."""

Answer = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True)
class Endpoint:
    """What is answered under an http URL; `flag` is the option that gave the URL."""

    flag: str
    url: str
    answer: Answer


@asynccontextmanager
async def serving(endpoints: Sequence[Endpoint]) -> AsyncIterator[None]:
    """Answer under the URLs; those of the same address and port share one server.

    Raises:
        MachineError: a URL is none, or its address cannot be listened on.
    """
    by_address: dict[tuple[str, int], list[Endpoint]] = {}
    for endpoint in endpoints:
        parts = _checked(endpoint)
        by_address.setdefault((str(parts.hostname), int(parts.port or 0)), []).append(endpoint)
    async with AsyncExitStack() as servers:
        for address, sharing in by_address.items():
            await servers.enter_async_context(_server(address, sharing))
        yield


@asynccontextmanager
async def _server(address: tuple[str, int], endpoints: Sequence[Endpoint]) -> AsyncIterator[None]:
    application = web.Application()
    for one in endpoints:
        application.add_routes([web.get(urlsplit(one.url).path or "/", one.answer)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, address, endpoints[0])
        yield
    finally:
        await runner.cleanup()


def _checked(endpoint: Endpoint) -> SplitResult:
    parts = urlsplit(endpoint.url)
    try:
        is_complete = parts.scheme == "http" and parts.hostname and parts.port
    except ValueError:  # the port is out of range
        is_complete = False
    if not is_complete:
        rule = "must be http://ADDRESS:PORT/PATH"
        raise MachineError(f"{endpoint.flag}: {rule}, got {endpoint.url!r}")
    return parts


async def _listen(runner: web.AppRunner, address: tuple[str, int], endpoint: Endpoint) -> None:
    host, port = address
    if host == _EVERYWHERE:
        with suppress(OSError):  # a machine may have no IPv6 to listen on
            await web.TCPSite(runner, None, port).start()
            return
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise MachineError(f"{endpoint.flag}: cannot listen on {endpoint.url}: {error}") from error
