"""What every runtime adapter promises, as tests that a class of each adapter inherits.

The adapter's `place` fixture says where it runs: what opens it, a tuning, a trial that ends soon
and one that goes on until it is ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from builders import a_finished_trial

from deploytune.api.trial import EndRequest, TrialSpecRecord, TrialStatusRecord, TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.request import TrialRequest
from deploytune.runtime.port import Runtime
from deploytune.state.requests import build_request
from deploytune.state.world import Attempt, EndedBy

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class RuntimePlace:
    """Where an adapter runs; opened again, it is a new run over the same records."""

    opens: Callable[[], AbstractAsyncContextManager[Runtime]]
    tuning: DeploymentTuning
    quick: TuningTrial
    endless: TuningTrial

    def request(self, trial: TuningTrial, attempt: int = 0) -> TrialRequest:
        return build_request(self.tuning, trial, attempt)

    def with_end_requested(self) -> TuningTrial:
        """The endless trial as it is written before its attempt is ended."""
        status = TrialStatusRecord(end_requested=EndRequest(attempt=0, why="suspended"))
        return self.endless.model_copy(update={"status": status})


def finished(trial: TuningTrial) -> TuningTrial:
    """A trial with an outcome on record."""
    return trial.model_copy(update={"status": a_finished_trial().status})


Said = tuple[str, TrialSpecRecord, TrialStatusRecord]


def said(*trials: TuningTrial) -> tuple[Said, ...]:
    """What trials say, without what the place adds to it."""
    return tuple((trial.metadata.name, trial.spec, trial.status) for trial in trials)


async def attempts_of(runtime: Runtime) -> tuple[Attempt, ...]:
    return (await runtime.gather()).attempts


async def ended_attempts(runtime: Runtime) -> tuple[Attempt, ...]:
    """The attempts once all have ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(attempt.ending is None for attempt in await attempts_of(runtime)):
            await runtime.wait_for_change(PATIENCE_SECONDS)
    return await attempts_of(runtime)


class RuntimeContract:
    async def test_a_new_place_holds_the_tuning_and_nothing_else(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            world = await runtime.gather()
        assert (place.tuning, (), (), 1) == (
            world.tuning,
            world.trials,
            world.attempts,
            world.parallel_trials,
        )
        assert world.resumed_at <= world.now

    async def test_a_created_trial_is_on_record(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            world = await runtime.gather()
        assert said(place.quick) == said(*world.trials)

    async def test_creating_a_trial_again_leaves_it_as_it_is(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            await runtime.write_trial_status(finished(place.quick))
            await runtime.create_trial(place.quick)
            world = await runtime.gather()
        assert said(finished(place.quick)) == said(*world.trials)

    async def test_a_status_on_record_outlives_the_run(self, place: RuntimePlace) -> None:
        status = TuningStatus(trials=1, start_time="2026-01-01T00:00:00Z")
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            await runtime.write_trial_status(finished(place.quick))
            await runtime.write_tuning_status(status)
        async with place.opens() as runtime:
            world = await runtime.gather()
        assert said(finished(place.quick)) == said(*world.trials)
        assert status == world.tuning.status

    async def test_a_started_attempt_runs_and_then_shows_its_ending(
        self, place: RuntimePlace
    ) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            await runtime.start_attempt(place.request(place.quick))
            (running,) = await attempts_of(runtime)
            (ended,) = await ended_attempts(runtime)
        assert (0, 0, None) == (running.trial_index, running.attempt, running.ending)
        assert ended.ending is not None
        assert (0, EndedBy.NOBODY, False) == (
            ended.ending.exit_code,
            ended.ending.ended_by,
            ended.ending.out_of_memory,
        )
        assert b'"Feasible"' in ended.ending.message
        assert ended.ending.seconds > 0
        assert running.started_at <= ended.started_at

    async def test_starting_an_attempt_again_does_nothing(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            await runtime.start_attempt(place.request(place.quick))
            await runtime.start_attempt(place.request(place.quick))
            before = await ended_attempts(runtime)
            await runtime.start_attempt(place.request(place.quick))
            after = await attempts_of(runtime)
        assert 1 == len(before)
        assert before == after

    async def test_an_attempt_ends_on_request(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.endless)
            await runtime.start_attempt(place.request(place.endless))
            await runtime.write_trial_status(place.with_end_requested())
            await runtime.end_attempt(0, 0)
            (attempt,) = await ended_attempts(runtime)
        assert attempt.ending is not None
        assert EndedBy.REQUEST is attempt.ending.ended_by

    async def test_ending_what_does_not_run_is_no_error(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            await runtime.end_attempt(0, 0)
            await runtime.start_attempt(place.request(place.quick))
            before = await ended_attempts(runtime)
            await runtime.end_attempt(0, 0)
            after = await attempts_of(runtime)
        assert before == after
        assert [EndedBy.NOBODY] == [one.ending.ended_by for one in after if one.ending is not None]

    async def test_attempts_of_a_trial_are_kept_apart(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.quick)
            for attempt in range(2):
                await runtime.start_attempt(place.request(place.quick, attempt))
                await ended_attempts(runtime)
            attempts = await attempts_of(runtime)
        assert [0, 1] == sorted(attempt.attempt for attempt in attempts)
        assert all(attempt.ending is not None for attempt in attempts)

    async def test_waiting_ends_with_the_time_out(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.wait_for_change(0.01)
            assert () == await attempts_of(runtime)
