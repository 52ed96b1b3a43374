"""The liveness endpoint: the process lives while it hears anything of the cluster.

It is dead when the watches have seen nothing and no list has succeeded for a long time. An API
server that is down for minutes is no reason to end a process that only waits for it.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from deploytune.handlers.serving import Answer

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


def liveness(hearing: Hearing) -> Answer:
    """Return what answers 200 while alive, and 503 when not."""

    async def answer(_request: web.Request) -> web.Response:
        silent = hearing.silent_seconds()
        status = 200 if silent < LONGEST_SILENCE_SECONDS else 503
        return web.Response(status=status, text=f"cluster last heard of {silent:.0f} s ago\n")

    return answer
