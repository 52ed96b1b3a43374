"""Requests that have no answer yet when a measurement looks, or ends."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from trial_builders import a_poisson_load
from virtual_time import run_virtually

from deploytune.contract.limits import Limit
from deploytune_trial.measure.goals import Goal
from deploytune_trial.measure.profiles import ProfileRun, measure
from deploytune_trial.measure.windows import Requests, Sample, summarise

P95_BELOW_50 = Goal(limits=(Limit(metric="latency_p95_ms", max=50.0),))


class Slow:
    """Answers in 5 to 10 ms, but one in so many requests after so many seconds."""

    def __init__(self, every: int, seconds: float) -> None:
        self._draws = random.Random(3)
        self._every, self._seconds = every, seconds

    async def send(self) -> bool:
        is_slow = self._draws.randrange(self._every) == 0
        usual = self._draws.uniform(0.005, 0.01)
        await asyncio.sleep(self._seconds if is_slow else usual)
        return True


def measured(server: Slow, goal: Goal, seed: int = 1) -> ProfileRun:
    profile = a_poisson_load(100.0, window_requests=150, max_windows=20)
    return run_virtually(measure(profile, server.send, seed, goal))


@pytest.mark.parametrize("seed", range(5))
def test_requests_that_are_never_answered_miss_a_limit(seed: int) -> None:
    run = measured(Slow(every=10, seconds=1e6), P95_BELOW_50, seed)

    assert run.settled
    assert math.isinf(summarise(run.requests, 1)["latency_p95_ms"].value)


def test_a_request_that_is_answered_while_waiting_at_the_end_has_its_latency() -> None:
    run = measured(Slow(every=10, seconds=3.0), P95_BELOW_50)

    assert summarise(run.requests, 1)["latency_p95_ms"].value == pytest.approx(3000.0)


def test_without_limits_a_request_counts_that_is_slower_than_all_others() -> None:
    run = measured(Slow(every=10, seconds=1e6), Goal(objectives=("latency_p95_ms",)))

    assert math.isinf(summarise(run.requests, 1)["latency_p95_ms"].value)


def test_a_slow_request_counts_once() -> None:
    run = measured(Slow(every=10, seconds=3.0), P95_BELOW_50)

    assert len(run.requests) - run.requests.late == run.window_count * 150
    assert run.requests.late
    assert len(run.requests) <= run.due + 10


def test_requests_in_their_usual_time_are_not_late() -> None:
    run = measured(Slow(every=10, seconds=0.006), P95_BELOW_50)

    assert run.requests.late == 0


def test_a_late_answer_is_no_throughput() -> None:
    requests = Requests(0.0)
    for number in range(1, 11):
        requests.add(Sample(number / 10, number / 10, number / 10, answered=True))
    requests.add_late(Sample(0.5, 0.5, 6.0, answered=True))

    assert requests.seconds == 1.0
    assert summarise(requests, 1)["throughput"].value == 10.0
