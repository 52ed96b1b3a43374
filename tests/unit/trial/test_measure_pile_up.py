"""Servers that keep up with an open loop, and servers that do not."""

from __future__ import annotations

import pytest
from trial_builders import a_poisson_load, requests_with
from virtual_time import AQueue, run_virtually

from deploytune.contract.limits import Limit
from deploytune_trial.measure.goals import Goal
from deploytune_trial.measure.pile_up import is_overrun
from deploytune_trial.measure.profiles import ProfileRun, measure


def loaded(server: AQueue, rate: float, limit_ms: float, window: int, seed: int) -> ProfileRun:
    goal = Goal(limits=(Limit(metric="latency_p95_ms", max=limit_ms),))
    profile = a_poisson_load(rate, window_requests=window, max_windows=8)
    return run_virtually(measure(profile, server.send, seed, goal))


@pytest.mark.parametrize("seed", range(3))
def test_a_load_beyond_the_capacity_overruns_a_server_whose_latency_is_small_as_yet(
    seed: int,
) -> None:
    assert loaded(AQueue(1000.0), 1500.0, 300.0, 150, seed).overloaded


@pytest.mark.parametrize("window", [30, 60, 120])
@pytest.mark.parametrize("own_seconds", [0.0, 0.2])
def test_short_runs_do_not_overrun_a_healthy_server(window: int, own_seconds: float) -> None:
    runs = [loaded(AQueue(1000.0, own_seconds), 850.0, 1000.0, window, seed) for seed in range(10)]

    assert not any(run.overloaded for run in runs)


def test_some_requests_without_an_answer_are_no_pile_up() -> None:
    assert not is_overrun(requests_with(([10.0] * 99 + [None]) * 5), due=502)


@pytest.mark.parametrize(
    ("due", "is_kept_up"),
    [
        pytest.param(100, True, id="as many end as come"),
        pytest.param(105, True, id="a few more come by chance"),
        pytest.param(130, False, id="they pile up"),
    ],
)
def test_a_server_keeps_up_when_requests_do_not_pile_up(due: int, *, is_kept_up: bool) -> None:
    run = ProfileRun(requests_with([10.0] * 100, seconds=1.0), due=due)

    assert run.keeps_up is is_kept_up
