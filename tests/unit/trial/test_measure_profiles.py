from __future__ import annotations

import asyncio

from trial_builders import a_closed_loop, a_poisson_load

from deploytune.contract.limits import Limit
from deploytune_trial.measure.aborting import Ceiling
from deploytune_trial.measure.goals import Goal
from deploytune_trial.measure.profiles import WARM_UP_WINDOWS, measure, warm_up


async def answer_at_once() -> bool:
    await asyncio.sleep(0)
    return True


async def never_answer_in_time() -> bool:
    await asyncio.sleep(0)
    return False


async def test_without_limits_and_objectives_a_measurement_ends_after_three_windows() -> None:
    profile = a_closed_loop(window_requests=200, max_windows=5)

    run = await measure(profile, answer_at_once, 1, Goal())

    assert run.settled
    assert (run.window_count, len(run.requests)) == (3, 600)


async def test_a_measurement_ends_at_the_look_that_decides_its_limit() -> None:
    profile = a_closed_loop(window_requests=200, max_windows=100)
    goal = Goal(limits=(Limit(metric="latency_p50_ms", max=10_000.0),))

    run = await measure(profile, answer_at_once, 1, goal)

    assert run.settled
    assert run.undecided == frozenset()
    assert run.window_count < 100


async def test_a_limit_that_is_open_at_the_cap_stays_undecided() -> None:
    profile = a_closed_loop(window_requests=20, max_windows=3)
    goal = Goal(limits=(Limit(metric="latency_p99_ms", max=10_000.0),))

    run = await measure(profile, answer_at_once, 1, goal)

    assert not run.settled
    assert run.undecided == {"latency_p99_ms"}
    assert len(run.requests) == 60


async def test_the_first_requests_of_a_measurement_do_not_count() -> None:
    profile = a_closed_loop(concurrency=7, window_requests=10, max_windows=3)

    run = await measure(profile, answer_at_once, 1, Goal())

    assert run.answered >= 7 + 3 * 10


async def test_a_measurement_is_given_up_when_a_limit_is_lost() -> None:
    profile = a_closed_loop(window_requests=100)
    ceiling = Ceiling("latency_p95_ms@steady", 95.0, 1000.0)

    run = await measure(profile, never_answer_in_time, 1, Goal(ceilings=(ceiling,)))

    assert run.lost_metric == ceiling.key
    assert run.is_hopeless
    assert run.sent < 20


async def test_an_open_loop_is_measured_at_its_rate() -> None:
    profile = a_poisson_load(2000.0, window_requests=100, max_windows=3)

    run = await measure(profile, answer_at_once, 5, Goal())

    assert 1600 < run.due / run.requests.seconds < 2400


async def test_warming_up_is_over_after_a_number_of_windows() -> None:
    profile = a_closed_loop(window_requests=40)

    run = await warm_up(profile, answer_at_once, concurrency=4)

    assert 2 <= run.window_count <= WARM_UP_WINDOWS
    assert len(run.requests) == 10 * run.window_count


async def test_a_load_at_a_rate_is_warmed_up_in_a_closed_loop() -> None:
    run = await warm_up(a_poisson_load(0.001), answer_at_once, concurrency=4)

    assert run.sent >= 2 * 25


async def test_a_server_that_answers_nothing_in_time_is_lost_before_the_lead_in_ends() -> None:
    profile = a_closed_loop(concurrency=50, window_requests=100)
    ceiling = Ceiling("latency_p95_ms@steady", 95.0, 1000.0)

    run = await measure(profile, never_answer_in_time, 1, Goal(ceilings=(ceiling,)))

    assert run.lost_metric == ceiling.key
    assert len(run.requests) == 10
