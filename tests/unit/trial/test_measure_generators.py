from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import TrialFailure, crashed
from deploytune_trial.measure.generators import After, LoadGenerator
from deploytune_trial.measure.windows import Sample


class AServer:
    """Answers after a number of turns of the event loop, and knows how many it holds."""

    def __init__(self, turns: int = 1) -> None:
        self.turns = turns
        self.outstanding = 0
        self.most_outstanding = 0

    async def send(self) -> bool:
        self.outstanding += 1
        self.most_outstanding = max(self.most_outstanding, self.outstanding)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
        finally:
            self.outstanding -= 1
        return True


class Taker:
    """Collects samples and ends after some."""

    def __init__(self, enough: int, after: After = After.STOP) -> None:
        self.samples: list[Sample] = []
        self.enough = enough
        self.after = after

    def take(self, sample: Sample) -> After:
        self.samples.append(sample)
        return self.after if len(self.samples) >= self.enough else After.GO_ON


def no_gaps() -> Iterator[float]:
    return itertools.repeat(0.0)


async def test_a_closed_loop_keeps_its_number_of_requests_outstanding() -> None:
    server, taker = AServer(turns=3), Taker(enough=50)

    await LoadGenerator(server.send, taker.take).run_closed_loop(4)

    assert server.most_outstanding == 4
    assert len(taker.samples) == 50


async def test_requests_outstanding_at_the_end_are_awaited() -> None:
    server, taker = AServer(turns=3), Taker(enough=10)
    generator = LoadGenerator(server.send, taker.take)

    await generator.run_closed_loop(4)

    assert server.outstanding == 0
    assert generator.answered == generator.sent


async def test_nobody_waits_for_requests_outstanding_when_it_is_hopeless() -> None:
    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    sends = itertools.count()

    async def first_answers() -> bool:
        return True if next(sends) == 0 else await never()

    generator = LoadGenerator(first_answers, Taker(1, After.GIVE_UP).take)

    await generator.run_closed_loop(3)

    assert generator.answered == 1


async def test_an_error_of_the_server_ends_the_load() -> None:
    async def fail() -> bool:
        raise crashed(Cause.SERVER_FAILED, "stub is not healthy")

    with pytest.raises(TrialFailure, match="not healthy"):
        await LoadGenerator(fail, Taker(1).take).run_closed_loop(2)


async def test_an_open_loop_sends_whatever_the_server_does() -> None:
    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    due: list[bool] = []
    generator = LoadGenerator(never, Taker(1).take, cap=20)

    await generator.run_open_loop(no_gaps(), lambda: due.append(True))

    assert generator.is_overloaded
    assert generator.sent == len(due) == 20


async def test_an_open_loop_counts_its_own_lateness_as_latency() -> None:
    server, taker = AServer(turns=0), Taker(enough=2)
    loop = asyncio.get_running_loop()

    def busy() -> None:
        until = loop.time() + 0.03
        while loop.time() < until:
            pass

    generator = LoadGenerator(server.send, taker.take)
    await generator.run_open_loop(iter([0.001, 0.001, 0.001, 1.0]), busy)

    late = taker.samples[1]
    assert late.intended < late.sent
    assert late.latency_ms >= 1000 * (late.sent - late.intended) > 20
