"""What is worth a Kubernetes Event: the difference between two statuses of a tuning.

One event a change, none for what stays as it is. A Warning is for what a human should look at; that
stands in a condition too, so nothing is lost with an event.

    Started, Suspended, Resumed         the course of the tuning
    PreflightWarns (Warning)            Pods will wait, as the cluster looks before the first one
    Stopping                            its user has ended the search
    SubspaceClosed, SubspaceOpened      what the strategy does not propose for a while
    FeasibleFound, NewBest              the answer so far
    Refuted                             the best did not stand its confirmations
    Exploring, Exploiting, Confirming   the search has entered another stage
    a reason of Degraded (Warning)      something is to be mended
    Recovered                           it was
    a terminal reason                   the end; a Warning without an answer, unless cancelled
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType, Reason
from deploytune.api.tuning_status import Answer, ClosedSubspace, TuningStatus
from deploytune.search.proposals import SearchStage
from deploytune.state.plan import CONFIRMING

_STAGES = {
    SearchStage.EXPLORING: "the search looks for what runs and keeps the limits",
    SearchStage.EXPLOITING: "the search looks for the best of what keeps the limits",
    CONFIRMING: "the search is over; the best is measured again",
}


class EventReason(StrEnum):
    """The reasons that are no condition's."""

    STARTED = "Started"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    FEASIBLE_FOUND = "FeasibleFound"
    NEW_BEST = "NewBest"
    STOPPING = "Stopping"
    SUBSPACE_CLOSED = "SubspaceClosed"
    SUBSPACE_OPENED = "SubspaceOpened"
    REFUTED = "Refuted"
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


def _stopping(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    was, now = _is_stopping(before), _is_stopping(after)
    if now and not was:
        yield Event(EventReason.STOPPING, "nothing more is tried; the best so far is confirmed")


def _closed(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if _is_finished(after):
        return
    was = {(one.parameter, one.value): one for one in before.closed_subspaces}
    now = {(one.parameter, one.value): one for one in after.closed_subspaces}
    for key, closed in now.items():
        if key not in was:
            trials = f"{closed.failures} trials in a row with it failed"
            until = f"not proposed until {closed.until_trials} trials have ended"
            yield Event(EventReason.SUBSPACE_CLOSED, f"{_assigned(closed)} is {until}: {trials}")
    for key, closed in was.items():
        if key not in now:
            yield Event(EventReason.SUBSPACE_OPENED, f"{_assigned(closed)} may be tried again")


def _refuted(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if before.best is None or before.search_stage != CONFIRMING:
        return
    if after.best is None or after.best.trial != before.best.trial:
        message = f"{before.best.trial} did not stand its confirmations"
        yield Event(EventReason.REFUTED, message)


def _improved(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    if after.best is None or (before.best is not None and before.best.trial == after.best.trial):
        return
    reason = EventReason.NEW_BEST if before.best is not None else EventReason.FEASIBLE_FOUND
    yield Event(reason, _described(after.best))


def _entered_stage(before: TuningStatus, after: TuningStatus) -> Iterator[Event]:
    """Yield the stage that the search is in now; that it begins with one is no change."""
    is_first = before.search_stage is None and after.search_stage != CONFIRMING
    if after.search_stage is None or after.search_stage == before.search_stage or is_first:
        return
    yield Event(after.search_stage, _STAGES.get(after.search_stage, "the search goes on so"))


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


def _is_stopping(status: TuningStatus) -> bool:
    said = _true(status, ConditionType.PROGRESSING)
    return said is not None and said.reason == Reason.STOPPING


def _assigned(closed: ClosedSubspace) -> str:
    return f"{closed.parameter}={closed.value}"


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
    _stopping,
    _closed,
    _refuted,
    _improved,
    _entered_stage,
    _degraded,
    _finished,
)
