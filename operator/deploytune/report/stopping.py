"""What stopping a search does, in one line, or why there is nothing to stop."""

from __future__ import annotations

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import Purpose
from deploytune.api.tuning import DeploymentTuning
from deploytune.report.wording import counted
from deploytune.state.plan import CONFIRMING


def why_nothing_to_stop(tuning: DeploymentTuning, *, is_stopped: bool) -> str | None:
    """Return why a search need not be stopped, None if it is to be."""
    name = tuning.metadata.name
    reason = _end_of(tuning)
    if reason is not None:
        return f"{name} has ended already ({reason}): there is nothing to stop"
    if tuning.metadata.deletion_timestamp is not None:
        return f"{name} is being deleted: there is nothing to stop"
    if is_stopped:
        return f"{name} was stopped already, and is on its way to its end{_suspended(tuning)}"
    if tuning.status is not None and tuning.status.search_stage == CONFIRMING:
        return f"{name} has ended its search already, and confirms its best: nothing to stop"
    return None


def what_follows(recorded: RecordedTuning) -> str:
    """Return what stopping a search that goes on does."""
    tuning = recorded.tuning
    running = [
        trial
        for trial in recorded.trials
        if not trial.is_finished and trial.spec.purpose is not Purpose.CONFIRM
    ]
    ended = ""
    if running:
        are = "is" if len(running) == 1 else "are"
        ended = f"; {counted(len(running), 'trial')} in flight {are} ended and held against nothing"
    return (
        f"{tuning.metadata.name} stops: nothing more is tried{ended}; {_answer(tuning)}"
        f"{_suspended(tuning)}"
    )


def _answer(tuning: DeploymentTuning) -> str:
    best = None if tuning.status is None else tuning.status.best
    if best is None:
        return "nothing was feasible so far, so it ends without an answer"
    times = tuning.spec.budget.confirmations
    if times == 0:
        return f"{best.trial}, the best so far, is the answer, not confirmed"
    return f"{best.trial}, the best so far, is confirmed {counted(times, 'time')}"


def _suspended(tuning: DeploymentTuning) -> str:
    return " once spec.suspend is false" if tuning.spec.suspend else ""


def _end_of(tuning: DeploymentTuning) -> str | None:
    conditions = () if tuning.status is None else tuning.status.conditions
    ends = (one for one in conditions if one.type == ConditionType.FINISHED)
    return next((one.reason for one in ends if one.status is ConditionStatus.TRUE), None)
