"""The status of a tuning that could not be worked on: its spec is refused, or a pass has thrown."""

from __future__ import annotations

from datetime import datetime

from deploytune.api.conditions import (
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)
from deploytune.api.tuning import TuningStatus
from deploytune.contract.errors import InvalidTuningError
from deploytune.state.conditions import Course, conditions_of
from deploytune.state.timestamps import to_timestamp


def refused_spec(
    before: TuningStatus | None,
    error: InvalidTuningError,
    generation: int | None,
    now: datetime,
) -> TuningStatus:
    """Return the status of a tuning that has ended because its spec breaks a rule."""
    before = before or TuningStatus()
    course = Course(Reason.INVALID_SPEC, str(error), is_finished=True)
    return before.replace(
        observed_generation=generation,
        conditions=conditions_of(
            before.conditions, course, feasible_found=False, now=now, generation=generation
        ),
        start_time=before.start_time or to_timestamp(now),
        completion_time=before.completion_time or to_timestamp(now),
    )


def reconcile_failed(
    before: TuningStatus | None, error: Exception, generation: int | None, now: datetime
) -> TuningStatus:
    """Return the status of a tuning whose pass has thrown; the next one that succeeds clears it."""
    before = before or TuningStatus()
    return before.replace(
        conditions=set_condition(
            before.conditions,
            ConditionType.DEGRADED,
            Said(
                ConditionStatus.TRUE,
                Reason.RECONCILE_FAILED,
                f"{type(error).__name__}: {error}",
            ),
            to_timestamp(now),
            generation,
        )
    )
