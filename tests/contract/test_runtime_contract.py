"""What every runtime adapter promises; run over the local one and over the tests' own in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from builders import a_configuration, a_finished_trial, a_trial, a_tuning
from local_builders import PATIENCE_SECONDS, local_options
from memory_runtime import MemoryRuntime, Records

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import TuningStatus
from deploytune.contract.request import TrialRequest
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.port import Runtime
from deploytune.state.requests import build_request
from deploytune.state.world import Attempt, EndedBy

Opens = Callable[[], AbstractAsyncContextManager[Runtime]]
TUNING = a_tuning()
QUICK, ENDLESS = (a_trial(0, a_configuration(kind=kind)) for kind in ("measure", "hang"))


@pytest.fixture(params=["local", "memory"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """Return what opens a runtime; opened again, it is a new run over the same records."""
    records = Records()

    @asynccontextmanager
    async def open_local() -> AsyncIterator[Runtime]:
        async with LocalRuntime(tmp_path / "state", TUNING, local_options(tmp_path)) as runtime:
            yield runtime

    @asynccontextmanager
    async def open_memory() -> AsyncIterator[Runtime]:
        yield MemoryRuntime(TUNING, records)

    return open_local if request.param == "local" else open_memory


def _request(trial: TuningTrial, attempt: int = 0) -> TrialRequest:
    return build_request(TUNING, trial, attempt)


async def _attempts(runtime: Runtime) -> tuple[Attempt, ...]:
    return (await runtime.gather()).attempts


async def test_a_new_place_holds_the_tuning_and_nothing_else(opens: Opens) -> None:
    async with opens() as runtime:
        world = await runtime.gather()
    assert (TUNING, (), (), 1) == (
        world.tuning,
        world.trials,
        world.attempts,
        world.parallel_trials,
    )
    assert world.resumed_at <= world.now


async def test_a_created_trial_is_on_record(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(QUICK)
        assert (QUICK,) == (await runtime.gather()).trials


async def test_creating_a_trial_again_leaves_it_as_it_is(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.write_trial_status(a_finished_trial())
        await runtime.create_trial(a_trial())
        assert (a_finished_trial(),) == (await runtime.gather()).trials


async def test_a_status_on_record_outlives_the_run(opens: Opens) -> None:
    status = TuningStatus(trials=1, start_time="2026-01-01T00:00:00Z")
    async with opens() as runtime:
        await runtime.create_trial(a_trial())
        await runtime.write_trial_status(a_finished_trial())
        await runtime.write_tuning_status(status)
    async with opens() as runtime:
        world = await runtime.gather()
    assert (a_finished_trial(),) == world.trials
    assert status == world.tuning.status


async def test_a_started_attempt_runs_and_then_shows_its_ending(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(QUICK)
        await runtime.start_attempt(_request(QUICK))
        (running,) = await _attempts(runtime)
        assert (0, 0, None) == (running.trial_index, running.attempt, running.ending)
        await runtime.wait_for_change(PATIENCE_SECONDS)
        (ended,) = await _attempts(runtime)
    assert ended.ending is not None
    assert (0, EndedBy.NOBODY, False) == (
        ended.ending.exit_code,
        ended.ending.ended_by,
        ended.ending.out_of_memory,
    )
    assert b'"Feasible"' in ended.ending.message
    assert ended.ending.seconds > 0
    assert running.started_at == ended.started_at


async def test_starting_an_attempt_again_does_nothing(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(QUICK)
        await runtime.start_attempt(_request(QUICK))
        await runtime.start_attempt(_request(QUICK))
        await runtime.wait_for_change(PATIENCE_SECONDS)
        await runtime.start_attempt(_request(QUICK))
        (attempt,) = await _attempts(runtime)
    assert attempt.ending is not None


async def test_an_attempt_ends_on_request(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(ENDLESS)
        await runtime.start_attempt(_request(ENDLESS))
        await runtime.end_attempt(0, 0)
        await runtime.wait_for_change(PATIENCE_SECONDS)
        (attempt,) = await _attempts(runtime)
    assert attempt.ending is not None
    assert EndedBy.REQUEST is attempt.ending.ended_by


async def test_ending_what_does_not_run_is_no_error(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(QUICK)
        await runtime.end_attempt(0, 0)
        await runtime.start_attempt(_request(QUICK))
        await runtime.wait_for_change(PATIENCE_SECONDS)
        await runtime.end_attempt(0, 0)
        (attempt,) = await _attempts(runtime)
    assert attempt.ending is not None
    assert EndedBy.NOBODY is attempt.ending.ended_by


async def test_the_next_run_finds_a_lost_attempt_ended(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(ENDLESS)
        await runtime.start_attempt(_request(ENDLESS))
    async with opens() as runtime:
        (attempt,) = await _attempts(runtime)
    assert attempt.ending is not None
    assert EndedBy.LOST_OWNER is attempt.ending.ended_by


async def test_attempts_of_a_trial_are_kept_apart(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.create_trial(QUICK)
        for attempt in range(2):
            await runtime.start_attempt(_request(QUICK, attempt))
            await runtime.wait_for_change(PATIENCE_SECONDS)
            await runtime.gather()
        attempts = await _attempts(runtime)
    assert [0, 1] == [attempt.attempt for attempt in attempts]
    assert all(attempt.ending is not None for attempt in attempts)


async def test_waiting_ends_with_the_time_out(opens: Opens) -> None:
    async with opens() as runtime:
        await runtime.wait_for_change(0.01)
        assert () == await _attempts(runtime)
