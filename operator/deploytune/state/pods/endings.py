"""How a Pod ended, and who ended it; what it means is for `state/classify.py` to say.

Only the trial's own containers count, never those that a webhook added.

Whether it has ended:

    terminal phase        nothing of it runs any more
    never bound, deleted  no kubelet will ever end it; only our finalizer keeps it
    lost                  its node should have ended it by now: disrupted, or deleted, and long due
    overdue               its node should have ended it by now: long past its deadline
    outlived              the trial has ended and another container runs on

Who ended it, the first that hits:

    request            deleted by us while it ran
    disruption         evicted, preempted, tainted away, deleted by others, all while it ran;
                       refused or shut down by its kubelet; lost with its node
    setting            refused by its kubelet for what the tuning asks
    late start         past activeDeadlineSeconds before any container ran: what kept it from
                       running did it, a setting that is for somebody to mend, else the cluster
    lost container     the node knows nothing of it, as after a reboot
    run deadline       past activeDeadlineSeconds
    own disk           evicted without a disruption: over its own limit of ephemeral storage
    device, command    its container could not be started, by the runtime's words
    never ran          it failed, and no container of it is known to have run
    nobody             by itself
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploytune.state.pods.readings import Container, PodReading, Terminated
from deploytune.state.pods.waits import blocked_by
from deploytune.state.world import EndedBy, Ending

DISRUPTED_MARGIN = timedelta(seconds=15)
"""A kubelet that lives shows a terminal phase within seconds of the grace's end; a Pod that is to
go because its node is gone shows none, ever."""

DELETED_MARGIN = timedelta(seconds=60)
"""Nothing says that the node is gone, so a slow kubelet is given more: a container runtime may take
long to end a process that waits for a disk."""

OVERDUE_MARGIN = timedelta(minutes=10)
"""A kubelet that lives ends a Pod within moments of its deadline; it was seen to take two minutes
over a volume that it could not mount."""

OUTLIVED_MARGIN = timedelta(seconds=15)
"""Containers of one Pod that end together are seen to end within seconds of each other."""

_LONGEST_DETAIL = 900

_KUBELET_REFUSALS = frozenset(
    {
        "NodeAffinity",
        "NodeShutdown",
        "Shutdown",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
_KUBELET_REFUSAL_PREFIX = "OutOf"
_ENDED_BY_NODE = frozenset({"Terminated", "Preempting", "NodeLost"})
_SHARED_DEVICES = "maximum request size for shared resources"
_TERMINATION_BY_KUBELET = "TerminationByKubelet"
_DISRUPTIONS = ("DisruptionTarget", "TerminationTarget")

_NEVER_RAN = "no container of it is known to have run"
_OUT_OF_MEMORY = "OOMKilled"
_NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
_LOST_CONTAINERS = frozenset({("ContainerStatusUnknown", 137), ("Unknown", 255)})
_NOT_ITS_OWN_WORDS = frozenset({*_NOT_STARTED, "ContainerStatusUnknown"})

_START_ERRORS: tuple[tuple[re.Pattern[str], EndedBy], ...] = (
    (re.compile(r"namespace path: lstat \S*/ns/"), EndedBy.DISRUPTION),  # its pause process died
    (re.compile(r"no space left on device"), EndedBy.DISRUPTION),
    (re.compile(r'exec: "[^"]*": '), EndedBy.COMMAND),
    (re.compile(r"unsatisfied condition: \w+ ?[<>=]"), EndedBy.SETTING),  # the image wants another
    (re.compile(r"nvidia|\bhook\b|\bcdi\b|\bdevices?\b", re.IGNORECASE), EndedBy.DEVICE),
    (re.compile(r"no such file|permission denied|exec format error"), EndedBy.COMMAND),
)


@dataclass(frozen=True)
class _Evidence:
    """Everything a rule may look at."""

    pod: PodReading
    now: datetime
    warnings: Sequence[str]
    end_requested: bool

    @property
    def finished_at(self) -> datetime | None:
        """When the last of the trial's own containers ended, None unless the trial has."""
        trial = self.pod.trial
        if trial is None or trial.terminated is None:
            return None
        ends = (one.terminated.finished_at for one in self.pod.own if one.terminated is not None)
        return max((end for end in ends if end is not None), default=None)

    def ran_at(self, moment: datetime | None) -> bool:
        """Tell whether the trial had not ended by itself before this moment."""
        finished_at = self.finished_at
        return moment is None or finished_at is None or moment <= finished_at


@dataclass(frozen=True)
class _Culprit:
    """Who ended it, and what is to be said about it."""

    ended_by: EndedBy
    detail: str = ""


