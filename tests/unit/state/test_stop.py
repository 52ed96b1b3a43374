"""A search that its user stops: what runs of it is ended, and the best so far is confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from builders import (
    a_finished_trial,
    a_place,
    a_report,
    a_trial,
    a_tuning,
    a_wait,
    a_world,
    an_attempt,
    an_ending,
)

from deploytune.api.conditions import Condition, ConditionType, Reason
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.decide import AttemptKey, Decision, decide
from deploytune.state.world import EndedBy

STOPPED: dict[str, Any] = {"spec": {"stop": True}}


def stopped_tuning(**changes: Any) -> DeploymentTuning:
    return a_tuning(**{"confirmations": 1, "parallel_trials": 2, **STOPPED, **changes})


def a_confirmation(index: int, confirms: int) -> TuningTrial:
    return a_trial(index, purpose=Purpose.CONFIRM, confirms=confirms)


def condition(decision: Decision, kind: ConditionType) -> Condition:
    return next(one for one in decision.status.conditions if one.type == kind)


def test_running_trials_of_the_search_are_ended_at_our_request_and_nothing_more_is_tried() -> None:
    world = a_world(stopped_tuning(), [a_trial()], [an_attempt(place=a_place())])
    decision = decide(world)
    assert (AttemptKey(0, 0),) == decision.ends
    (written,) = decision.trial_writes
    assert written.status.end_requested is not None
    assert "Stopped" == written.status.end_requested.why
    assert ((), (), False) == (decision.creations, decision.starts, decision.is_finished)
    assert Reason.STOPPING == condition(decision, ConditionType.PROGRESSING).reason


def test_a_trial_that_was_ended_for_it_is_held_against_nothing() -> None:
    ended = [an_attempt(1, ending=an_ending(exit_code=143, ended_by=EndedBy.REQUEST))]
    decision = decide(a_world(stopped_tuning(), [a_finished_trial(0), a_trial(1)], ended))
    trial = decision.trials[1]
    assert (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED) == (
        trial.status.outcome,
        trial.status.cause,
    )
    assert "stopped" in trial.status.message
    assert [0] == [trial.spec.confirms for trial in decision.creations]


def test_a_trial_that_reported_before_it_was_ended_counts() -> None:
    ending = an_ending(a_report(throughput=500.0), exit_code=143, ended_by=EndedBy.REQUEST)
    decision = decide(a_world(stopped_tuning(), [a_trial()], [an_attempt(ending=ending)]))
    assert OutcomeKind.FEASIBLE is decision.trials[0].status.outcome
    assert [0] == [trial.spec.confirms for trial in decision.creations]


def test_the_best_so_far_is_confirmed_in_the_same_pass() -> None:
    trials = [a_finished_trial(0, throughput=1.0), a_finished_trial(1, throughput=2.0)]
    decision = decide(a_world(stopped_tuning(), trials))
    assert [(Purpose.CONFIRM, 1)] == [
        (trial.spec.purpose, trial.spec.confirms) for trial in decision.creations
    ]
    assert [2] == [request.index for request in decision.starts]


def test_a_running_confirmation_is_left_alone() -> None:
    trials = [a_finished_trial(0), a_confirmation(1, 0)]
    decision = decide(a_world(stopped_tuning(), trials, [an_attempt(1, place=a_place())]))
    assert ((), ()) == (decision.ends, decision.trial_writes)


def test_the_answer_stands_once_it_is_confirmed() -> None:
    confirmation = a_finished_trial(1, purpose=Purpose.CONFIRM, confirms=0)
    decision = decide(a_world(stopped_tuning(), [a_finished_trial(0), confirmation]))
    assert decision.is_finished
    succeeded = condition(decision, ConditionType.SUCCEEDED)
    assert ("True", Reason.STOPPED) == (succeeded.status.value, succeeded.reason)
    assert decision.status.best is not None
    assert ("tune-0", 1) == (decision.status.best.trial, decision.status.best.confirmations)


@pytest.mark.parametrize("trials", [[], [a_finished_trial(0, OutcomeKind.CRASHED)]])
def test_without_a_feasible_trial_there_is_no_answer_and_that_says_why(
    trials: list[TuningTrial],
) -> None:
    decision = decide(a_world(stopped_tuning(), trials))
    assert decision.is_finished
    succeeded = condition(decision, ConditionType.SUCCEEDED)
    assert ("False", Reason.NO_FEASIBLE_CONFIGURATION) == (
        succeeded.status.value,
        succeeded.reason,
    )
    assert "the search was stopped" in succeeded.message


def test_what_waits_for_a_node_is_given_up_and_its_pod_ended() -> None:
    waiting = [an_attempt(wait=a_wait(), place=a_place(node=None))]
    decision = decide(a_world(stopped_tuning(), [a_trial()], waiting))
    assert (AttemptKey(0, 0),) == decision.ends
    assert OutcomeKind.INFRASTRUCTURE is decision.trials[0].status.outcome


def test_a_suspended_tuning_stands_still_all_the_same() -> None:
    tuning = stopped_tuning(spec={"stop": True, "suspend": True})
    decision = decide(a_world(tuning, [a_finished_trial(0), a_trial(1)]))
    assert ((), (), False) == (decision.creations, decision.trial_writes, decision.is_finished)


def test_what_is_withdrawn_takes_a_place_of_its_own_where_a_record_was_deleted() -> None:
    kept = a_finished_trial(1, completion_index=1)  # trial 0, which had place 0, was deleted
    decision = decide(a_world(stopped_tuning(), [kept, a_trial(2)], []))
    places = [trial.status.completion_index for trial in decision.trials if trial.is_finished]
    assert [1, 2] == places
