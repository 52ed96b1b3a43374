"""Works on keys: each by one worker at a time, several keys at once, failures one by one.

The agenda says what is next; this module only runs it on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from deploytune.handlers.agenda import Agenda

Key = TypeVar("Key", bound=Hashable)

Work = Callable[[Key], Awaitable[float | None]]
"""Works on a key and returns after how many seconds to do so again, None if only when added.

It says itself what went wrong; the queue only lets the key rest.
"""

_log = logging.getLogger(__name__)


class WorkQueue(Generic[Key]):
    """A queue of keys and its workers; to be used on one event loop.

    For how many seconds each key waited for a worker goes to `waited`.
    """

    def __init__(
        self, work: Work[Key], workers: int, waited: Callable[[float], object] = float
    ) -> None:
        self._work = work
        self._workers = workers
        self._agenda: Agenda[Key] = Agenda(waited)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_stopped = False

    def add(self, key: Key, after_seconds: float = 0.0) -> None:
        """Have a key worked on, after so many seconds at the latest."""
        self._agenda.add(key, _now(), after_seconds)
        self._changed.set()

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return self._agenda.ready

    def stop(self) -> None:
        """Take up no further key; `run` returns when the work in hand is done."""
        self._is_stopped = True
        self._changed.set()

    async def run(self) -> None:
        """Work on keys until stopped; cancelled, it cancels the work in hand."""
        try:
            while not self._is_stopped:
                self._changed.clear()
                self._take_up()
                await self._wait()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()

    def _take_up(self) -> None:
        while len(self._tasks) < self._workers:
            key = self._agenda.take(_now())
            if key is None:
                return
            task = asyncio.create_task(self._work_on(key))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _wait(self) -> None:
        """Wait until there may be something to take up."""
        due = self._agenda.next_due()
        if len(self._tasks) >= self._workers:
            due = None  # the end of a task wakes this up
        try:
            async with asyncio.timeout_at(due):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _work_on(self, key: Key) -> None:
        try:
            again_after_seconds = await self._work(key)
        except Exception as error:  # noqa: BLE001 - one key that fails never stops the others
            rest = self._agenda.failed(key, _now())
            _log.debug("%s rests for %g s: %s", key, rest, error)
        else:
            self._agenda.done(key, _now(), again_after_seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
