"""A load from several processes is judged as if it came from one.

The processes are played at the other end of real sockets, so that what they tell has any order.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.children import Child
from deploytune_trial.failures import TrialFailure
from deploytune_trial.measure.generator_messages import (
    Close,
    Columns,
    Ending,
    Failure,
    Load,
    News,
    receive,
    send,
)
from deploytune_trial.measure.generators import OUTSTANDING_CAP, After
from deploytune_trial.measure.session import WarmUpRate
from deploytune_trial.measure.spread_load import (
    PROCESS_BYTES,
    GeneratorProcess,
    Room,
    SpreadLoad,
    processes_for,
)
from deploytune_trial.measure.windows import Sample


class APeer:
    """The other end of a generator process: tells what it is given and hears what is ordered."""

    def __init__(self, process: GeneratorProcess, other: socket.socket) -> None:
        self.process = process
        self._socket = other

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self._socket)

    def tell(self, until: float, ended: Sequence[Sample] = (), due: Sequence[float] = ()) -> None:
        send(self.writer, News(until, array("d", due), columns(ended), Columns(), False))

    def close(self, late: Sequence[Sample] = (), sent: int = 0, share: float = 0.0) -> None:
        send(self.writer, Close(columns(late), sent, sent, share))


def columns(samples: Sequence[Sample]) -> Columns:
    made = Columns()
    for sample in samples:
        made.add(sample)
    return made


def a_sample(ended: float, seconds: float = 0.5) -> Sample:
    return Sample(ended - seconds, ended - seconds, ended, answered=True)


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """A process that ends at once with a word."""
    return Child([sys.executable, "-c", "raise SystemExit('no server')"], tmp_path / "log")


@pytest.fixture
async def peers(child: Child) -> AsyncIterator[list[APeer]]:
    made = []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        peer = APeer(GeneratorProcess(child, reader, writer), theirs)
        await peer.open()
        made.append(peer)
    yield made
    for peer in made:
        await peer.process.close()
        peer.writer.close()
        await peer.writer.wait_closed()


class ATaker:
    """Takes samples, and ends at the one of a moment."""

    def __init__(self, last: float = 1e9, after: After = After.STOP) -> None:
        self.ended: list[float] = []
        self.last = last
        self.after = after

    def take(self, sample: Sample) -> After:
        self.ended.append(sample.ended)
        return self.after if sample.ended >= self.last else After.GO_ON


def spread(peers: list[APeer], taker: ATaker) -> SpreadLoad:
    return SpreadLoad([peer.process for peer in peers], taker.take)


async def test_samples_are_judged_in_the_order_in_which_they_happened(peers: list[APeer]) -> None:
    first, second = peers
    taker = ATaker()
    first.tell(3.0, [a_sample(1.0), a_sample(3.0)])
    second.tell(2.5, [a_sample(2.0), a_sample(2.5)])
    second.tell(3.5, [a_sample(3.5)])
    first.tell(4.0)
    for peer in peers:
        peer.close(sent=2)

    load = spread(peers, taker)
    await load.run_closed_loop(4)

    assert taker.ended == [1.0, 2.0, 2.5, 3.0, 3.5]
    assert load.sent == 4


async def test_what_a_silent_process_may_still_tell_of_is_waited_for(peers: list[APeer]) -> None:
    first, second = peers
    taker = ATaker()
    first.tell(9.0, [a_sample(8.0)])
    load = spread(peers, taker)
    running = asyncio.ensure_future(load.run_closed_loop(2))
    await receive(first.reader)
    second.tell(7.0, [a_sample(1.0)])
    second.close()
    first.close()
    await running

    assert taker.ended == [1.0]
    assert [8.0] == [sample.ended for sample in load.late()]


async def test_the_end_is_told_to_all_and_later_samples_are_late(peers: list[APeer]) -> None:
    first, second = peers
    taker = ATaker(last=2.0)
    first.tell(5.0, [a_sample(2.0), a_sample(4.0)])
    second.tell(5.0, [a_sample(1.0), a_sample(3.0)])
    load = spread(peers, taker)
    running = asyncio.ensure_future(load.run_closed_loop(2))
    for peer in peers:
        assert Load(concurrency=1) == await receive(peer.reader)
        assert Ending(After.STOP) == await receive(peer.reader)
        peer.close(late=[a_sample(6.0)])
    await running

    assert taker.ended == [1.0, 2.0]
    assert load.ended_at == 2.0
    assert [3.0, 4.0, 6.0, 6.0] == [sample.ended for sample in load.late()]


async def test_what_ended_after_the_moment_judged_was_outstanding_then(
    peers: list[APeer],
) -> None:
    first, second = peers
    first.tell(5.0, [a_sample(2.0), a_sample(4.0, seconds=3.0)])
    second.tell(5.0, [a_sample(4.5)])
    seen: list[list[Sample]] = []

    def take(_sample: Sample) -> After:
        seen.append(load.outstanding())
        return After.GO_ON

    load = SpreadLoad([peer.process for peer in peers], take)
    for peer in peers:
        peer.close()
    await load.run_closed_loop(2)

    (open_one,) = seen[0]
    assert (open_one.intended, open_one.ended, open_one.is_open) == (1.0, 2.0, True)


async def test_a_rate_is_shared_and_every_request_due_is_noted(peers: list[APeer]) -> None:
    due: list[None] = []
    for peer in peers:
        peer.tell(5.0, due=[1.0, 2.0])
        peer.close()

    await spread(peers, ATaker()).run_poisson(30.0, 7, lambda: due.append(None))

    assert len(due) == 4
    orders = [await receive(peer.reader) for peer in peers]
    assert [15.0, 15.0] == [order.rate_per_second for order in orders]
    assert len({order.seed for order in orders}) == 2
    assert sum(order.cap for order in orders) == OUTSTANDING_CAP


async def test_fewer_requests_than_processes_leave_some_idle(peers: list[APeer]) -> None:
    first, _ = peers
    taker = ATaker()
    first.tell(2.0, [a_sample(1.0)])
    first.close(share=0.4)

    load = spread(peers, taker)
    await load.run_closed_loop(1)

    assert taker.ended == [1.0]
    assert load.cpu_share == 0.4


async def test_a_process_that_reports_a_failure_ends_the_load(peers: list[APeer]) -> None:
    first, second = peers
    second.tell(1.0)
    send(first.writer, Failure(OutcomeKind.CRASHED, Cause.SERVER_FAILED, "request failed: gone"))

    with pytest.raises(TrialFailure, match="request failed: gone") as failure:
        await spread(peers, ATaker()).run_closed_loop(2)
    assert failure.value.cause is Cause.SERVER_FAILED


async def test_a_process_that_is_gone_is_named_with_its_last_words(peers: list[APeer]) -> None:
    for peer in peers:
        peer.writer.close()

    with pytest.raises(TrialFailure, match="a load generator ended with code 1: no server"):
        await spread(peers, ATaker()).run_closed_loop(2)


@pytest.mark.parametrize(
    ("share", "cpus", "processes_in_memory", "number"),
    [
        (0.3, 8.0, None, 1),
        (0.9, 8.0, None, 1),
        (0.95, 8.0, None, 2),
        (0.95, 1.5, None, 1),
        (3.0, 8.0, None, 5),
        (3.0, 2.0, None, 2),
        (3.0, 8.0, 3, 3),
        (3.0, 8.0, -1, 1),
    ],
)
def test_a_load_is_spread_where_one_process_could_not_send_it(
    share: float, cpus: float, processes_in_memory: int | None, number: int
) -> None:
    memory = None if processes_in_memory is None else processes_in_memory * PROCESS_BYTES
    assert processes_for(share, Room(cpus, memory).processes_beside(0)) == number


def test_memory_that_is_left_is_for_more_processes_than_are_open() -> None:
    assert Room(8.0, 3 * PROCESS_BYTES).processes_beside(4) == 7
    assert Room(6.0, 3 * PROCESS_BYTES).processes_beside(4) == 6


def test_a_rate_takes_its_share_of_what_the_warm_up_took() -> None:
    warmed_up = WarmUpRate(per_second=1000.0, cpu_share=0.5)
    assert (warmed_up.share_at(None), warmed_up.share_at(4000.0)) == (0.5, 2.0)
