"""Suspending, resuming and deleting a tuning, and budgets that do not run meanwhile."""

from __future__ import annotations

from typing import Any

from builders import (
    a_finished_trial,
    a_place,
    a_trial,
    a_tuning,
    a_wait,
    a_world,
    an_attempt,
    an_ending,
    at,
)

from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.decide import AttemptKey, Decision, decide
from deploytune.state.expiry import expires_at
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import EndedBy

SUSPENDED: dict[str, Any] = {"spec": {"suspend": True}}


def _conditions(decision: Decision) -> dict[str, str]:
    return {c.type: c.status.value for c in decision.status.conditions}


def _after(decision: Decision, **tuning: Any) -> DeploymentTuning:
    return a_tuning(**tuning).model_copy(update={"status": decision.status})


def test_suspending_ends_what_runs_and_starts_nothing() -> None:
    world = a_world(a_tuning(**SUSPENDED), [a_trial()], [an_attempt(place=a_place())])
    decision = decide(world)
    assert (AttemptKey(0, 0),) == decision.ends
    (written,) = decision.trial_writes
    assert written.status.end_requested is not None
    assert "Suspended" == written.status.end_requested.why
    assert ((), (), False) == (decision.starts, decision.creations, decision.is_finished)
    shown = _conditions(decision)
    assert ("True", "False", "Unknown") == (
        shown["Suspended"],
        shown["Progressing"],
        shown["Succeeded"],
    )


def test_an_end_is_requested_once() -> None:
    first = decide(a_world(a_tuning(**SUSPENDED), [a_trial()], [an_attempt(place=a_place())]))
    going = [an_attempt(place=a_place(is_being_deleted=True))]
    again = decide(a_world(_after(first, **SUSPENDED), first.trials, going))
    assert ((), ()) == (again.ends, again.trial_writes)


def test_an_interrupted_trial_runs_again_after_the_suspension_and_costs_no_retry() -> None:
    interrupted = [an_attempt(ending=an_ending(exit_code=143, ended_by=EndedBy.REQUEST))]
    paused = decide(a_world(a_tuning(**SUSPENDED), [a_trial()], interrupted))
    (trial,) = paused.trials
    assert [Cause.INTERRUPTED] == [record.cause for record in trial.status.attempts]
    resumed = decide(a_world(_after(paused), paused.trials))
    assert [(0, 1)] == [(request.index, request.attempt) for request in resumed.starts]
    assert "False" == _conditions(resumed)["Suspended"]


def test_suspended_seconds_count_against_no_budget() -> None:
    budget: dict[str, Any] = {"budget": {"maxDurationSeconds": 100}}
    first = decide(a_world(a_tuning(**budget), now=0.0))
    paused = decide(a_world(_after(first, **budget, **SUSPENDED), first.trials, now=50.0))
    resumed = decide(a_world(_after(paused, **budget), first.trials, now=500.0))
    assert 450.0 == resumed.status.suspended_seconds
    done = [a_finished_trial(0)]
    in_time = decide(a_world(_after(resumed, **budget), done, now=549.0))
    assert () != in_time.creations
    assert "Confirming" != in_time.status.search_stage
    too_late = decide(a_world(_after(resumed, **budget), done, now=550.0))
    assert "Confirming" == too_late.status.search_stage


def test_a_deleted_tuning_ends_what_runs_and_is_cancelled_then() -> None:
    gone: dict[str, Any] = {"metadata": {"deletionTimestamp": to_timestamp(at(9))}}
    ending = decide(a_world(a_tuning(**gone), [a_trial()], [an_attempt(place=a_place())]))
    assert (AttemptKey(0, 0),) == ending.ends
    assert not ending.is_finished
    ended = [an_attempt(ending=an_ending(exit_code=143, ended_by=EndedBy.REQUEST))]
    done = decide(a_world(a_tuning(**gone), ending.trials, ended))
    finished = next(c for c in done.status.conditions if c.type == "Finished")
    assert (True, "True", "Cancelled") == (done.is_finished, finished.status, finished.reason)


def test_accelerator_seconds_end_the_search_running_ones_included() -> None:
    pool = {"name": "local", "resources": {"accelerators": {"nvidia.com/gpu": 2}}}
    tuning = a_tuning(pools=[pool], budget={"maxAcceleratorSeconds": 100}, parallel_trials=2)
    attempts = [an_attempt(started=0.0, place=a_place())]
    early = decide(a_world(tuning, [a_trial()], attempts, now=49.0))
    late = decide(a_world(tuning, [a_trial()], attempts, now=50.0))
    assert (1, 0) == (len(early.creations), len(late.creations))


def test_a_pod_without_a_node_holds_no_accelerator() -> None:
    pool = {"name": "local", "resources": {"accelerators": {"nvidia.com/gpu": 1}}}
    tuning = a_tuning(pools=[pool], budget={"maxAcceleratorSeconds": 10}, parallel_trials=2)
    attempts = [an_attempt(place=a_place(node=None))]
    assert 1 == len(decide(a_world(tuning, [a_trial()], attempts, now=1000.0)).creations)


def test_accelerator_seconds_of_failures_of_infrastructure_are_on_record() -> None:
    pool = {"name": "local", "resources": {"accelerators": {"nvidia.com/gpu": 2}}}
    attempts = [an_attempt(ending=an_ending(exit_code=-15, seconds=7.0))]
    decision = decide(a_world(a_tuning(pools=[pool]), [a_trial()], attempts))
    assert 14.0 == decision.status.accelerator_seconds


def test_a_spent_budget_gives_up_what_cannot_run_and_the_tuning_ends() -> None:
    budget: dict[str, Any] = {"budget": {"maxDurationSeconds": 10}, "max_trials": 4}
    begun = a_tuning(**budget).model_copy(
        update={"status": TuningStatus(start_time=to_timestamp(at(0)))}
    )
    trials = [a_finished_trial(0, OutcomeKind.CRASHED), a_trial(1)]
    waiting = [an_attempt(1, wait=a_wait(), place=a_place("tune-1-0", node=None))]
    in_time = decide(a_world(begun, trials, waiting, now=9.0, waits_for_mending=True))
    assert ((), False) == (in_time.trial_writes, in_time.is_finished)

    spent = decide(a_world(begun, trials, waiting, now=10.0, waits_for_mending=True))
    (given_up,) = spent.trial_writes
    assert (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED, 1) == (
        given_up.status.outcome,
        given_up.status.cause,
        given_up.status.completion_index,
    )
    assert (AttemptKey(1, 0),) == spent.ends
    assert spent.is_finished


def test_a_spent_budget_lets_what_runs_end() -> None:
    pool = {"name": "local", "resources": {"accelerators": {"nvidia.com/gpu": 1}}}
    tuning = a_tuning(pools=[pool], budget={"maxAcceleratorSeconds": 10})
    decision = decide(a_world(tuning, [a_trial()], [an_attempt(place=a_place())], now=1000.0))
    assert ((), (), False) == (decision.trial_writes, decision.ends, decision.is_finished)


def test_a_tuning_expires_so_many_seconds_after_its_end() -> None:
    ended = TuningStatus(completion_time=to_timestamp(at(10)))
    tuning = a_tuning(spec={"ttlSecondsAfterFinished": 5})
    assert None is expires_at(tuning)
    assert at(15) == expires_at(tuning.model_copy(update={"status": ended}))
    assert None is expires_at(a_tuning().model_copy(update={"status": ended}))
