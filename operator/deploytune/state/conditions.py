"""What each state of a tuning sets on each condition: one table.

    state                             Finished  Succeeded  Progressing  Degraded
    running, stopping                 False     Unknown    True         False, or what to mend
    suspended                         False     Unknown    False        as while it runs
    BudgetExhausted, SpaceExhausted,
      Converged, Stopped              True      True       False        False
    NoFeasibleConfiguration           True      False      False        False
    InvalidSpec                       True      False      False        True
    TooManyInfrastructureFailures     True      False      False        True
    Cancelled                         True      False      False        False

`FeasibleFound` is True exactly while a configuration stands that met every limit; `Suspended` while
`spec.suspend` is true and the tuning has not ended. While it runs, the reason of `Progressing` is
Stopping while `spec.stop` is true, else PreflightWarns as long as something is foreseen that keeps
Pods from running.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploytune.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)
from deploytune.state.timestamps import to_timestamp
from deploytune.state.troubles import Trouble

_TRUE, _FALSE, _UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

_STOPPING = "spec.stop is true: nothing more is tried, the best so far is confirmed"


@dataclass(frozen=True)
class TerminalRow:
    """What a terminal reason sets."""

    succeeded: ConditionStatus
    degraded: ConditionStatus


TERMINAL = {
    Reason.BUDGET_EXHAUSTED: TerminalRow(_TRUE, _FALSE),
    Reason.SPACE_EXHAUSTED: TerminalRow(_TRUE, _FALSE),
    Reason.CONVERGED: TerminalRow(_TRUE, _FALSE),
    Reason.STOPPED: TerminalRow(_TRUE, _FALSE),
    Reason.NO_FEASIBLE_CONFIGURATION: TerminalRow(_FALSE, _FALSE),
    Reason.INVALID_SPEC: TerminalRow(_FALSE, _TRUE),
    Reason.TOO_MANY_INFRASTRUCTURE_FAILURES: TerminalRow(_FALSE, _TRUE),
    Reason.CANCELLED: TerminalRow(_FALSE, _FALSE),
}


@dataclass(frozen=True)
class Course:
    """Where a tuning is: `reason` is why it ends, None while nothing ends it.

    It is ending while attempts still run, and `is_finished` when none does. `waits_for` says what
    trials that are to run wait for, `foreseen` what is against them as the cluster looked at the
    beginning, `degraded_by` what is to be mended. `feasible_left_at_most` is what hope was left
    where nothing was feasible in the end, None where nobody can say.
    """

    reason: Reason | None = None
    message: str = ""
    is_finished: bool = False
    is_suspended: bool = False
    is_stopping: bool = False
    waits_for: str = ""
    foreseen: str = ""
    degraded_by: tuple[Trouble, ...] = ()
    feasible_left_at_most: float | None = None

    @property
    def ends_attempts(self) -> bool:
        """Whether what runs is ended by us."""
        return self.reason is not None or self.is_suspended


def conditions_of(
    before: tuple[Condition, ...],
    course: Course,
    *,
    feasible_found: bool,
    now: datetime,
    generation: int | None = None,
) -> tuple[Condition, ...]:
    """Return the conditions, transition times kept where the status stays."""
    values = _ended(course) if course.is_finished else _running(course)
    values[ConditionType.SUSPENDED] = _suspended(course)
    values[ConditionType.FEASIBLE_FOUND] = _feasible_found(course, feasible_found=feasible_found)
    values[ConditionType.DEGRADED] = _degraded(course)
    conditions = before
    for kind in ConditionType:
        conditions = set_condition(conditions, kind, values[kind], to_timestamp(now), generation)
    return conditions


def _running(course: Course) -> dict[ConditionType, Said]:
    return {
        ConditionType.FINISHED: Said(_FALSE, Reason.RUNNING),
        ConditionType.SUCCEEDED: Said(_UNKNOWN, Reason.RUNNING),
        ConditionType.PROGRESSING: _progressing(course),
    }


def _progressing(course: Course) -> Said:
    if course.is_suspended:
        return Said(_FALSE, Reason.SUSPENDED)
    if course.is_stopping:
        return Said(_TRUE, Reason.STOPPING, course.waits_for or _STOPPING)
    if course.foreseen:
        said = (course.foreseen, course.waits_for)
        return Said(_TRUE, Reason.PREFLIGHT_WARNS, "; ".join(filter(None, said)))
    return Said(_TRUE, Reason.RUNNING, course.waits_for)


def _suspended(course: Course) -> Said:
    if course.is_suspended:
        return Said(_TRUE, Reason.SUSPENDED, "spec.suspend is true")
    return Said(_FALSE, Reason.NOT_SUSPENDED)


def _ended(course: Course) -> dict[ConditionType, Said]:
    assert course.reason is not None, "what has ended has a reason"
    succeeded = TERMINAL[course.reason].succeeded
    return {
        ConditionType.FINISHED: Said(_TRUE, course.reason, course.message),
        ConditionType.SUCCEEDED: Said(succeeded, course.reason, course.message),
        ConditionType.PROGRESSING: Said(_FALSE, course.reason),
    }


def _degraded(course: Course) -> Said:
    if course.reason is None and course.degraded_by:
        return _mend(course.degraded_by)
    if course.reason is None or TERMINAL[course.reason].degraded is _FALSE:
        return Said(_FALSE, Reason.AS_EXPECTED)
    return Said(_TRUE, course.reason, course.message)


def _mend(troubles: tuple[Trouble, ...]) -> Said:
    """Return the first trouble, and how many others there are."""
    first, *others = troubles
    more = f" (and {len(others)} more)" if others else ""
    return Said(_TRUE, first.reason, f"{first.message}{more}")


def _feasible_found(course: Course, *, feasible_found: bool) -> Said:
    if feasible_found:
        return Said(_TRUE, Reason.FEASIBLE_CONFIGURATION)
    if course.is_finished and course.reason is Reason.NO_FEASIBLE_CONFIGURATION:
        return Said(_FALSE, course.reason)
    return Said(_FALSE, Reason.NOTHING_FEASIBLE_YET)
