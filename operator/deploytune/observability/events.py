"""What is worth a Kubernetes Event: the difference between two statuses of a tuning.

One event a change, none for what stays as it is. A Warning is for what a human should look at; that
stands in a condition too, so nothing is lost with an event.

    Started, Suspended, Resumed         the course of the tuning
    PreflightWarns (Warning)            Pods will wait, as the cluster looks before the first one
    FeasibleFound, NewBest              the answer so far
    Confirming                          the search is over, the best is measured again
    a reason of Degraded (Warning)      something is to be mended
    Recovered                           it was
    a terminal reason                   the end; a Warning without an answer, unless cancelled
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType, Reason
from deploytune.api.tuning_status import Answer, TuningStatus
from deploytune.state.plan import CONFIRMING


class EventReason(StrEnum):
    """The reasons that are no condition's."""

    STARTED = "Started"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    FEASIBLE_FOUND = "FeasibleFound"
    NEW_BEST = "NewBest"
    CONFIRMING = "Confirming"
    RECOVERED = "Recovered"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a tuning."""

    reason: str
    message: str
    is_warning: bool = False


def events_between(before: TuningStatus | None, after: TuningStatus) -> tuple[Event, ...]:
    """Return what happened between two statuses, in the order in which it reads best."""
    before = before or TuningStatus()
    return tuple(event for rule in _RULES for event in rule(before, after))


def _started(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if before.start_time is None and after.start_time is not None and not _is_finished(after):
        yield Event(EventReason.STARTED, "the tuning is being worked on")


def _foreseen(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    was, now = _true(before, ConditionType.PROGRESSING), _true(after, ConditionType.PROGRESSING)
    if now is None or now.reason != Reason.PREFLIGHT_WARNS:
        return
    if was is None or _said(was) != _said(now):
        yield Event(now.reason, now.message, is_warning=True)


def _suspended(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    was, now = _holds(before, ConditionType.SUSPENDED), _holds(after, ConditionType.SUSPENDED)
    if now and not was:
        yield Event(EventReason.SUSPENDED, "running trials end, and will run again")
    if was and not now and not _is_finished(after):
        yield Event(EventReason.RESUMED, "trials run again")


def _improved(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if after.best is None or (before.best is not None and before.best.trial == after.best.trial):
        return
    reason = EventReason.NEW_BEST if before.best is not None else EventReason.FEASIBLE_FOUND
    yield Event(reason, _described(after.best))


def _confirming(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if after.search_stage == CONFIRMING and before.search_stage != CONFIRMING:
        yield Event(EventReason.CONFIRMING, "the search is over; the best is measured again")


def _degraded(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if _is_finished(after):
        return
    was, now = _true(before, ConditionType.DEGRADED), _true(after, ConditionType.DEGRADED)
    if now is not None and (was is None or _said(was) != _said(now)):
        yield Event(now.reason, now.message, is_warning=True)
    if was is not None and now is None:
        yield Event(EventReason.RECOVERED, f"over: {was.reason}")


def _finished(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    end = _true(after, ConditionType.FINISHED)
    if end is None or _is_finished(before):
        return
    is_as_asked = _holds(after, ConditionType.SUCCEEDED) or end.reason == Reason.CANCELLED
    yield Event(end.reason, end.message or "the tuning has ended", is_warning=not is_as_asked)


def _described(answer: Answer) -> str:
    parameters = " ".join(f"{name}={value}" for name, value in answer.parameters.items())
    where = f" on {answer.pool}" if answer.pool else ""
    return f"{answer.trial}{where}: {parameters}"


def _said(condition: Condition) -> tuple[str, str]:
    return condition.reason, condition.message


def _is_finished(status: TuningStatus) -> bool:
    return _holds(status, ConditionType.FINISHED)


def _holds(status: TuningStatus, kind: ConditionType) -> bool:
    return _true(status, kind) is not None


def _true(status: TuningStatus, kind: ConditionType) -> Condition | None:
    """Return the condition if it is True."""
    matching = (condition for condition in status.conditions if condition.type == kind)
    return next((one for one in matching if one.status is ConditionStatus.TRUE), None)


_Rule = Callable[[TuningStatus, TuningStatus], Iterator[Event]]
_RULES: tuple[_Rule, ...] = (
    _started,
    _foreseen,
    _suspended,
    _improved,
    _confirming,
    _degraded,
    _finished,
)
