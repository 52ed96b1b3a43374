"""A generator process: sends its share of a load, and tells of it in short intervals.

Started by `spread_load` as `python -m deploytune_trial.measure.generator_process DESCRIPTOR`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from array import array
from contextlib import suppress

from deploytune_trial.failures import TrialFailure
from deploytune_trial.measure.generator_messages import (
    Close,
    Columns,
    Ending,
    Equipment,
    Failure,
    Load,
    News,
    receive,
    send,
)
from deploytune_trial.measure.generators import After, LoadGenerator, Send
from deploytune_trial.measure.precise_loop import precise_loop
from deploytune_trial.measure.windows import Sample

_NEWS_SECONDS = 0.02


async def serve(descriptor: int) -> None:
    """Play loads as they are ordered, until nobody listens any more."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    from deploytune_trial.triton.client import LoadClient

    equipment: Equipment = await receive(reader)
    client = LoadClient(
        equipment.address, equipment.model, equipment.batches, equipment.timeout_seconds
    )
    send(writer, None)  # ready
    with suppress(EOFError):
        while True:
            await _play(await receive(reader), client.send, reader, writer)
    await client.close()


async def _play(
    load: Load, ask: Send, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    share = _Share(ask, load.cap, writer)
    orders = asyncio.ensure_future(_obey(reader, share.generator))
    news = asyncio.ensure_future(share.tell_again_and_again())
    try:
        await share.run(load)
        news.cancel()
        share.tell()
        send(writer, share.close())
        await orders  # nothing of this load may be left for the next
    except TrialFailure as failure:
        send(writer, Failure(failure.outcome, failure.cause, failure.message))
    finally:
        for task in (news, orders):
            task.cancel()
        await asyncio.gather(news, orders, return_exceptions=True)
        await writer.drain()


async def _obey(reader: asyncio.StreamReader, generator: LoadGenerator) -> None:
    order: Ending = await receive(reader)
    generator.end(order.after)


class _Share:
    """One load in this process, and what is to be told of it."""

    def __init__(self, ask: Send, cap: int, writer: asyncio.StreamWriter) -> None:
        self.generator = LoadGenerator(ask, self._take, cap)
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._due: array[float] = array("d")
        self._ended = Columns()

    async def run(self, load: Load) -> None:
        if load.rate_per_second is not None:
            await self.generator.run_poisson(load.rate_per_second, load.seed, self._note_due)
        else:
            assert load.concurrency is not None
            await self.generator.run_closed_loop(load.concurrency)

    async def tell_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(_NEWS_SECONDS)
            self.tell()

    def tell(self) -> None:
        due, self._due = self._due, array("d")
        ended, self._ended = self._ended, Columns()
        outstanding = _columns(self.generator.outstanding())
        overloaded = self.generator.is_overloaded
        send(self._writer, News(self._loop.time(), due, ended, outstanding, overloaded))

    def close(self) -> Close:
        generator = self.generator
        late = _columns(generator.late())
        return Close(late, generator.sent, generator.answered, generator.cpu_share)

    def _note_due(self) -> None:
        self._due.append(self._loop.time())

    def _take(self, sample: Sample) -> After:
        self._ended.add(sample)
        return After.GO_ON


def _columns(samples: list[Sample]) -> Columns:
    columns = Columns()
    for sample in samples:
        columns.add(sample)
    return columns


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
