"""Verdicts on ended attempts, put on record in their trials.

A trial is finished when its verdict is told to the search, or when its failures of infrastructure
have spent the retries. Interruptions of the run count against no retries, and a misconfigured trial
waits for its user.
"""

from __future__ import annotations

from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.search.problem import Problem
from deploytune.search.violations import violation_of
from deploytune.state.classify import AttemptIdentity, Verdict, classify
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import Attempt


def settle(
    problem: Problem,
    infra_retries: int,
    trials: tuple[TuningTrial, ...],
    ended: tuple[Attempt, ...],
) -> tuple[TuningTrial, ...]:
    """Return the trials of the ended attempts with their verdicts, each once."""
    by_index = {trial.spec.index: trial for trial in trials}
    settled: dict[int, TuningTrial] = {}
    known = [t.status.completion_index for t in trials if t.status.completion_index is not None]
    place = max(known, default=-1) + 1
    for attempt in ended:
        trial = settled.get(attempt.trial_index, by_index[attempt.trial_index])
        recorded = _record(problem, infra_retries, trial, attempt, place)
        settled[attempt.trial_index] = recorded
        place += recorded.is_finished
    return tuple(settled.values())


def infrastructure_failures(attempts: tuple[AttemptRecord, ...]) -> int:
    """Return how many attempts failed by infrastructure, our own interruptions left out."""
    return sum(
        attempt.outcome is OutcomeKind.INFRASTRUCTURE and attempt.cause is not Cause.INTERRUPTED
        for attempt in attempts
    )


def _record(
    problem: Problem, infra_retries: int, trial: TuningTrial, attempt: Attempt, place: int
) -> TuningTrial:
    assert attempt.ending is not None, "only ended attempts are settled"
    verdict = classify(_identity(problem, trial, attempt), attempt.ending, trial.status.attempts)
    record = AttemptRecord(
        attempt=attempt.attempt,
        outcome=verdict.outcome,
        cause=verdict.cause,
        message=verdict.message,
        seconds=attempt.ending.seconds,
    )
    attempts = (*trial.status.attempts, record)
    status = trial.status.replace(
        attempts=attempts,
        start_time=trial.status.start_time or to_timestamp(attempt.started_at),
        trial_seconds=sum(each.seconds for each in attempts),
    )
    if _is_final(verdict, attempts, infra_retries):
        status = _finish(problem, status, verdict, attempt, place)
    return trial.model_copy(update={"status": status})


def _identity(problem: Problem, trial: TuningTrial, attempt: Attempt) -> AttemptIdentity:
    return AttemptIdentity(
        trial=trial.metadata.name,
        index=attempt.trial_index,
        attempt=attempt.attempt,
        limits=tuple(constraint.limit for constraint in problem.constraints),
        objectives=(problem.objective.metric,),
    )


def _is_final(verdict: Verdict, attempts: tuple[AttemptRecord, ...], infra_retries: int) -> bool:
    if verdict.outcome is OutcomeKind.MISCONFIGURED:
        return False
    return not verdict.outcome.policy.retried or infrastructure_failures(attempts) > infra_retries


def _finish(
    problem: Problem, status: TrialStatusRecord, verdict: Verdict, attempt: Attempt, place: int
) -> TrialStatusRecord:
    assert attempt.ended_at is not None, "only ended attempts finish a trial"
    report = verdict.report
    metrics = {} if report is None else report.metrics
    return status.replace(
        outcome=verdict.outcome,
        cause=verdict.cause,
        message=verdict.message,
        uncertain=report is not None and report.uncertain,
        reached_stage=verdict.stage,
        metrics=metrics,
        violations=_violations(problem, verdict),
        stage_seconds={} if report is None else report.stage_seconds,
        waited_seconds=0.0 if report is None else report.waited_seconds,
        facts={} if report is None else report.facts,
        completion_index=place,
        completion_time=to_timestamp(attempt.ended_at),
    )


def _violations(problem: Problem, verdict: Verdict) -> dict[str, float]:
    """Return the violation of each limited metric; none for a trial that was not measured."""
    metrics = {} if verdict.report is None else verdict.report.metrics
    values = {key: measurement.value for key, measurement in metrics.items()}
    violation = violation_of(problem.constraints, verdict.outcome, values)
    found: dict[str, float] = {}
    for constraint, amount in zip(problem.constraints, violation.by_constraint, strict=False):
        key = constraint.limit.metric
        found[key] = max(amount, found.get(key, 0.0))
    return found