def ending_of(
    pod: PodReading,
    now: datetime,
    warnings: Sequence[str] = (),
    *,
    end_requested: bool = False,
) -> Ending | None:
    """Return how a Pod ended, None while it has not.

    `warnings` are what Warning Events say about it, the latest first; `end_requested` tells that
    our request to end this attempt is on record.
    """
    if not any(has_ended(pod, now) for has_ended in _ENDS):
        return None
    evidence = _Evidence(pod, now, warnings, end_requested)
    culprit = next(found for rule in _CHAIN if (found := rule(evidence)) is not None)
    word = _last_word(pod)
    return Ending(
        exit_code=None if word is None else word.exit_code,
        ended_by=culprit.ended_by,
        out_of_memory=any(_is_out_of_memory(container) for container in pod.own),
        message=_message_of(pod),
        seconds=_seconds_held(pod, now),
        detail=culprit.detail[:_LONGEST_DETAIL],
    )


def ended_at(pod: PodReading, now: datetime) -> datetime:
    """Return when a Pod that has ended did, as far as it says; never later than `now`."""
    containers = [c.terminated.finished_at for c in pod.own if c.terminated is not None]
    finished = max((end for end in containers if end is not None), default=None)
    if finished is None and pod.deletion is not None:
        finished = pod.deletion.due_at
    was_due = _is_past_deadline(pod) or _is_overdue(pod, now)
    if finished is None and was_due and pod.started_at is not None:
        finished = pod.started_at + timedelta(seconds=pod.run_deadline_seconds or 0)
    if finished is None:
        turns = (condition.since for condition in pod.conditions)
        finished = max((turn for turn in turns if turn is not None), default=pod.created_at)
    return min(finished, now)


def _has_terminal_phase(pod: PodReading, _now: datetime) -> bool:
    return pod.is_terminal


def _was_never_bound(pod: PodReading, _now: datetime) -> bool:
    return pod.deletion is not None and pod.node is None


def _is_lost(pod: PodReading, now: datetime) -> bool:
    if pod.deletion is None:
        return False
    is_disrupted = any(pod.true_condition(kind) is not None for kind in _DISRUPTIONS)
    return now > pod.deletion.due_at + (DISRUPTED_MARGIN if is_disrupted else DELETED_MARGIN)


def _is_overdue(pod: PodReading, now: datetime) -> bool:
    if pod.started_at is None or pod.run_deadline_seconds is None:
        return False
    return now > pod.started_at + timedelta(seconds=pod.run_deadline_seconds) + OVERDUE_MARGIN


def _is_outlived(pod: PodReading, now: datetime) -> bool:
    trial = pod.trial
    if trial is None or trial.terminated is None or trial.terminated.finished_at is None:
        return False
    return now > trial.terminated.finished_at + OUTLIVED_MARGIN


_ENDS: tuple[Callable[[PodReading, datetime], bool], ...] = (
    _has_terminal_phase,
    _was_never_bound,
    _is_lost,
    _is_overdue,
    _is_outlived,
)


def _by_our_request(evidence: _Evidence) -> _Culprit | None:
    deletion = evidence.pod.deletion
    if not evidence.end_requested or deletion is None or not evidence.ran_at(deletion.asked_at):
        return None
    return _Culprit(EndedBy.REQUEST)


def _by_disruption(evidence: _Evidence) -> _Culprit | None:
    """A condition that came when the trial had ended by itself did not end it."""
    for kind in _DISRUPTIONS:
        found = evidence.pod.true_condition(kind)
        if found is None:
            continue
        if found.reason == _TERMINATION_BY_KUBELET or evidence.ran_at(found.since):
            return _Culprit(EndedBy.DISRUPTION, _said(found.reason or kind, found.message))
    return None


def _by_refused_setting(evidence: _Evidence) -> _Culprit | None:
    pod = evidence.pod
    if not _is_refusal(pod.reason) or _SHARED_DEVICES not in pod.message:
        return None
    return _Culprit(EndedBy.SETTING, _said(pod.reason, pod.message))


def _by_its_node(evidence: _Evidence) -> _Culprit | None:
    pod = evidence.pod
    if not _is_refusal(pod.reason) and pod.reason not in _ENDED_BY_NODE:
        return None
    return _Culprit(EndedBy.DISRUPTION, _said(pod.reason, pod.message))


def _by_deletion(evidence: _Evidence) -> _Culprit | None:
    deletion = evidence.pod.deletion
    if deletion is None or not evidence.ran_at(deletion.asked_at):
        return None
    return _Culprit(EndedBy.DISRUPTION, "its Pod was deleted by somebody else")


