"""kopf's watches, in a thread and on an event loop of their own.

Of its own: kopf cancels every task of its loop when it ends. It ends at a watch event that it does
not understand, at credentials that are refused, and where a kind is not served; then it is started
again, and lists everything anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection

import kopf

from deploytune.handlers.watch_settings import EndlessBackOff, watch_settings

_log = logging.getLogger(__name__)


class Watch:
    """The watches of some namespaces, or of all if none is named."""

    def __init__(self, registry: kopf.OperatorRegistry, namespaces: Collection[str]) -> None:
        self._registry = registry
        self._namespaces = tuple(namespaces)
        self._is_stopped = threading.Event()
        self._end_kopf: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """End the watches, and wait for that so long at most."""
        self._is_stopped.set()
        self._end_kopf()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        for pause in EndlessBackOff():
            try:
                asyncio.run(self._watch())
            except Exception as error:  # noqa: BLE001 - whatever ends kopf, it is started again
                _log.warning("the watches ended and begin anew: %s", error)
            if self._is_stopped.wait(pause):
                return

    async def _watch(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._end_kopf = lambda: loop.is_closed() or loop.call_soon_threadsafe(stop.set)
        if self._is_stopped.is_set():
            return
        await kopf.operator(
            registry=self._registry,
            settings=watch_settings(),
            namespaces=self._namespaces,
            clusterwide=not self._namespaces,
            stop_flag=stop,
        )
