"""A load that the client bounds is sent again by more processes, as long as they send more."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from trial_builders import a_closed_loop, a_poisson_load, a_request, requests_with
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
    """Stands for the sending itself: by how many takes what share of a CPU, and sends how much."""

    def __init__(self, shares: dict[int, float], rates: dict[int, int]) -> None:
        self._shares, self._rates = shares, rates
        self._opened = 0
        self.numbers: list[int] = []

    async def open(self, _: LoadProfile, number: int) -> tuple[GeneratorProcess, ...]:
        """Open so many more processes, which have nothing to do."""
        self._opened += number
        process: Any = AClient(1000.0, 0.1)
        return (process,) * number

    async def by_one(self, *_: Any) -> ProfileRun:
        """Send from this process."""
        return self._run(1)

    async def by_several(self, *_: Any) -> ProfileRun:
        """Send from all that are open."""
        return self._run(self._opened)

    def _run(self, number: int) -> ProfileRun:
        self.numbers.append(number)
        rate = self._rates[number]
        requests = requests_with([1.0] * rate)
        return ProfileRun(requests, sent=rate, answered=rate, client_share=self._shares[number])


def measured(
    monkeypatch: pytest.MonkeyPatch, sending: Sending, load: LoadProfile, cpus: float = 8.0
) -> tuple[ProfileRun, int]:
    """The run that counts, and how often it began again."""
    monkeypatch.setattr(session, "measure", sending.by_one)
    monkeypatch.setattr(session, "measure_by", sending.by_several)
    server: Any = ACountingServer()
    again: list[None] = []
    with MeasureSession(
        a_request(workload={"loads": [load]}),
        server,
        lambda _: AClient(1000.0, 0.1),
        sending.open,
        lambda: Room(cpus),
    ) as measuring:
        result = measuring.measure(load, begins_again=lambda: again.append(None))
    return result.run, len(again)


@pytest.mark.parametrize(
    ("shares", "rates", "cpus", "numbers", "counts"),
    [
        pytest.param({1: 0.5}, {1: 100}, 8.0, [1], 1, id="one is enough"),
        pytest.param({1: 0.97, 2: 0.6}, {1: 100, 2: 180}, 8.0, [1, 2], 2, id="two are enough"),
        pytest.param(
            {1: 1.0, 2: 0.97, 4: 0.9}, {1: 100, 2: 180, 4: 300}, 8.0, [1, 2, 4], 4, id="four are"
        ),
        pytest.param(
            {1: 1.0, 2: 1.0, 3: 1.0}, {1: 100, 2: 150, 3: 200}, 3.0, [1, 2, 3], 3, id="never enough"
        ),
        pytest.param({1: 1.0}, {1: 100}, 1.0, [1], 1, id="no room"),
        pytest.param(
            {1: 0.97, 2: 0.6}, {1: 100, 2: 95}, 2.0, [1, 2], 1, id="two that share its CPUs"
        ),
    ],
)
def test_a_load_that_the_client_bounds_is_sent_by_more_as_long_as_more_send_more(
    monkeypatch: pytest.MonkeyPatch,
    shares: dict[int, float],
    rates: dict[int, int],
    cpus: float,
    numbers: list[int],
    counts: int,
) -> None:
    sending = Sending(shares, rates)
    run, again = measured(monkeypatch, sending, a_closed_loop(concurrency=8), cpus)

    assert sending.numbers == numbers
    assert again == len(numbers) - 1
    assert (run.client_share, run.answered) == (shares[counts], rates[counts])


def test_more_processes_than_requests_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = Sending({1: 1.0, 2: 1.0}, {1: 100, 2: 200})
    measured(monkeypatch, sending, a_closed_loop(concurrency=2))

    assert sending.numbers == [1, 2]


def test_a_load_at_a_rate_says_beforehand_how_many_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sending = Sending({1: 1.0}, {1: 100})
    measured(monkeypatch, sending, a_poisson_load(100.0))

    assert sending.numbers == [1]
