"""A load that the client bounds is sent again by more processes, as long as there is room."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from trial_builders import LOAD, a_closed_loop, a_request, requests_with
from virtual_time import AQueue

from deploytune.contract.workload import LoadProfile
from deploytune_trial.measure import session
from deploytune_trial.measure.profiles import ProfileRun
from deploytune_trial.measure.session import MeasureSession
from deploytune_trial.measure.spread_load import GeneratorProcess, Room
from deploytune_trial.triton.server import Counters


class ACountingServer:
    """Tells ever larger counters."""

    def __init__(self) -> None:
        self._counts = itertools.count()

    def counters(self) -> Counters:
        """The next of them."""
        return Counters(next(self._counts) * 10**9, 0, 0, 0)


class AClient(AQueue):
    """Sends to a queue."""

    async def close(self) -> None:
        """Have nothing to close."""


class Sending:
    """Stands for the sending itself: each number of processes takes its share of a CPU."""

    def __init__(self, shares: dict[int, float]) -> None:
        self._shares = shares
        self.numbers: list[int] = []

    async def by_one(self, *_: Any) -> ProfileRun:
        """Send from this process."""
        return self._run(1)

    async def by_several(self, open_generator: Callable[[Any], Any], *_: Any) -> ProfileRun:
        """Send from as many processes as the generator was given."""
        return self._run(len(open_generator(lambda _: None)._processes))

    def _run(self, number: int) -> ProfileRun:
        self.numbers.append(number)
        share = self._shares[number]
        return ProfileRun(requests_with([1.0]), sent=10, answered=10, client_share=share)


async def opened(_: LoadProfile, number: int) -> tuple[GeneratorProcess, ...]:
    """Processes that only the generator looks at, to count them."""
    process: Any = AClient(1000.0, 0.1)
    process.child = process
    return (process,) * number


@pytest.mark.parametrize(
    ("shares", "cpus", "numbers"),
    [
        pytest.param({1: 0.5}, 8.0, [1], id="one is enough"),
        pytest.param({1: 0.97, 2: 0.6}, 8.0, [1, 2], id="two are enough"),
        pytest.param({1: 1.0, 2: 0.97, 4: 0.9}, 8.0, [1, 2, 4], id="four are enough"),
        pytest.param({1: 1.0, 2: 1.0, 3: 1.0}, 3.0, [1, 2, 3], id="never enough"),
        pytest.param({1: 1.0}, 1.0, [1], id="no room"),
    ],
)
def test_a_load_that_the_client_bounds_is_sent_by_more_processes(
    monkeypatch: pytest.MonkeyPatch, shares: dict[int, float], cpus: float, numbers: list[int]
) -> None:
    sending = Sending(shares)
    monkeypatch.setattr(session, "measure", sending.by_one)
    monkeypatch.setattr(session, "measure_by", sending.by_several)
    monkeypatch.setattr(MeasureSession, "_close_processes", AClient(1000.0, 0.1).close)
    load = a_closed_loop()
    server: Any = ACountingServer()

    with MeasureSession(
        a_request(workload={"loads": [load]}),
        server,
        lambda _: AClient(1000.0, 0.1),
        opened,
        lambda: Room(cpus),
    ) as measuring:
        result = measuring.measure(load)

    assert result.load == LOAD
    assert sending.numbers == numbers
    assert result.run.client_share == shares[numbers[-1]]
    assert result.run.answered == 10 * len(numbers)
