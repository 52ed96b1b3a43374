"""Several generator processes load a real Triton, and lose no request."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from trial_builders import a_closed_loop, a_poisson_load

from deploytune.contract.outcomes import Cause
from deploytune.contract.workload import LoadProfile
from deploytune_trial.bench.generators import MODEL, an_input, serving_an_echo
from deploytune_trial.children import Children
from deploytune_trial.failures import TrialFailure
from deploytune_trial.measure.generator_messages import Equipment
from deploytune_trial.measure.goals import Goal
from deploytune_trial.measure.precise_loop import precise_loop
from deploytune_trial.measure.profiles import ProfileRun, measure_by
from deploytune_trial.measure.spread_load import SpreadLoad, open_processes
from deploytune_trial.triton.installation import Installation

SECONDS = 90


async def measured_by_two(
    address: str, children: Children, folder: Path, profile: LoadProfile
) -> ProfileRun:
    equipment = Equipment(address, MODEL, [an_input()], timeout_seconds=10.0)
    processes = await open_processes(2, equipment, children, folder)
    try:
        await measure_by(lambda take: SpreadLoad(processes, take), profile, 1, Goal())
        # A second load finds nothing left of the first.
        return await measure_by(lambda take: SpreadLoad(processes, take), profile, 2, Goal())
    finally:
        for process in processes:
            await process.close()


@pytest.mark.triton
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(
    "profile",
    [
        a_closed_loop(concurrency=5, window_requests=100, max_windows=3),
        a_poisson_load(200.0, window_requests=100, max_windows=3),
    ],
    ids=["closed loop", "Poisson"],
)
def test_two_processes_load_one_server_and_every_request_is_accounted_for(
    triton: Installation, tmp_path: Path, profile: LoadProfile
) -> None:
    assert triton.program.exists()
    with serving_an_echo() as (server, children), asyncio.Runner(loop_factory=precise_loop) as loop:
        work = measured_by_two(server.grpc_address, children, tmp_path, profile)
        run = loop.run(work)
        counted = server.counters().requests

    assert run.window_count == 3
    assert run.requests.all_end
    assert 300 <= run.answered == run.sent
    assert run.sent < counted
    if profile.rate_per_second is not None:
        assert run.keeps_up
        assert run.due == pytest.approx(len(run.requests), abs=20)


@pytest.mark.triton
@pytest.mark.timeout(SECONDS)
def test_a_server_that_is_gone_is_a_failure_of_the_server(
    triton: Installation, tmp_path: Path
) -> None:
    assert triton.program.exists()
    with serving_an_echo() as (server, children), asyncio.Runner(loop_factory=precise_loop) as loop:
        server.child.end()
        with pytest.raises(TrialFailure) as failure:
            loop.run(measured_by_two(server.grpc_address, children, tmp_path, a_closed_loop(4)))
    assert failure.value.cause is Cause.SERVER_FAILED
