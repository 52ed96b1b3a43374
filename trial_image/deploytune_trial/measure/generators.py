"""Load generators: a closed loop, and an open loop whose requests are due at times of their own.

A closed loop keeps a number of requests outstanding and so never sends into a stalled server: right
for the greatest throughput, too kind for latencies. In the open loop requests come whatever the
server does, and latency counts from the moment a request was due, client's lag included.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum, auto
from typing import Protocol

from deploytune_trial.measure.arrivals import poisson_gaps
from deploytune_trial.measure.windows import Sample

OUTSTANDING_CAP = 1024
"""Requests outstanding in an open loop beyond which the server is overloaded."""

_DRAIN_SECONDS = 5.0

Send = Callable[[], Awaitable[bool]]
"""Sends one request; False when it was rejected or timed out."""


class After(Enum):
    """What to do after a sample."""

    GO_ON = auto()
    STOP = auto()
    GIVE_UP = auto()


Take = Callable[[Sample], After]


class Generator(Protocol):
    """A source of load: this process alone, or several.

    `ended_at` is when its load was told to end, `cpu_share` how much of a CPU its busiest process
    took.
    """

    sent: int
    answered: int
    is_overloaded: bool
    ended_at: float
    cpu_share: float

    async def run_closed_loop(self, concurrency: int) -> None:
        """Keep `concurrency` requests outstanding."""
        ...

    async def run_poisson(
        self, rate_per_second: float, seed: int, note_due: Callable[[], None]
    ) -> None:
        """Send requests at random times, calling `note_due` for each."""
        ...

    def outstanding(self) -> list[Sample]:
        """Return the requests that are open, as long as they have been so."""
        ...

    def late(self) -> list[Sample]:
        """Return the requests that were outstanding at the end, and what came of waiting."""
        ...


class LoadGenerator:
    """Sends requests and hands over samples until told to stop.

    After STOP the requests outstanding are awaited, so that the server's counts can be compared;
    after GIVE_UP nobody waits for them any more.
    """

    def __init__(self, send: Send, take: Take, cap: int = OUTSTANDING_CAP) -> None:
        """Send with `send`, hand samples to `take`; an open loop has at most `cap` outstanding."""
        self._cap = cap
        self._send = send
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[After] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.answered = 0
        self.is_overloaded = False
        self.cpu_share = 0.0
        self.ended_at = math.inf
        self._open: dict[int, tuple[float, float]] = {}
        self._late: list[Sample] = []

    async def run_closed_loop(self, concurrency: int) -> None:
        """Keep `concurrency` requests outstanding."""
        for _ in range(concurrency):
            self._start(self._send_again_and_again())
        await self._wait_for_end()

    async def run_poisson(
        self, rate_per_second: float, seed: int, note_due: Callable[[], None]
    ) -> None:
        """Send requests at random times, the same for the same seed."""
        await self.run_open_loop(poisson_gaps(rate_per_second, seed), note_due)

    async def run_open_loop(self, gaps: Iterator[float], note_due: Callable[[], None]) -> None:
        """Send a request after each of the gaps, calling `note_due` for each."""
        self._start(self._send_when_due(gaps, note_due))
        await self._wait_for_end()

    def end(self, after: After) -> None:
        """End the load, as a sample may."""
        if not self._end.done():
            self._end_with(after)

    def outstanding(self) -> list[Sample]:
        """Return the requests that are open, as long as they have been so."""
        now = self._loop.time()
        return [
            Sample(intended, sent, now, answered=False, is_open=True)
            for intended, sent in self._open.values()
        ]

    def late(self) -> list[Sample]:
        """Return the requests that were outstanding at the end, and what came of waiting."""
        now = self._loop.time()
        never = [Sample(due, sent, now, answered=False) for due, sent in self._open.values()]
        return [*self._late, *never]

    async def _send_again_and_again(self) -> None:
        while not self._end.done():
            await self._send_one(self._loop.time())

    async def _send_when_due(self, gaps: Iterator[float], note_due: Callable[[], None]) -> None:
        due = self._loop.time()
        for gap in gaps:
            due += gap
            await asyncio.sleep(due - self._loop.time())
            if self._end.done():
                return
            if len(self._tasks) > self._cap:
                self.is_overloaded = True
                self._end_with(After.GIVE_UP)
                return
            note_due()
            self._start(self._send_one(due))

    async def _send_one(self, intended: float) -> None:
        began = self._loop.time()
        self.sent += 1
        number = self.sent
        self._open[number] = (intended, began)
        answered = await self._send()
        self.answered += answered
        del self._open[number]
        sample = Sample(intended, began, self._loop.time(), answered)
        if self._end.done():
            self._late.append(sample)
            return
        after = self._take(sample)
        if after is not After.GO_ON:
            self.end(after)

    def _end_with(self, after: After) -> None:
        self.ended_at = self._loop.time()
        self._end.set_result(after)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._collect)

    def _collect(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._end.done():
            self._end.set_exception(error)

    async def _wait_for_end(self) -> None:
        began, busy = time.perf_counter(), time.thread_time()
        try:
            if await self._end is After.STOP and self._tasks:
                await asyncio.wait(self._tasks, timeout=_DRAIN_SECONDS)
        finally:
            left = list(self._tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self.cpu_share = (time.thread_time() - busy) / (time.perf_counter() - began)
