"""One trial of a recording ends as a trial of `run` would: here against a runtime in memory."""

from __future__ import annotations

import pytest
from builders import a_breadcrumb, a_configuration, a_report, a_tuning, an_ending
from memory_runtime import MemoryRuntime, Records, RunDiedError, measured

from deploytune.bench.recording.lines import Line
from deploytune.bench.recording.playing import play
from deploytune.bench.recording.rounds import Ask, Role
from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import TrialRequest
from deploytune.contract.stages import Stage
from deploytune.state.world import EndedBy, Ending

ASK = Ask(Role.CONFIGURATION, a_configuration(size=2))


async def line_of(ending: Ending) -> Line:
    tuning = a_tuning()
    return await play(MemoryRuntime(tuning, ending_of=lambda _: ending), tuning, ASK, 0)


async def test_a_trial_that_was_measured_shows_its_metrics() -> None:
    tuning = a_tuning()
    line = await play(MemoryRuntime(tuning), tuning, ASK, 0)
    assert (ASK.role, ASK.parameters) == (line.role, line.parameters)
    assert OutcomeKind.FEASIBLE is line.outcome
    assert {"throughput@full": 200.0, "server_memory_mib": 100.0} == line.metrics
    assert 1.0 == line.seconds


async def test_a_trial_that_misses_a_limit_keeps_its_metrics() -> None:
    tuning = a_tuning()
    ask = Ask(Role.CONFIGURATION, a_configuration(size=5))
    line = await play(MemoryRuntime(tuning), tuning, ask, 0)
    assert (OutcomeKind.INFEASIBLE, 250.0) == (line.outcome, line.metrics["server_memory_mib"])


async def test_a_trial_killed_for_its_memory_says_where() -> None:
    killed = an_ending(a_breadcrumb(Stage.BUILD), exit_code=-9, out_of_memory=True)
    line = await line_of(killed)
    assert (OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY, Stage.BUILD) == (
        line.outcome,
        line.cause,
        line.stage,
    )
    assert {} == line.metrics


async def test_the_wait_for_other_tunings_is_no_part_of_its_seconds() -> None:
    report = a_report(OutcomeKind.FEASIBLE, waited_seconds=4.0)
    assert 3.5 == (await line_of(an_ending(report, seconds=7.5))).seconds


async def test_trials_of_one_recording_follow_each_other_with_seeds_of_their_own() -> None:
    tuning, records = a_tuning(), Records()
    runtime = MemoryRuntime(tuning, records)
    for index in range(3):
        await play(runtime, tuning, ASK, index)
    assert 1 == records.most_at_once
    assert 3 == len({request.seed for request in records.requests.values()})


async def test_a_trial_whose_run_died_is_played_again() -> None:
    tuning, records = a_tuning(), Records()
    calls = 0
    while True:
        try:
            line = await play(MemoryRuntime(tuning, records, dies_before=calls), tuning, ASK, 0)
        except RunDiedError:
            calls += 1
            continue
        break
    assert (OutcomeKind.FEASIBLE, 200.0) == (line.outcome, line.metrics["throughput@full"])
    assert len(records.attempts) > 1


async def test_one_interrupted_attempt_is_followed_by_another() -> None:
    def once_interrupted(request: TrialRequest) -> Ending:
        if request.attempt == 0:
            return an_ending(exit_code=None, ended_by=EndedBy.LOST_OWNER)
        return measured(request)

    tuning = a_tuning()
    line = await play(MemoryRuntime(tuning, ending_of=once_interrupted), tuning, ASK, 0)
    assert OutcomeKind.FEASIBLE is line.outcome


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        pytest.param(
            an_ending(exit_code=None, ended_by=EndedBy.DISRUPTION), "are disturbed", id="disturbed"
        ),
        pytest.param(
            an_ending(a_report(OutcomeKind.MISCONFIGURED)), "cannot run", id="a file is missing"
        ),
    ],
)
async def test_what_is_no_fault_of_the_configuration_is_no_line(
    ending: Ending, message: str
) -> None:
    with pytest.raises(MachineError, match=message):
        await line_of(ending)
