"""What each state of a tuning sets on each condition: one table.

    state                             Finished  Succeeded  Progressing  Degraded
    running                           False     Unknown    True         False, or why it will end
    BudgetExhausted, SpaceExhausted,
      Converged                       True      True       False        False
    NoFeasibleConfiguration           True      False      False        False
    InvalidSpec                       True      False      False        True
    TooManyInfrastructureFailures     True      False      False        True

`FeasibleFound` is True exactly while a configuration stands that met every limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploytune.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    set_condition,
)
from deploytune.state.timestamps import to_timestamp

_Said = tuple[ConditionStatus, Reason, str]

_TRUE, _FALSE, _UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True)
class TerminalRow:
    """What a terminal reason sets."""

    succeeded: ConditionStatus
    degraded: ConditionStatus


TERMINAL = {
    Reason.BUDGET_EXHAUSTED: TerminalRow(_TRUE, _FALSE),
    Reason.SPACE_EXHAUSTED: TerminalRow(_TRUE, _FALSE),
    Reason.CONVERGED: TerminalRow(_TRUE, _FALSE),
    Reason.NO_FEASIBLE_CONFIGURATION: TerminalRow(_FALSE, _FALSE),
    Reason.INVALID_SPEC: TerminalRow(_FALSE, _TRUE),
    Reason.TOO_MANY_INFRASTRUCTURE_FAILURES: TerminalRow(_FALSE, _TRUE),
}

_DEGRADED_REASONS = {Reason.INVALID_SPEC: Reason.TRIALS_MISCONFIGURED}


@dataclass(frozen=True)
class Course:
    """Where a tuning is: `reason` is why it ends, None while nothing ends it.

    It is ending while attempts still run, and `is_finished` when none does.
    """

    reason: Reason | None = None
    message: str = ""
    is_finished: bool = False


def conditions_of(
    before: tuple[Condition, ...], course: Course, *, feasible_found: bool, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions, transition times kept where the status stays."""
    values = _running() if not course.is_finished else _ended(course)
    values[ConditionType.FEASIBLE_FOUND] = _feasible_found(course, feasible_found=feasible_found)
    values[ConditionType.DEGRADED] = _degraded(course)
    conditions = before
    for kind in ConditionType:
        status, reason, message = values[kind]
        conditions = set_condition(conditions, kind, status, reason, message, to_timestamp(now))
    return conditions


def _running() -> dict[ConditionType, _Said]:
    return {
        ConditionType.FINISHED: (_FALSE, Reason.RUNNING, ""),
        ConditionType.SUCCEEDED: (_UNKNOWN, Reason.RUNNING, ""),
        ConditionType.PROGRESSING: (_TRUE, Reason.RUNNING, ""),
    }


def _ended(course: Course) -> dict[ConditionType, _Said]:
    assert course.reason is not None, "what has ended has a reason"
    succeeded = TERMINAL[course.reason].succeeded
    return {
        ConditionType.FINISHED: (_TRUE, course.reason, course.message),
        ConditionType.SUCCEEDED: (succeeded, course.reason, course.message),
        ConditionType.PROGRESSING: (_FALSE, course.reason, ""),
    }


def _degraded(course: Course) -> _Said:
    if course.reason is None or TERMINAL[course.reason].degraded is _FALSE:
        return _FALSE, Reason.AS_EXPECTED, ""
    return _TRUE, _DEGRADED_REASONS.get(course.reason, course.reason), course.message


def _feasible_found(course: Course, *, feasible_found: bool) -> _Said:
    if feasible_found:
        return _TRUE, Reason.FEASIBLE_CONFIGURATION, ""
    if course.is_finished and course.reason is Reason.NO_FEASIBLE_CONFIGURATION:
        return _FALSE, course.reason, ""
    return _FALSE, Reason.NOTHING_FEASIBLE_YET, ""
