"""Passes over a port in memory: the course of whole tunings, and dying between any two calls."""

from __future__ import annotations

import pytest
from builders import a_report, a_tuning, an_ending
from memory_runtime import MemoryRuntime, Records, RunDiedError, measured

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import TrialRequest
from deploytune.runtime.passes import run_until_finished
from deploytune.state.decide import Decision
from deploytune.state.world import Ending, World


def _essence(records: Records) -> list[tuple[object, ...]]:
    """What must be the same however often the run died: trials, parameters, outcomes, order."""
    return [
        (
            trial.spec.index,
            trial.spec.purpose,
            tuple(trial.spec.parameters.items()),
            trial.status.outcome,
            trial.status.completion_index,
        )
        for trial in records.trials.values()
    ]


async def _run(tuning: DeploymentTuning, **options: object) -> MemoryRuntime:
    runtime = MemoryRuntime(tuning, **options)  # type: ignore[arg-type]  # passed on as they are
    await run_until_finished(runtime)
    return runtime


async def test_a_tuning_spends_its_budget_and_its_confirmations() -> None:
    runtime = await _run(a_tuning(max_trials=8, confirmations=2))
    assert 10 == len(runtime.records.trials)
    assert runtime.records.status is not None
    assert {"Feasible", "Infeasible"} == set(runtime.records.status.outcomes)
    assert runtime.records.status.best is not None
    assert 2 == runtime.records.status.best.confirmations


@pytest.mark.parametrize("algorithm", ["Random", "Grid", "TPE", "TBA"])
async def test_dying_between_any_two_calls_changes_nothing(algorithm: str) -> None:
    tuning = a_tuning(max_trials=4, confirmations=1, algorithm=algorithm)
    undisturbed = await _run(tuning)
    expected = _essence(undisturbed.records)
    for call in range(undisturbed.calls):
        records = Records()
        with pytest.raises(RunDiedError):
            await _run(tuning, records=records, dies_before=call)
        await _run(tuning, records=records)
        assert expected == _essence(records), f"died before call {call}"


async def test_dying_at_every_call_still_ends() -> None:
    tuning = a_tuning(max_trials=4, confirmations=1)
    undisturbed = await _run(tuning)
    records = Records()
    # Seven calls make one verdict and one start; fewer would never see a trial end.
    for _ in range(100):
        try:
            await _run(tuning, records=records, dies_before=9)
        except RunDiedError:
            continue
        break
    assert _essence(undisturbed.records) == _essence(records)


async def test_parallel_trials_are_never_more_than_allowed() -> None:
    runtime = await _run(a_tuning(max_trials=12, parallel_trials=3))
    assert 3 == runtime.records.most_at_once
    assert 14 == len(runtime.records.trials)


async def test_a_misconfigured_tuning_ends_at_once_and_goes_on_when_it_was_mended() -> None:
    def misconfigured(request: TrialRequest) -> Ending:
        report = a_report(
            OutcomeKind.MISCONFIGURED,
            cause=Cause.MISSING_DEPENDENCY,
            index=request.index,
            attempt=request.attempt,
        )
        return an_ending(report)

    tuning = a_tuning(max_trials=3, confirmations=0)
    broken = await _run(tuning, ending_of=misconfigured)
    assert broken.records.status is not None
    assert 1 == len(broken.records.trials)
    assert "InvalidSpec" == broken.records.status.conditions[0].reason

    mended = await _run(tuning, records=broken.records)
    assert mended.records.status is not None
    assert "BudgetExhausted" == mended.records.status.conditions[0].reason
    assert 3 == len(mended.records.trials)


async def test_failing_infrastructure_ends_the_tuning() -> None:
    def disrupted(_request: TrialRequest) -> Ending:
        return an_ending(exit_code=-15)

    runtime = await _run(a_tuning(infra_retries=1), ending_of=disrupted)
    assert runtime.records.status is not None
    assert "TooManyInfrastructureFailures" == runtime.records.status.conditions[0].reason
    assert 6 == len(runtime.records.attempts)


async def test_a_winner_that_fails_its_confirmation_gives_way() -> None:
    def flaky(request: TrialRequest) -> Ending:
        if request.index >= 4 and request.parameters == best:
            return an_ending(exit_code=-11)
        return measured(request)

    tuning = a_tuning(max_trials=4, confirmations=1)
    first = await _run(tuning)
    assert first.records.status is not None
    assert first.records.status.best is not None
    best = first.records.status.best.parameters
    second = await _run(tuning, ending_of=flaky)
    assert second.records.status is not None
    assert second.records.status.best is not None
    assert best != second.records.status.best.parameters
    assert 1 == second.records.status.best.confirmations


async def test_the_observer_hears_of_every_pass() -> None:
    heard: list[bool] = []

    def observe(_world: World, decision: Decision) -> None:
        heard.append(decision.is_finished)

    await run_until_finished(MemoryRuntime(a_tuning(max_trials=2, confirmations=0)), observe)
    assert [False, False, True] == heard


async def test_a_longer_budget_continues_an_ended_tuning() -> None:
    short = await _run(a_tuning(max_trials=2, confirmations=1))
    longer = await _run(a_tuning(max_trials=4, confirmations=1), records=short.records)
    assert longer.records.status is not None
    indices = [trial.spec.index for trial in longer.records.trials.values()]
    assert list(range(len(indices))) == indices
    assert 4 == sum(t.spec.confirms is None for t in longer.records.trials.values())
