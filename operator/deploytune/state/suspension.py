"""How long a tuning was suspended: those seconds count against no budget."""

from __future__ import annotations

from datetime import datetime

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType
from deploytune.api.tuning import TuningStatus
from deploytune.state.timestamps import from_timestamp


def suspended_seconds(status: TuningStatus, now: datetime) -> float:
    """Return the seconds of all suspensions, the present one included."""
    suspended = _suspended(status)
    if suspended is None:
        return status.suspended_seconds
    since = from_timestamp(suspended.last_transition_time)
    return status.suspended_seconds + max(0.0, (now - since).total_seconds())


def suspensions_over(status: TuningStatus, now: datetime, *, is_suspended: bool) -> float:
    """Return the seconds of the suspensions that are over, if it is or is not suspended now."""
    return status.suspended_seconds if is_suspended else suspended_seconds(status, now)


def _suspended(status: TuningStatus) -> Condition | None:
    for condition in status.conditions:
        if condition.type == ConditionType.SUSPENDED and condition.status is ConditionStatus.TRUE:
            return condition
    return None