def _by_its_silent_node(evidence: _Evidence) -> _Culprit | None:
    pod = evidence.pod
    if pod.is_terminal or evidence.finished_at is not None or not _is_overdue(pod, evidence.now):
        return None
    return _Culprit(EndedBy.DISRUPTION, "its node did not end it at its deadline")


def _by_late_start(evidence: _Evidence) -> _Culprit | None:
    """A container that never ran is lost for its kubelet, which says so of one that ran too."""
    pod = evidence.pod
    if not _is_past_deadline(pod) or any(container.ever_ran for container in pod.own):
        return None
    blocked = blocked_by(pod, evidence.warnings)
    if blocked is not None:
        return _Culprit(EndedBy.SETTING, f"its deadline came before it ran: {blocked}")
    return _Culprit(EndedBy.DISRUPTION, "its deadline came before any container ran")


def _with_its_container(evidence: _Evidence) -> _Culprit | None:
    for container in evidence.pod.own:
        end = container.terminated
        if end is not None and (end.reason, end.exit_code) in _LOST_CONTAINERS:
            said = _said(end.reason, "the node lost its container, as after a reboot")
            return _Culprit(EndedBy.DISRUPTION, said)
    return None


def _by_run_deadline(evidence: _Evidence) -> _Culprit | None:
    return _Culprit(EndedBy.RUN_DEADLINE) if _is_past_deadline(evidence.pod) else None


def _by_its_own_disk(evidence: _Evidence) -> _Culprit | None:
    if evidence.pod.reason != "Evicted":
        return None
    return _Culprit(EndedBy.OWN_DISK, evidence.pod.message)


def _by_start_error(evidence: _Evidence) -> _Culprit | None:
    for container in evidence.pod.own:
        end = container.terminated
        if end is None or end.reason not in _NOT_STARTED:
            continue
        return _Culprit(_who_kept_from_starting(end.message), _said(end.reason, end.message))
    return None


def _without_running(evidence: _Evidence) -> _Culprit | None:
    pod = evidence.pod
    if any(container.is_own and container.ever_ran for container in pod.containers):
        return None
    return _Culprit(EndedBy.DISRUPTION, _said(pod.reason or _NEVER_RAN, pod.message))


def _by_nobody(_evidence: _Evidence) -> _Culprit:
    return _Culprit(EndedBy.NOBODY)


_CHAIN: tuple[Callable[[_Evidence], _Culprit | None], ...] = (
    _by_our_request,
    _by_disruption,
    _by_refused_setting,
    _by_its_node,
    _by_deletion,
    _by_its_silent_node,
    _by_late_start,
    _with_its_container,
    _by_run_deadline,
    _by_its_own_disk,
    _by_start_error,
    _without_running,
    _by_nobody,
)


def _who_kept_from_starting(text: str) -> EndedBy:
    """What the runtime says for other reasons is the node's trouble: the trial did not begin."""
    found = (who for pattern, who in _START_ERRORS if pattern.search(text))
    return next(found, EndedBy.DISRUPTION)


def _is_refusal(reason: str) -> bool:
    return reason in _KUBELET_REFUSALS or reason.startswith(_KUBELET_REFUSAL_PREFIX)


def _is_past_deadline(pod: PodReading) -> bool:
    return pod.reason == "DeadlineExceeded"


def _is_out_of_memory(container: Container) -> bool:
    return container.terminated is not None and container.terminated.reason == _OUT_OF_MEMORY


def _last_word(pod: PodReading) -> Terminated | None:
    """Return the end of the trial's container, or of the init container that kept it from it."""
    ends = [container.terminated for container in pod.own if container.terminated is not None]
    trial = pod.trial
    if trial is not None and trial.terminated is not None:
        return trial.terminated
    return next((end for end in ends if end.exit_code != 0), None)


def _message_of(pod: PodReading) -> bytes:
    """Return the termination message: that of the trial, not of its kubelet or its runtime."""
    trial = pod.trial
    if trial is None or trial.terminated is None or trial.terminated.reason in _NOT_ITS_OWN_WORDS:
        return b""
    return trial.terminated.message.encode(errors="replace")


def _seconds_held(pod: PodReading, now: datetime) -> float:
    """Return how long it held its node; clocks differ, so an end before the beginning is none."""
    bound_at = pod.bound_at
    return 0.0 if bound_at is None else max(0.0, (ended_at(pod, now) - bound_at).total_seconds())


def _said(who: str, text: str) -> str:
    return f"{who}: {text}" if text else who
