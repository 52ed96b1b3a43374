"""Halts, and the end of the search."""

from __future__ import annotations

from typing import Any

from builders import (
    a_finished_trial,
    a_trial,
    a_tuning,
    a_world,
    at,
)

from deploytune.api.conditions import Reason
from deploytune.api.translate import problem_of
from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.stopping import (
    MAX_ABANDONED_IN_A_ROW,
    OUTAGE_SECONDS,
    why_halted,
    why_search_ends,
)
from deploytune.state.timestamps import to_timestamp


def an_abandoned_trial(index: int, completed_at: float = 50.0) -> TuningTrial:
    return a_finished_trial(
        index, OutcomeKind.INFRASTRUCTURE, cause=Cause.DISRUPTED, completed_at=completed_at
    )


def a_misconfigured_trial(index: int = 0) -> TuningTrial:
    record = AttemptRecord(
        attempt=0,
        outcome=OutcomeKind.MISCONFIGURED,
        message="no torch",
        end_time=to_timestamp(at(5)),
    )
    return a_trial(index).model_copy(update={"status": TrialStatusRecord(attempts=(record,))})


def _halt(*trials: TuningTrial, **world: Any) -> Reason | None:
    halt = why_halted(a_world(trials=trials, **world), trials)
    return None if halt is None else halt.reason


def test_a_misconfigured_trial_halts_the_tuning_and_says_why() -> None:
    trial = a_misconfigured_trial()
    halt = why_halted(a_world(trials=[trial]), (trial,))
    assert halt is not None
    assert (Reason.INVALID_SPEC, "tune-0: no torch") == (halt.reason, halt.message)


def test_what_was_misconfigured_before_this_run_is_tried_again() -> None:
    assert None is _halt(a_misconfigured_trial(), resumed=6.0)


def test_a_misconfigured_trial_whose_new_attempt_failed_otherwise_goes_on() -> None:
    trial = a_misconfigured_trial()
    later = AttemptRecord(attempt=1, outcome=OutcomeKind.INFRASTRUCTURE)
    status = trial.status.replace(attempts=(*trial.status.attempts, later))
    assert None is _halt(trial.model_copy(update={"status": status}))


def test_too_many_abandoned_trials_in_a_row_halt_the_tuning() -> None:
    trials = [an_abandoned_trial(index) for index in range(MAX_ABANDONED_IN_A_ROW)]
    assert None is _halt(*trials[:-1])
    assert Reason.TOO_MANY_INFRASTRUCTURE_FAILURES is _halt(*trials)


def test_a_short_outage_does_not_end_a_tuning_of_a_cluster() -> None:
    def in_a_row(seconds: float) -> Reason | None:
        ends = (0.0, seconds / 2, seconds)
        trials = [an_abandoned_trial(index, 50.0 + end) for index, end in enumerate(ends)]
        return _halt(*trials, waits_for_mending=True)

    assert None is in_a_row(OUTAGE_SECONDS - 1)
    assert Reason.TOO_MANY_INFRASTRUCTURE_FAILURES is in_a_row(OUTAGE_SECONDS)


def test_trials_that_were_given_up_are_no_outage() -> None:
    withdrawn = [
        a_finished_trial(index, OutcomeKind.INFRASTRUCTURE, cause=Cause.INTERRUPTED)
        for index in range(MAX_ABANDONED_IN_A_ROW)
    ]
    assert None is _halt(*withdrawn)


def test_an_outcome_between_them_breaks_the_row() -> None:
    told = a_finished_trial(1, OutcomeKind.CRASHED)
    trials = [an_abandoned_trial(0), told, an_abandoned_trial(2), an_abandoned_trial(3)]
    assert None is _halt(*trials)


def test_what_infrastructure_spoiled_before_this_run_is_forgiven() -> None:
    trials = [an_abandoned_trial(index) for index in range(MAX_ABANDONED_IN_A_ROW)]
    assert None is _halt(*trials, resumed=60.0)


def _search_end(tuning: DeploymentTuning, *trials: TuningTrial, now: float = 0.0) -> Reason | None:
    world = a_world(tuning, trials, now=now)
    return why_search_ends(problem_of(tuning.spec), world, trials)


def test_the_search_ends_with_its_budget_of_trials() -> None:
    tuning = a_tuning(max_trials=2)
    assert None is _search_end(tuning, a_finished_trial(0))
    assert Reason.BUDGET_EXHAUSTED is _search_end(tuning, a_finished_trial(0), a_trial(1))


def test_the_search_ends_when_its_time_is_up() -> None:
    tuning = a_tuning(budget={"maxDurationSeconds": 30})
    begun = tuning.model_copy(update={"status": TuningStatus(start_time=to_timestamp(at(10)))})
    assert None is _search_end(tuning, now=1000.0)
    assert None is _search_end(begun, now=39.0)
    assert Reason.BUDGET_EXHAUSTED is _search_end(begun, now=40.0)


def test_the_search_ends_with_its_space() -> None:
    parameters = [{"name": "level", "type": "Integer", "min": 0, "max": 1}]
    tuning = a_tuning(parameters=parameters)
    trials = [a_finished_trial(index, parameters={"level": index}) for index in range(2)]
    assert None is _search_end(tuning, trials[0])
    assert Reason.SPACE_EXHAUSTED is _search_end(tuning, *trials)
