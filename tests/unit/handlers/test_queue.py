from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploytune.handlers.queue import WorkQueue


class Gate:
    """Work that begins, and ends when the test lets it; it keeps what happened."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.may_end: dict[str, asyncio.Event] = {}
        self.moved = asyncio.Condition()

    async def work(self, key: str) -> float | None:
        self.begun.append(key)
        await self._tell()
        await self.may_end.setdefault(key, asyncio.Event()).wait()
        self.ended.append(key)
        await self._tell()
        return None

    def let_end(self, key: str) -> None:
        self.may_end.setdefault(key, asyncio.Event()).set()

    async def until(self, *, begun: int = 0, ended: int = 0) -> None:
        async with asyncio.timeout(5), self.moved:
            await self.moved.wait_for(lambda: len(self.begun) >= begun and len(self.ended) >= ended)

    async def _tell(self) -> None:
        async with self.moved:
            self.moved.notify_all()


@asynccontextmanager
async def running(queue: WorkQueue[str]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(queue.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_different_keys_are_worked_on_at_the_same_time() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=2)
    async with running(queue):
        queue.add("a")
        queue.add("b")

        await gate.until(begun=2)

    assert ["a", "b"] == gate.begun


async def test_no_more_keys_are_worked_on_than_there_are_workers() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=2)
    async with running(queue):
        for key in "abc":
            queue.add(key)
        await gate.until(begun=2)
        await settled()
        assert ["a", "b"] == gate.begun

        gate.let_end("a")

        await gate.until(begun=3)


async def test_one_key_is_worked_on_by_one_worker_and_once_more_when_added_meanwhile() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=3)
    async with running(queue):
        queue.add("a")
        await gate.until(begun=1)
        queue.add("a")
        queue.add("a")
        await settled()
        assert ["a"] == gate.begun

        gate.let_end("a")

        await gate.until(begun=2, ended=2)
        await settled()
    assert ["a", "a"] == gate.begun


async def test_a_key_that_fails_stops_no_other_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[str] = []
    enough = asyncio.Event()

    async def work(key: str) -> float | None:
        tries.append(key)
        if tries.count("bad") > 1:
            enough.set()
        if key == "bad":
            raise RuntimeError("never mind")
        return None

    queue = WorkQueue(work, workers=1)
    async with running(queue), asyncio.timeout(10):
        queue.add("bad")
        queue.add("good")
        await enough.wait()

    assert ["bad", "good", "bad"] == tries
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_work_may_ask_to_be_done_again() -> None:
    done = asyncio.Event()
    times = 0

    async def work(_key: str) -> float | None:
        nonlocal times
        times += 1
        if times < 3:
            return 0.01
        done.set()
        return None

    queue = WorkQueue(work, workers=1)
    async with running(queue), asyncio.timeout(5):
        queue.add("a")
        await done.wait()

    assert 3 == times


async def test_a_key_added_while_the_queue_sleeps_wakes_it() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=1)
    async with running(queue):
        queue.add("later", after_seconds=3600.0)
        await settled()

        queue.add("now")

        await gate.until(begun=1)
    assert ["now"] == gate.begun


async def test_a_stopped_queue_finishes_the_work_in_hand_and_takes_up_no_more() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=1)
    async with running(queue) as task:
        queue.add("a")
        queue.add("b")
        await gate.until(begun=1)
        queue.stop()
        await settled()
        assert not task.done()

        gate.let_end("a")
        async with asyncio.timeout(5):
            await task

    assert ["a"] == gate.begun
    assert ["a"] == gate.ended


async def test_a_cancelled_queue_cancels_the_work_in_hand() -> None:
    gate = Gate()
    queue = WorkQueue(gate.work, workers=1)
    async with running(queue):
        queue.add("a")
        await gate.until(begun=1)

    await settled()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert [] == others
    assert [] == gate.ended


async def settled() -> None:
    """Let everything run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)
