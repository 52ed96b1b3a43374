"""Verdicts become records: attempts, outcomes, completion indices."""

from __future__ import annotations

import pytest
from builders import (
    MEMORY,
    OBJECTIVE,
    a_finished_trial,
    a_report,
    a_trial,
    a_tuning,
    an_attempt,
    an_ending,
    at,
)

from deploytune.api.translate import problem_of
from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.contract.stages import Stage
from deploytune.state.settle import MOST_RECORDS, settle
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import Attempt, EndedBy, Ending

PROBLEM = problem_of(a_tuning().spec)
KILLED = an_ending(exit_code=-15)
INTERRUPTED = an_ending(exit_code=-15, ended_by=EndedBy.LOST_OWNER)


def _settled(*attempts: Attempt, infra_retries: int = 1) -> TuningTrial:
    trial = a_trial()
    for attempt in attempts:
        (trial,) = settle(PROBLEM, a_tuning(infra_retries=infra_retries), (trial,), (attempt,))
    return trial


def test_a_report_is_put_on_record() -> None:
    message = a_report(
        OutcomeKind.INFEASIBLE,
        cause=Cause.LIMIT_MISSED,
        memory=400.0,
        uncertain=True,
        message="too much",
        stage_seconds={Stage.BUILD: 2.0},
        waited_seconds=3.0,
        facts={"tritonVersion": "2"},
    )
    status = _settled(an_attempt(started=10.0, ending=an_ending(message, seconds=5.0))).status
    assert (OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED) == (status.outcome, status.cause)
    assert ("too much", True, Stage.REPORT) == (
        status.message,
        status.uncertain,
        status.reached_stage,
    )
    assert Measurement(value=400.0) == status.metrics[MEMORY]
    assert pytest.approx({MEMORY: 0.5}) == status.violations
    assert ({Stage.BUILD: 2.0}, 3.0) == (status.stage_seconds, status.waited_seconds)
    assert {"tritonVersion": "2"} == status.facts
    assert (to_timestamp(at(10)), to_timestamp(at(15))) == (
        status.start_time,
        status.completion_time,
    )
    assert (0, 5.0) == (status.completion_index, status.trial_seconds)


def test_a_crash_has_no_metrics_and_no_violations() -> None:
    status = _settled(an_attempt(ending=an_ending(exit_code=-11))).status
    assert OutcomeKind.CRASHED is status.outcome
    assert ({}, {}) == (status.metrics, status.violations)


def test_two_limits_on_one_metric_show_the_larger_violation() -> None:
    spec = a_tuning().spec
    band = (spec.constraints[0], spec.constraints[0].replace(max=None, min=150.0))
    problem = problem_of(spec.replace(constraints=band))
    attempt = an_attempt(ending=an_ending(a_report(OutcomeKind.INFEASIBLE, memory=75.0)))
    (trial,) = settle(problem, a_tuning(), (a_trial(),), (attempt,))
    assert pytest.approx(1 / 3) == trial.status.violations[MEMORY]


def test_an_infrastructure_failure_leaves_the_trial_unfinished() -> None:
    trial = _settled(an_attempt(ending=KILLED))
    assert not trial.is_finished
    assert [OutcomeKind.INFRASTRUCTURE] == [record.outcome for record in trial.status.attempts]


def test_spent_retries_finish_the_trial_untold() -> None:
    trial = _settled(an_attempt(ending=KILLED), an_attempt(attempt=1, ending=KILLED))
    assert OutcomeKind.INFRASTRUCTURE is trial.status.outcome
    assert 2.0 == trial.status.trial_seconds


def test_interruptions_never_spend_the_retries() -> None:
    attempts = [an_attempt(attempt=number, ending=INTERRUPTED) for number in range(10)]
    assert not _settled(*attempts, infra_retries=0).is_finished


def test_a_misconfigured_trial_waits_for_its_user() -> None:
    report = a_report(OutcomeKind.MISCONFIGURED, cause=Cause.BAD_PARAMETER)
    trial = _settled(an_attempt(ending=an_ending(report)))
    assert not trial.is_finished
    assert OutcomeKind.MISCONFIGURED is trial.status.attempts[-1].outcome


def test_an_outcome_after_a_retry_keeps_both_attempts() -> None:
    report = an_ending(a_report(attempt=1), seconds=2.0)
    trial = _settled(an_attempt(ending=KILLED), an_attempt(attempt=1, started=9.0, ending=report))
    assert OutcomeKind.FEASIBLE is trial.status.outcome
    assert to_timestamp(at(0)) == trial.status.start_time
    assert 3.0 == trial.status.trial_seconds
    assert metrics_shown(trial) == {OBJECTIVE: 100.0, MEMORY: 100.0}


def test_completion_indices_follow_the_given_order() -> None:
    ended = tuple(an_attempt(index, ending=an_ending(a_report(index=index))) for index in (5, 3, 4))
    trials = (a_finished_trial(0, completion_index=6), a_trial(3), a_trial(4), a_trial(5))
    settled = settle(PROBLEM, a_tuning(), trials, ended)
    assert {5: 7, 3: 8, 4: 9} == {t.spec.index: t.status.completion_index for t in settled}


def metrics_shown(trial: TuningTrial) -> dict[str, float]:
    return {key: measured.value for key, measured in trial.status.metrics.items()}


def test_an_unfinished_trial_takes_no_completion_index() -> None:
    ended = (
        an_attempt(0, ending=KILLED),
        an_attempt(1, ending=an_ending(a_report(index=1))),
    )
    settled = settle(PROBLEM, a_tuning(), (a_trial(0), a_trial(1)), ended)
    assert [None, 0] == [trial.status.completion_index for trial in settled]


@pytest.mark.parametrize("ending", [KILLED, INTERRUPTED], ids=["killed", "interrupted"])
def test_several_attempts_of_a_trial_are_settled_in_one_pass(ending: Ending) -> None:
    ended = tuple(an_attempt(0, number, started=number, ending=ending) for number in range(2))
    (trial,) = settle(PROBLEM, a_tuning(infra_retries=3), (a_trial(),), ended)
    assert [0, 1] == [record.attempt for record in trial.status.attempts]


def test_days_of_misconfigured_attempts_are_told_together() -> None:
    trial = a_trial()
    for number in range(MOST_RECORDS + 10):
        report = a_report(OutcomeKind.MISCONFIGURED, attempt=number, cause=Cause.BAD_WORKLOAD)
        attempt = an_attempt(attempt=number, started=number, ending=an_ending(report))
        (trial,) = settle(PROBLEM, a_tuning(), (trial,), (attempt,))
    records = trial.status.attempts
    assert (MOST_RECORDS, MOST_RECORDS + 10.0) == (len(records), trial.status.trial_seconds)
    assert MOST_RECORDS + 9 == records[-1].attempt
    assert all(trial.record_of(number) is not None for number in range(MOST_RECORDS + 10))
    assert None is trial.record_of(MOST_RECORDS + 10)
