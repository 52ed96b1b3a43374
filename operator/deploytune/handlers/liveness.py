"""The liveness endpoint: the process lives while it hears anything of the cluster.

It is dead when the watches have seen nothing and no list has succeeded for a long time. An API
server that is down for minutes is no reason to end a process that only waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from deploytune.contract.errors import MachineError

LONGEST_SILENCE_SECONDS = 600.0


class Hearing:
    """When the cluster was last heard of, by a watch or a list; it begins with having been."""

    def __init__(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()

    def heard(self) -> None:
        """Note that the cluster was heard of now."""
        self._heard_at = asyncio.get_running_loop().time()

    def silent_seconds(self) -> float:
        """Return for how long nothing was heard."""
        return asyncio.get_running_loop().time() - self._heard_at


@asynccontextmanager
async def serving_liveness(url: str | None, hearing: Hearing) -> AsyncIterator[None]:
    """Answer 200 under an http URL while alive, 503 when not; without a URL serve nothing.

    Raises:
        MachineError: the address cannot be listened on.
    """
    if url is None:
        yield
        return
    parts = _checked(url)
    application = web.Application()
    application.add_routes([web.get(parts.path or "/", _answering(hearing))])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, parts)
        yield
    finally:
        await runner.cleanup()


def _answering(hearing: Hearing) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        silent = hearing.silent_seconds()
        status = 200 if silent < LONGEST_SILENCE_SECONDS else 503
        return web.Response(status=status, text=f"cluster last heard of {silent:.0f} s ago\n")

    return answer


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        is_complete = parts.scheme == "http" and parts.hostname and parts.port
    except ValueError:  # the port is out of range
        is_complete = False
    if not is_complete:
        raise MachineError(f"--liveness: must be http://ADDRESS:PORT/PATH, got {url!r}")
    return parts


async def _listen(runner: web.AppRunner, parts: SplitResult) -> None:
    try:
        await web.TCPSite(runner, parts.hostname, parts.port).start()
    except OSError as error:
        raise MachineError(f"--liveness: cannot listen on {parts.geturl()}: {error}") from error
