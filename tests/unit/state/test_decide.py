"""One pass: what it records, ends, creates and starts."""

from __future__ import annotations

from builders import (
    a_configuration,
    a_finished_trial,
    a_report,
    a_trial,
    a_tuning,
    a_world,
    an_attempt,
    an_ending,
    at,
)

from deploytune.api.conditions import Reason
from deploytune.api.trial import AttemptRecord, Purpose, TrialStatusRecord, TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.decide import AttemptKey, Decision, decide
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import EndedBy


def _condition(decision: Decision, kind: str) -> tuple[str, str]:
    found = next(c for c in decision.status.conditions if c.type == kind)
    return found.status.value, found.reason


def a_failed_trial(index: int = 0, *causes: Cause) -> TuningTrial:
    records = tuple(
        AttemptRecord(
            attempt=number,
            outcome=OutcomeKind.INFRASTRUCTURE,
            cause=cause,
            end_time=to_timestamp(at(number)),
        )
        for number, cause in enumerate(causes)
    )
    return a_trial(index).model_copy(update={"status": TrialStatusRecord(attempts=records)})


def test_the_first_pass_creates_and_starts_the_baseline() -> None:
    decision = decide(a_world())
    (trial,) = decision.creations
    assert (Purpose.BASELINE, "tune-0") == (trial.spec.purpose, trial.metadata.name)
    assert [("tune-0", 0, 0)] == [(r.trial, r.index, r.attempt) for r in decision.starts]
    assert not decision.is_finished
    assert "Exploring" == decision.status.search_stage


def test_proposals_of_one_pass_know_each_other() -> None:
    decision = decide(a_world(a_tuning(parallel_trials=3)))
    assert [(), (0,), (0, 1)] == [t.spec.proposal.in_flight for t in decision.creations]
    assert 3 == len({str(trial.spec.parameters) for trial in decision.creations})


def test_no_more_is_proposed_than_the_budget_leaves() -> None:
    decision = decide(a_world(a_tuning(max_trials=2, parallel_trials=3)))
    assert [0, 1] == [trial.spec.index for trial in decision.creations]


def test_a_proposal_says_what_it_knew() -> None:
    trials = [a_finished_trial(0, completion_index=1), a_finished_trial(1, completion_index=0)]
    (created,) = decide(a_world(trials=trials)).creations
    assert (1, 0) == created.spec.proposal.knew
    assert "Random" == created.spec.proposal.strategy


def test_a_trial_on_record_is_adopted_and_never_proposed_again() -> None:
    decision = decide(a_world(trials=[a_trial(5)]))
    assert () == decision.creations
    assert [(5, 0)] == [(r.index, r.attempt) for r in decision.starts]
    (after,) = decide(a_world(trials=[a_finished_trial(5)])).creations
    assert 6 == after.spec.index


def test_a_running_trial_holds_its_slot() -> None:
    decision = decide(a_world(trials=[a_trial()], attempts=[an_attempt()]))
    assert ((), ()) == (decision.creations, decision.starts)


def test_a_verdict_frees_the_slot_in_the_same_pass() -> None:
    attempts = [an_attempt(ending=an_ending(a_report()))]
    decision = decide(a_world(trials=[a_trial()], attempts=attempts))
    assert [OutcomeKind.FEASIBLE] == [t.status.outcome for t in decision.trial_writes]
    assert [1] == [trial.spec.index for trial in decision.creations]


def test_an_interrupted_attempt_is_repeated_at_once() -> None:
    ending = an_ending(exit_code=-9, ended_by=EndedBy.LOST_OWNER)
    decision = decide(a_world(trials=[a_trial()], attempts=[an_attempt(ending=ending)], now=1.0))
    assert [(0, 1)] == [(r.index, r.attempt) for r in decision.starts]
    assert () == decision.creations


def test_an_infrastructure_failure_is_repeated_after_its_back_off() -> None:
    attempts = [an_attempt(ending=an_ending(exit_code=-15, seconds=10.0))]
    early = decide(a_world(trials=[a_trial()], attempts=attempts, now=10.25))
    late = decide(a_world(trials=[a_trial()], attempts=attempts, now=11.0))
    assert ((), 0.75) == (early.starts, early.wake_after_seconds)
    assert [1] == [request.attempt for request in late.starts]


def test_the_back_off_doubles_with_every_failure() -> None:
    tuning = a_tuning(infra_retries=9)
    trial = a_failed_trial(0, Cause.DISRUPTED, Cause.INTERRUPTED, Cause.DISRUPTED, Cause.DISRUPTED)
    decision = decide(a_world(tuning, [trial], now=3.0))
    assert ((), 4.0) == (decision.starts, decision.wake_after_seconds)


