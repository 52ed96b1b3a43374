"""Why a Pod does not run yet: an ordered chain, the first rule that hits wins.

    gated               a scheduling gate holds it
    unschedulable       no node takes it, in the scheduler's words
    image               a container waits for an image that cannot be had
    container config    a container cannot be made as the Pod says
    volume              a volume cannot be mounted, as Warning Events say: the Pod itself does not
    sandbox             the Pod's sandbox cannot be made, as Warning Events say
    starting            on its node, or too new for a node; nothing is known to be wrong

Containers that a webhook added hold the trial back as its own do, so all of them count. None of
these ends by itself, and a Pod is never made anew because it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploytune.state.pods.readings import PodReading
from deploytune.state.world import Wait, WaitKind

WARNINGS_AFTER = timedelta(seconds=5)
"""Volumes are mounted and sandboxes made within moments; only a Pod that takes longer is worth
asking its Events about."""

_GATED = "SchedulingGated"
_LONGEST_MESSAGE = 1024

_WAITING_REASONS: Mapping[str, WaitKind] = {
    "InvalidImageName": WaitKind.IMAGE,
    "ErrImageNeverPull": WaitKind.IMAGE,
    "ErrImagePull": WaitKind.IMAGE,
    "ImagePullBackOff": WaitKind.IMAGE,
    "ImageInspectError": WaitKind.IMAGE,
    "RegistryUnavailable": WaitKind.IMAGE,
    "SignatureValidationFailed": WaitKind.IMAGE,
    "CreateContainerConfigError": WaitKind.CONTAINER_CONFIG,
    "CreateContainerError": WaitKind.CONTAINER_CONFIG,
    "PreCreateHookError": WaitKind.CONTAINER_CONFIG,
    "RunContainerError": WaitKind.CONTAINER_CONFIG,
}

_WARNING_REASONS: Mapping[str, WaitKind] = {
    "FailedMount": WaitKind.VOLUME,
    "FailedAttachVolume": WaitKind.VOLUME,
    "FailedMapVolume": WaitKind.VOLUME,
    "FailedCreatePodSandBox": WaitKind.CONTAINER_CONFIG,
}

_BLOCKING_WARNINGS = frozenset({*_WARNING_REASONS, "Failed", "InspectFailed", "ErrImageNeverPull"})


@dataclass(frozen=True)
class _Evidence:
    pod: PodReading
    warnings: Sequence[str]

    @property
    def since(self) -> datetime:
        """When it came to its node: a container that waits does not say since when."""
        return self.pod.bound_at or self.pod.created_at


def wait_of(pod: PodReading, warnings: Sequence[str] = ()) -> Wait | None:
    """Return why a Pod that has not ended does not run yet, None once it does.

    `warnings` are what Warning Events say about the Pod, each `Reason: message`, the latest first.
    """
    trial = pod.trial
    if trial is not None and (trial.is_running or trial.terminated is not None):
        return None
    evidence = _Evidence(pod, warnings)
    return next(wait for rule in _CHAIN if (wait := rule(evidence)) is not None)


def blocked_by(pod: PodReading, warnings: Sequence[str] = ()) -> str | None:
    """Return what kept a Pod that has ended from starting and is for somebody to mend, if anything.

    Its kubelet has overwritten by then what its containers waited for: Events still say it, and of
    several that repeat each other the longest says most.
    """
    waits = _container_waits(_Evidence(pod, warnings))
    if waits is not None:
        return waits.message
    said = (each for each in warnings if each.partition(":")[0] in _BLOCKING_WARNINGS)
    return max(said, key=len, default=None)


def _gated(evidence: _Evidence) -> Wait | None:
    scheduled = evidence.pod.condition("PodScheduled")
    if scheduled is None or scheduled.is_true or scheduled.reason != _GATED:
        return None
    since = scheduled.since or evidence.pod.created_at
    return _wait(WaitKind.GATED, scheduled.message or "held by a scheduling gate", since)


def _unschedulable(evidence: _Evidence) -> Wait | None:
    """A lifted gate does not turn the condition: only the scheduler's latest word has a later time.

    Where no gate is known to have been, the time that never moves is the better one.
    """
    scheduled = evidence.pod.condition("PodScheduled")
    if scheduled is None or scheduled.is_true:
        return None
    pod = evidence.pod
    latest_word = pod.scheduler_wrote_at if pod.is_queued else None
    since = latest_word or scheduled.since or pod.created_at
    message = scheduled.message or scheduled.reason or "no node takes it"
    return _wait(WaitKind.UNSCHEDULABLE, message, since)


def _container_waits(evidence: _Evidence) -> Wait | None:
    for container in evidence.pod.containers:
        kind = _WAITING_REASONS.get(container.waiting_reason)
        if kind is not None:
            said = container.waiting_message or "no message"
            message = f"container {container.name}: {container.waiting_reason}: {said}"
            return _wait(kind, message, evidence.since)
    return None


def _warned(evidence: _Evidence) -> Wait | None:
    for warning in evidence.warnings:
        kind = _WARNING_REASONS.get(warning.partition(":")[0])
        if kind is not None:
            return _wait(kind, warning, evidence.since)
    return None


def _starting(evidence: _Evidence) -> Wait:
    where = evidence.pod.node
    message = "not looked at by the scheduler yet" if where is None else f"starting on {where}"
    return _wait(WaitKind.STARTING, message, evidence.since)


_CHAIN: tuple[Callable[[_Evidence], Wait | None], ...] = (
    _gated,
    _unschedulable,
    _container_waits,
    _warned,
    _starting,
)


def _wait(kind: WaitKind, message: str, since: datetime) -> Wait:
    return Wait(kind, message[:_LONGEST_MESSAGE], since)
