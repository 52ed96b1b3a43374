"""A tuning with its trials, as an export finds it on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builders import a_finished_trial, a_tuning

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType
from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import Answer, DeploymentTuning, TuningStatus

PLACE = "a test"


def recorded(
    trials: Sequence[TuningTrial] = (), tuning: DeploymentTuning | None = None
) -> RecordedTuning:
    """A tuning on record with these trials."""
    return RecordedTuning(tuning or a_tuning(), tuple(trials), PLACE)


def a_condition(kind: ConditionType, status: ConditionStatus, reason: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, last_transition_time="then")


def a_status(
    best: TuningTrial | None, *, finished: bool = True, reason: str = "BudgetExhausted"
) -> TuningStatus:
    """The status of a tuning that has ended, or has not."""
    succeeded = ConditionStatus.TRUE if best is not None else ConditionStatus.FALSE
    if not finished:
        succeeded = ConditionStatus.UNKNOWN
    ended = ConditionStatus.TRUE if finished else ConditionStatus.FALSE
    return TuningStatus(
        conditions=(
            a_condition(ConditionType.FINISHED, ended, reason),
            a_condition(ConditionType.SUCCEEDED, succeeded, reason),
        ),
        best=None if best is None else an_answer(best),
    )


def an_answer(best: TuningTrial) -> Answer:
    return Answer(
        trial=best.metadata.name,
        pool=best.spec.pool,
        parameters=best.spec.parameters,
        metrics={key: figure.value for key, figure in best.status.metrics.items()},
    )


def an_answered(
    tuning: DeploymentTuning | None = None, best: TuningTrial | None = None, **status: Any
) -> RecordedTuning:
    """A tuning that has ended with its second trial as the winner."""
    tuning = tuning or a_tuning()
    pool = tuning.spec.node_pools[0].name
    best = best or a_finished_trial(1, pool=pool, name=tuning.metadata.name)
    answered = tuning.model_copy(update={"status": a_status(best, **status)})
    return recorded([a_finished_trial(0, pool=pool, name=tuning.metadata.name), best], answered)


def a_confirmation(index: int, of: int, **trial: Any) -> TuningTrial:
    """A trial that measures another one again."""
    return a_finished_trial(index, purpose=Purpose.CONFIRM, confirms=of, **trial)
