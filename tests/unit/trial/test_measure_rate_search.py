from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_builders import LOAD, P95, a_request
from virtual_time import AQueue, VirtualLoop

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import MAX_RATE, metric_key
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.measure import session
from deploytune_trial.measure.rate_search import CLOSE, MOST_PROBES, RateSearch
from deploytune_trial.measure.session import MeasureSession
from deploytune_trial.measure.spread_load import GeneratorProcess, Room
from deploytune_trial.triton.server import Counters


async def no_processes(profile: LoadProfile, number: int) -> tuple[GeneratorProcess, ...]:
    raise AssertionError(f"{profile.name} needs {number} processes")


def found(search: RateSearch, capacity: float) -> float | None:
    """What a search finds on a server that sustains every rate up to its capacity."""
    while (rate := search.next_rate()) is not None:
        search.tell(rate, is_sustained=rate <= capacity)
    return search.sustained


@given(st.floats(20.0, 900.0), st.floats(20.0, 900.0))
def test_a_search_from_a_guess_nearby_ends_close_below_the_capacity(
    capacity: float, guess: float
) -> None:
    search = RateSearch(1000.0, guess)

    rate = found(search, capacity)

    assert search.probes <= MOST_PROBES
    if search.probes < MOST_PROBES:
        assert rate is not None
        assert capacity / (1 + CLOSE) <= rate <= capacity


def test_a_server_that_sustains_the_highest_rate_needs_no_more_probes() -> None:
    search = RateSearch(100.0, 5000.0)

    assert found(search, 1e9) == 100.0
    assert search.probes == 1
    assert search.figure().half_width is None


def test_a_server_that_sustains_nothing_has_rate_zero() -> None:
    search = RateSearch(100.0, 50.0)

    assert found(search, 0.0) is None
    assert search.figure().value == 0.0


def test_the_lowest_rate_refused_bounds_the_figure() -> None:
    search = RateSearch(100.0, 50.0, sustained=40.0, refused=41.0)

    assert search.figure().value == 40.0
    assert search.figure().half_width == pytest.approx(1.0)


def test_a_limit_that_an_idle_server_misses_needs_no_lower_rates() -> None:
    search = RateSearch(100.0, 50.0)
    search.tell(50.0, is_sustained=False, is_idle=True)

    assert search.next_rate() is None
    assert search.figure().value == 0.0


def test_rates_are_halved_a_few_times_only() -> None:
    search = RateSearch(100.0, 50.0)
    found(search, 0.0)

    assert search.probes < MOST_PROBES


def test_probes_that_are_spent_without_a_refusal_leave_the_rate_open() -> None:
    search = RateSearch(1e9, 1.0)
    found(search, 1e9)

    assert search.is_open


class ACountingServer:
    """Counts as many answers as anybody may have seen."""

    def counters(self) -> Counters:
        return Counters(next(self._counts) * 10**9, 0, 0, 0)

    def __init__(self) -> None:
        self._counts = itertools.count()


class AClient(AQueue):
    """Sends to a queue."""

    async def close(self) -> None:
        """Have nothing to close."""


def test_the_search_ends_soon_where_the_latency_alone_misses_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "precise_loop", VirtualLoop)
    load = LoadProfile(
        name=LOAD, type=LoadType.MAX_RATE, rate_per_second=1000.0, window_requests=100
    )
    request = a_request(
        limits=[Limit(metric=P95, max=50.0)],
        objectives=[metric_key(MAX_RATE, LOAD)],
        workload={"loads": [load]},
    )
    server: Any = ACountingServer()

    with MeasureSession(
        request, server, lambda _: AClient(1000.0, 0.1), no_processes, lambda: Room(1.0)
    ) as measuring:
        measuring.warm_up(1)
        result = measuring.measure(load)

    assert result.figures[MAX_RATE].value == 0.0
    assert result.run.sent < 800