def test_an_abandoned_trial_makes_room_for_another() -> None:
    trials = [a_failed_trial(0, Cause.DISRUPTED)]
    attempts = [an_attempt(attempt=n, ending=an_ending(exit_code=-15)) for n in range(2)]
    decision = decide(a_world(a_tuning(max_trials=1), trials, attempts))
    assert [OutcomeKind.INFRASTRUCTURE] == [t.status.outcome for t in decision.trial_writes]
    assert [1] == [trial.spec.index for trial in decision.creations]


def test_a_smaller_parallelism_starts_fewer_of_what_waits() -> None:
    decision = decide(a_world(trials=[a_trial(0), a_trial(1), a_trial(2)]))
    assert [0] == [request.index for request in decision.starts]


def test_the_best_is_confirmed_when_the_search_is_over() -> None:
    tuning = a_tuning(max_trials=2, confirmations=3, parallel_trials=2)
    best = a_finished_trial(1, throughput=200.0, parameters=a_configuration(2))
    decision = decide(a_world(tuning, [a_finished_trial(0), best]))
    assert [2, 3] == [trial.spec.index for trial in decision.creations]
    assert {(Purpose.CONFIRM, 1, "Confirming")} == {
        (t.spec.purpose, t.spec.confirms, t.spec.proposal.search_stage) for t in decision.creations
    }
    assert all(a_configuration(2) == trial.spec.parameters for trial in decision.creations)
    assert "Confirming" == decision.status.search_stage


def test_nothing_is_confirmed_while_the_search_is_in_flight() -> None:
    tuning = a_tuning(max_trials=2, parallel_trials=2)
    world = a_world(tuning, [a_finished_trial(0), a_trial(1)], [an_attempt(1)])
    assert () == decide(world).creations


def test_a_confirmed_winner_ends_the_tuning() -> None:
    tuning = a_tuning(max_trials=1, confirmations=1)
    confirmation = a_finished_trial(1, throughput=90.0, purpose=Purpose.CONFIRM, confirms=0)
    decision = decide(a_world(tuning, [a_finished_trial(0), confirmation]))
    assert decision.is_finished
    assert ("True", Reason.BUDGET_EXHAUSTED) == _condition(decision, "Succeeded")
    assert decision.status.best is not None
    assert 90.0 in decision.status.best.metrics.values()
    assert None is decision.status.search_stage


def test_without_confirmations_the_search_trial_is_the_answer() -> None:
    tuning = a_tuning(max_trials=1, confirmations=0)
    decision = decide(a_world(tuning, [a_finished_trial(0)]))
    assert decision.is_finished
    assert decision.status.best is not None
    assert 0 == decision.status.best.confirmations


def test_a_candidate_that_is_out_gives_way_but_its_running_confirmation_ends_first() -> None:
    tuning = a_tuning(max_trials=1, confirmations=2)
    failed = a_finished_trial(1, OutcomeKind.INFEASIBLE, purpose=Purpose.CONFIRM, confirms=0)
    running = a_trial(2, purpose=Purpose.CONFIRM, confirms=0)
    world = a_world(tuning, [a_finished_trial(0), failed, running], [an_attempt(2)])
    assert not decide(world).is_finished


def test_no_feasible_trial_ends_without_an_answer() -> None:
    tuning = a_tuning(max_trials=1)
    decision = decide(a_world(tuning, [a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=300.0)]))
    assert decision.is_finished
    assert ("False", Reason.NO_FEASIBLE_CONFIGURATION) == _condition(decision, "Succeeded")
    assert decision.status.nearest_miss is not None


def test_an_answer_that_no_confirmation_stood_is_none() -> None:
    tuning = a_tuning(max_trials=1, confirmations=1)
    failed = a_finished_trial(
        1, OutcomeKind.INFEASIBLE, memory=201.0, purpose=Purpose.CONFIRM, confirms=0
    )
    decision = decide(a_world(tuning, [a_finished_trial(0), failed]))
    assert decision.is_finished
    assert None is decision.status.best
    assert decision.status.nearest_miss is not None
    assert "tune-1" == decision.status.nearest_miss.trial
    message = next(c.message for c in decision.status.conditions if c.type == "Finished")
    assert "none of 1 candidates stood" in message


def test_a_space_that_is_used_up_ends_the_tuning() -> None:
    parameters = [{"name": "level", "type": "Integer", "min": 0, "max": 0}]
    tuning = a_tuning(parameters=parameters, confirmations=0)
    decision = decide(a_world(tuning, [a_finished_trial(parameters={"level": 0})]))
    assert ("True", Reason.SPACE_EXHAUSTED) == _condition(decision, "Finished")


def test_confirmations_of_a_smaller_budget_hold_their_slots() -> None:
    running = a_trial(1, purpose=Purpose.CONFIRM, confirms=0)
    world = a_world(a_tuning(max_trials=5), [a_finished_trial(0), running], [an_attempt(1)])
    decision = decide(world)
    assert (False, ()) == (decision.is_finished, decision.creations)


