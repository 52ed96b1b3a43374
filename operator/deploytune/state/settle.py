"""Verdicts on ended attempts, put on record in their trials.

A trial is finished when its verdict is told to the search, or when its failures of infrastructure
have spent the retries. Interruptions of the run count against no retries, and a misconfigured trial
waits for its user.
"""

from __future__ import annotations

from itertools import pairwise, takewhile

from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningSpec
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.search.problem import Problem
from deploytune.search.violations import violation_of
from deploytune.state.classify import AttemptIdentity, Verdict, classify
from deploytune.state.observe import next_place
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import Attempt

MOST_RECORDS = 50
"""Attempts on record one by one; the oldest that ended alike are then told together."""


def settle(
    problem: Problem,
    tuning: DeploymentTuning,
    trials: tuple[TuningTrial, ...],
    ended: tuple[Attempt, ...],
) -> tuple[TuningTrial, ...]:
    """Return the trials of the ended attempts with their verdicts, each once."""
    by_index = {trial.spec.index: trial for trial in trials}
    settled: dict[int, TuningTrial] = {}
    place = next_place(trials)
    for attempt in ended:
        trial = settled.get(attempt.trial_index, by_index[attempt.trial_index])
        recorded = _record(problem, tuning, trial, attempt, place)
        settled[attempt.trial_index] = recorded
        place += recorded.is_finished
    return tuple(settled.values())


def infrastructure_failures(attempts: tuple[AttemptRecord, ...]) -> int:
    """Return how many attempts failed by infrastructure, our own interruptions left out."""
    return sum(
        attempt.outcome is OutcomeKind.INFRASTRUCTURE and attempt.cause is not Cause.INTERRUPTED
        for attempt in attempts
    )


def misconfigured_in_a_row(attempts: tuple[AttemptRecord, ...]) -> int:
    """Return how many of the last attempts ended because something is to be mended."""
    latest = reversed(attempts)
    return sum(1 for _ in takewhile(lambda one: one.outcome is OutcomeKind.MISCONFIGURED, latest))


def accelerators_of(spec: TuningSpec, trial: TuningTrial) -> int:
    """Return how many accelerators each attempt of a trial holds."""
    return next(p.resources.devices for p in spec.node_pools if p.name == trial.spec.pool)


def _record(
    problem: Problem, tuning: DeploymentTuning, trial: TuningTrial, attempt: Attempt, place: int
) -> TuningTrial:
    assert attempt.ending is not None, "only ended attempts are settled"
    verdict = classify(_identity(problem, trial, attempt), attempt.ending, trial.status.attempts)
    record = _attempt_record(verdict, attempt, accelerators_of(tuning.spec, trial))
    attempts = _folded((*trial.status.attempts, record))
    status = trial.status.replace(
        attempts=attempts,
        start_time=trial.status.start_time or to_timestamp(attempt.started_at),
        trial_seconds=sum(each.seconds for each in attempts),
    )
    if _is_final(verdict, attempts, tuning.spec.trial.infra_retries):
        status = _finish(problem, status, verdict, attempt, place)
    return trial.model_copy(update={"status": status})


def _folded(attempts: tuple[AttemptRecord, ...]) -> tuple[AttemptRecord, ...]:
    """Return the records, two that ended alike as one where there are too many.

    A trial that waits for its user is tried for days, and a tuning may be suspended often; neither
    counts against the retries.
    """
    if len(attempts) <= MOST_RECORDS:
        return attempts
    for place, (one, other) in enumerate(pairwise(attempts)):
        alike = (one.outcome, one.cause) == (other.outcome, other.cause)
        if alike and (_counts_for_nothing(one)):
            both = other.replace(
                seconds=one.seconds + other.seconds,
                accelerator_seconds=one.accelerator_seconds + other.accelerator_seconds,
            )
            return (*attempts[:place], both, *attempts[place + 2 :])
    return attempts


def _counts_for_nothing(record: AttemptRecord) -> bool:
    return record.outcome is OutcomeKind.MISCONFIGURED or record.cause is Cause.INTERRUPTED


def _attempt_record(verdict: Verdict, attempt: Attempt, accelerators: int) -> AttemptRecord:
    assert attempt.ending is not None, "only ended attempts are put on record"
    assert attempt.ended_at is not None, "what has an ending has ended"
    place = attempt.place
    return AttemptRecord(
        attempt=attempt.attempt,
        outcome=verdict.outcome,
        cause=verdict.cause,
        rule=verdict.rule,
        message=verdict.message,
        seconds=attempt.ending.seconds,
        accelerator_seconds=attempt.ending.seconds * accelerators,
        end_time=to_timestamp(attempt.ended_at),
        pod=None if place is None else place.pod,
        node=None if place is None else place.node,
        devices=None if place is None else place.devices,
        image_id=None if place is None else place.image_id,
        template=None if place is None else place.template,
    )


def _identity(problem: Problem, trial: TuningTrial, attempt: Attempt) -> AttemptIdentity:
    return AttemptIdentity(
        trial=trial.metadata.name,
        index=attempt.trial_index,
        attempt=attempt.attempt,
        limits=tuple(constraint.limit for constraint in problem.constraints),
        objectives=(problem.objective.metric,),
        node=None if attempt.place is None else attempt.place.node,
        not_exclusive=None if attempt.place is None else attempt.place.not_exclusive,
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
