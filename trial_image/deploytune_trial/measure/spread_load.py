"""A load from several processes, where one cannot send fast enough.

Each process sends a share of it: of the requests outstanding, or of the rate, since several Poisson
processes are one together. What they tell is put in the order in which it happened, by the clock
they share, before anybody judges it; a process that is silent therefore holds the others up.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploytune.contract.outcomes import Cause
from deploytune_trial.children import Child, Children, failure_of_exit
from deploytune_trial.failures import TrialFailure
from deploytune_trial.measure.generator_messages import (
    Close,
    Ending,
    Equipment,
    Failure,
    Load,
    News,
    receive,
    send,
)
from deploytune_trial.measure.generators import OUTSTANDING_CAP, After, Take
from deploytune_trial.measure.windows import Sample

COMFORTABLE_SHARE = 0.6
"""How much of a CPU a generator process may take before its own lag shows."""

SATURATED_SHARE = 0.9
"""How much of a CPU one process must need for a load to be spread over several."""

PROCESS_BYTES = 128 * 2**20
"""More than a process takes: Python and the client are 70 MiB, its requests come to that."""

_MOST_PROCESSES = 32
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Room:
    """What a trial may still use: CPUs, and bytes of memory if there is a limit."""

    cpus: float
    memory_bytes: int | None = None

    def processes_beside(self, opened: int) -> int:
        """How many generator processes there is room for, those that are open among them."""
        more = math.inf if self.memory_bytes is None else self.memory_bytes // PROCESS_BYTES
        return int(max(0, min(math.floor(self.cpus), opened + more, _MOST_PROCESSES)))


def processes_for(share: float, most: int) -> int:
    """Return by how many processes, `most` at most, to send what takes one a share of a CPU.

    1 is this process itself, where one is enough or where there is no room for two more.
    """
    if share <= SATURATED_SHARE:
        return 1
    wanted = max(2, math.ceil(share / COMFORTABLE_SHARE))
    return max(1, min(wanted, most))


@dataclass
class GeneratorProcess:
    """A process that sends, and both ways to it."""

    child: Child
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def next(self) -> Any:
        """Return what it says next.

        Raises:
            TrialFailure: it failed, or is gone.
        """
        try:
            message = await receive(self.reader)
        except EOFError as error:
            code = await asyncio.to_thread(self.child.wait)
            words = self.child.last_words()
            raise failure_of_exit("a load generator", code, Cause.ERROR, words) from error
        if isinstance(message, Failure):
            raise TrialFailure(message.outcome, message.cause, message.message)
        return message

    async def close(self) -> None:
        """End it."""
        self.child.end()
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def open_processes(
    number: int, equipment: Equipment, children: Children, folder: Path
) -> tuple[GeneratorProcess, ...]:
    """Start processes that send by this equipment, and wait until they are ready."""
    opened = [await _open(equipment, children, folder) for _ in range(number)]
    for process in opened:
        await process.next()
    return tuple(opened)


async def _open(equipment: Equipment, children: Children, folder: Path) -> GeneratorProcess:
    ours, theirs = socket.socketpair()
    with theirs:
        command = (sys.executable, "-m", "deploytune_trial.measure.generator_process")
        log = folder / f"generator-{next(_NUMBERS)}.log"  # those before it may still write theirs
        descriptor = theirs.fileno()
        child = children.start((*command, str(descriptor)), log, descriptors=(descriptor,))
    reader, writer = await asyncio.open_connection(sock=ours)
    send(writer, equipment)
    await writer.drain()
    return GeneratorProcess(child, reader, writer)


class SpreadLoad:
    """A generator of load in several processes."""

    def __init__(self, processes: Sequence[GeneratorProcess], take: Take) -> None:
        """Order `processes` to send, and hand their samples to `take`."""
        self._processes = processes
        self._take = take
        self._note_due: Callable[[], None] = _ignore
        self._told = [-math.inf] * len(processes)
        self._now = -math.inf
        self._held: list[tuple[float, int, Sample | None]] = []
        self._count = itertools.count()
        self._outstanding: list[list[Sample]] = [[] for _ in processes]
        self._late: list[Sample] = []
        self.sent = 0
        self.answered = 0
        self.is_overloaded = False
        self.ended_at = math.inf
        self.cpu_share = 0.0

    async def run_closed_loop(self, concurrency: int) -> None:
        """Keep `concurrency` requests outstanding, at least one in each process."""
        shares = _shares(concurrency, len(self._processes))
        await self._run([Load(concurrency=share) for share in shares])

    async def run_poisson(
        self, rate_per_second: float, seed: int, note_due: Callable[[], None]
    ) -> None:
        """Send requests at random times, calling `note_due` for each."""
        self._note_due = note_due
        number = len(self._processes)
        rate, cap = rate_per_second / number, OUTSTANDING_CAP // number
        await self._run(
            [
                Load(rate_per_second=rate, seed=seed * number + index, cap=cap)
                for index in range(number)
            ]
        )

    def outstanding(self) -> list[Sample]:
        """Return the requests that are open, as long as they have been so."""
        ended_since = (sample for _, _, sample in self._held if sample is not None)
        told = itertools.chain(ended_since, *self._outstanding)
        return [
            replace(sample, ended=self._now, answered=False, is_open=True)
            for sample in told
            if sample.intended <= self._now
        ]

    def late(self) -> list[Sample]:
        """Return the requests that were outstanding at the end, and what came of waiting."""
        held = [sample for _, _, sample in sorted(self._held, key=_moment) if sample is not None]
        return [*held, *self._late]

    async def _run(self, loads: Sequence[Load]) -> None:
        active = list(zip(self._processes, loads, strict=False))  # fewer requests than processes
        self._told = self._told[: len(active)]
        for process, load in active:
            send(process.writer, load)
        following = [
            asyncio.ensure_future(self._follow(index, process))
            for index, (process, _) in enumerate(active)
        ]
        try:
            await asyncio.gather(*following)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def _follow(self, index: int, process: GeneratorProcess) -> None:
        while isinstance(news := await process.next(), News):
            self._hear(index, news)
            self._judge()
        assert isinstance(news, Close)
        self._late += news.late.samples()
        self.sent += news.sent
        self.answered += news.answered
        self.cpu_share = max(self.cpu_share, news.cpu_share)

    def _hear(self, index: int, news: News) -> None:
        self._told[index] = news.until
        self._outstanding[index] = news.outstanding.samples()
        for due in news.due:
            heapq.heappush(self._held, (due, next(self._count), None))
        for sample in news.ended.samples():
            heapq.heappush(self._held, (sample.ended, next(self._count), sample))
        if news.is_overloaded and math.isinf(self.ended_at):
            self.is_overloaded = True
            self._end(After.GIVE_UP, news.until)

    def _judge(self) -> None:
        for sample in self._happened():
            if sample is None:
                self._note_due()
                continue
            after = self._take(sample)
            if after is not After.GO_ON:
                self._end(after, self._now)

    def _happened(self) -> Iterator[Sample | None]:
        """Yield in order what all have told of, a request that came due as None, to the end."""
        known = min(self._told)
        while self._held and self._held[0][0] <= known and math.isinf(self.ended_at):
            self._now, _, sample = heapq.heappop(self._held)
            yield sample

    def _end(self, after: After, at: float) -> None:
        self.ended_at = at
        for process in self._processes[: len(self._told)]:
            send(process.writer, Ending(after))


def _moment(held: tuple[float, int, Sample | None]) -> tuple[float, int]:
    return held[:2]


def _shares(total: int, parts: int) -> list[int]:
    """Split a number evenly into at most so many parts, none of them 0."""
    small, more = divmod(total, parts)
    return [share for index in range(parts) if (share := small + (index < more)) > 0]


def _ignore() -> None:
    pass