def test_a_halt_asks_what_runs_to_end_and_finishes_after_it() -> None:
    tuning = a_tuning(parallel_trials=2)
    report = an_ending(a_report(OutcomeKind.MISCONFIGURED, cause=Cause.BAD_PARAMETER))
    attempts = [an_attempt(0, ending=report), an_attempt(1)]
    trials = [a_trial(0), a_trial(1)]
    halting = decide(a_world(tuning, trials, attempts))
    assert (AttemptKey(1, 0),) == halting.ends
    requests = [trial.status.end_requested for trial in halting.trial_writes]
    assert [None, (0, "InvalidSpec")] == [r and (r.attempt, r.why) for r in requests]
    assert ((), (), False) == (halting.creations, halting.starts, halting.is_finished)

    again = decide(a_world(tuning, halting.trials, attempts))
    assert ((AttemptKey(1, 0),), ()) == (again.ends, again.trial_writes)

    ended = an_attempt(1, ending=an_ending(exit_code=-15, ended_by=EndedBy.REQUEST))
    after = decide(a_world(tuning, halting.trials, [attempts[0], ended]))
    assert after.is_finished
    assert ("True", Reason.INVALID_SPEC) == _condition(after, "Finished")
    assert ("True", Reason.INVALID_SPEC) == _condition(after, "Degraded")


def test_a_stray_attempt_is_ended_and_holds_its_slot() -> None:
    decision = decide(a_world(attempts=[an_attempt(9)]))
    assert (AttemptKey(9, 0),) == decision.ends
    assert () == decision.starts


def test_a_pass_that_changes_nothing_writes_nothing() -> None:
    world = a_world(trials=[a_trial()], attempts=[an_attempt()])
    first = decide(world)
    tuning = world.tuning.model_copy(update={"status": first.status})
    second = decide(a_world(tuning, [a_trial()], [an_attempt()], now=200.0))
    assert (True, False) == (first.status_changed, second.status_changed)
    assert () == second.trial_writes


def test_the_status_counts_afresh_from_the_trials() -> None:
    baseline = a_finished_trial(0, purpose=Purpose.BASELINE, seconds=2.0)
    crashed = a_finished_trial(1, OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY, seconds=3.0)
    missed = a_finished_trial(2, OutcomeKind.INFEASIBLE, seconds=4.0)
    status = decide(a_world(trials=[baseline, crashed, missed])).status
    assert {"Feasible": 1, "Infeasible": 1, "Crashed": 1} == status.outcomes
    assert (4, 9.0) == (status.trials, status.trial_seconds)
    assert [("Infeasible", 4.0), ("Crashed/OutOfMemory", 3.0)] == [
        (part.cause, part.seconds) for part in status.wasted
    ]
    assert status.baseline is not None
    assert None is status.nearest_miss


def test_the_times_of_a_tuning_are_set_once() -> None:
    tuning = a_tuning(max_trials=1, confirmations=0)
    first = decide(a_world(tuning, [a_finished_trial(0)], now=5.0))
    known = tuning.model_copy(update={"status": first.status})
    again = decide(a_world(known, [a_finished_trial(0)], now=50.0))
    assert (first.status.start_time, first.status.completion_time) == (
        again.status.start_time,
        again.status.completion_time,
    )
    assert not again.status_changed


def test_the_request_carries_what_the_tuning_says() -> None:
    tuning = a_tuning(run_deadline_seconds=7.0, resources={"memory": "64Mi", "cpu": "500m"})
    (request,) = decide(a_world(tuning, [a_trial(3)])).starts
    assert (7.0, 0.5, 64 * 2**20) == (
        request.run_deadline_seconds,
        request.resources.cpus,
        request.resources.memory_bytes,
    )
    assert ("server_memory_mib",) == tuple(limit.metric for limit in request.limits)
    assert ("throughput@full",) == request.objectives
    assert a_configuration(level=3) == request.parameters


def test_attempts_of_a_trial_share_their_seed_and_trials_do_not() -> None:
    ending = an_ending(exit_code=-9, ended_by=EndedBy.LOST_OWNER)
    (first,) = decide(a_world(trials=[a_trial()])).starts
    (retried,) = decide(a_world(trials=[a_trial()], attempts=[an_attempt(ending=ending)])).starts
    (other,) = decide(a_world(trials=[a_trial(1)])).starts
    assert first.seed == retried.seed
    assert first.seed != other.seed


def test_verdicts_are_written_in_the_order_of_completion() -> None:
    """Whoever dies between two of them leaves no gap behind."""
    tuning = a_tuning(parallel_trials=2)
    attempts = [
        an_attempt(0, ending=an_ending(a_report(index=0), seconds=9.0)),
        an_attempt(1, ending=an_ending(a_report(index=1), seconds=5.0)),
    ]
    decision = decide(a_world(tuning, [a_trial(0), a_trial(1)], attempts))
    written = [(t.spec.index, t.status.completion_index) for t in decision.trial_writes]
    assert [(1, 0), (0, 1)] == written
