"""A Pod's JSON as typed facts; nobody else looks into the raw object.

The API server says what types the fields have, but a Pod may be half filled, by a kubelet that has
just begun or by a tool that has not: what is absent or of another type counts as not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploytune.state.pods.labels import CONTAINER
from deploytune.state.timestamps import from_timestamp

JsonObject = Mapping[str, Any]

_QUEUE = "kueue.x-k8s.io/queue-name"
_TERMINAL_PHASES = ("Succeeded", "Failed")
_FIRST_MOMENT = datetime(1971, 1, 1, tzinfo=UTC)
_LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC)
_LONGEST_SECONDS = 10**9


@dataclass(frozen=True)
class Condition:
    """A condition that is true or false; `since` is when it last turned."""

    kind: str
    is_true: bool
    reason: str
    message: str
    since: datetime | None


@dataclass(frozen=True)
class Terminated:
    """How a container ended."""

    exit_code: int | None
    reason: str
    message: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Container:
    """A container's state: waiting, running or terminated, or nothing known.

    `is_own` tells the trial's own from those that a webhook added; an init container is the
    trial's own when its name begins with the trial container's.
    """

    name: str
    is_own: bool
    waiting_reason: str
    waiting_message: str
    is_running: bool
    terminated: Terminated | None
    image_id: str | None

    @property
    def ever_ran(self) -> bool:
        """Whether its process was started."""
        ended = self.terminated
        return self.is_running or (ended is not None and ended.started_at is not None)


@dataclass(frozen=True)
class Deletion:
    """That somebody deletes the Pod: `asked_at`, with a grace until `due_at`."""

    asked_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class PodReading:
    """What a Pod says; times are as precise as Kubernetes writes them, to the second.

    `is_queued` tells that Kueue admits it, which gates it until then.
    """

    name: str
    created_at: datetime
    deletion: Deletion | None
    node: str | None
    run_deadline_seconds: int | None
    phase: str
    reason: str
    message: str
    started_at: datetime | None
    conditions: tuple[Condition, ...]
    containers: tuple[Container, ...]
    is_queued: bool
    scheduler_wrote_at: datetime | None

    @property
    def is_terminal(self) -> bool:
        """Whether none of its containers will run again, as its kubelet or a controller says."""
        return self.phase in _TERMINAL_PHASES

    @property
    def own(self) -> tuple[Container, ...]:
        """The trial's own containers, its main container last."""
        return tuple(container for container in self.containers if container.is_own)

    @property
    def trial(self) -> Container | None:
        """The container that runs the trial, None until a kubelet has said anything of it."""
        return next((one for one in self.containers if one.name == CONTAINER), None)

    @property
    def bound_at(self) -> datetime | None:
        """When it was given to its node, None while it has none."""
        if self.node is None:
            return None
        scheduled = self.condition("PodScheduled")
        bound = None if scheduled is None or not scheduled.is_true else scheduled.since
        return bound or self.started_at or self.created_at

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, None if it is not there."""
        return next((one for one in self.conditions if one.kind == kind), None)

    def true_condition(self, kind: str) -> Condition | None:
        """Return the condition of a type if it is true."""
        found = self.condition(kind)
        return found if found is not None and found.is_true else None


def read_pod(pod: JsonObject) -> PodReading:
    """Return what the Pod says."""
    metadata, spec, status = (_object(pod, part) for part in ("metadata", "spec", "status"))
    return PodReading(
        name=_text(metadata, "name"),
        created_at=_moment(metadata, "creationTimestamp") or _FIRST_MOMENT,
        deletion=_deletion(metadata),
        node=_text(spec, "nodeName") or None,
        run_deadline_seconds=_seconds(spec, "activeDeadlineSeconds"),
        phase=_text(status, "phase"),
        reason=_text(status, "reason"),
        message=_text(status, "message"),
        started_at=_moment(status, "startTime"),
        conditions=tuple(_condition(each) for each in _objects(status, "conditions")),
        containers=(
            *(_container(each) for each in _objects(status, "initContainerStatuses")),
            *(_container(each) for each in _objects(status, "containerStatuses")),
        ),
        is_queued=bool(text_of(metadata, "labels", _QUEUE)),
        scheduler_wrote_at=_scheduler_wrote_at(metadata),
    )


def text_of(mapping: JsonObject, *path: str) -> str:
    """Return a text deep in an object, empty if it is not there."""
    for key in path[:-1]:
        mapping = _object(mapping, key)
    return _text(mapping, path[-1])


def texts_of(mapping: JsonObject, *path: str) -> tuple[str, ...]:
    """Return the texts of a list deep in an object, none if it is not there."""
    for key in path[:-1]:
        mapping = _object(mapping, key)
    return tuple(each for each in _list(mapping, path[-1]) if isinstance(each, str))


def owner_uids(pod: JsonObject) -> tuple[str, ...]:
    """Return the UIDs of an object's owners."""
    owners = _objects(_object(pod, "metadata"), "ownerReferences")
    return tuple(_text(owner, "uid") for owner in owners)


def _deletion(metadata: JsonObject) -> Deletion | None:
    due_at = _moment(metadata, "deletionTimestamp")
    if due_at is None:
        return None
    grace = timedelta(seconds=_seconds(metadata, "deletionGracePeriodSeconds") or 0)
    return Deletion(asked_at=max(due_at - grace, _FIRST_MOMENT), due_at=due_at)


def _condition(condition: JsonObject) -> Condition:
    return Condition(
        kind=_text(condition, "type"),
        is_true=_text(condition, "status") == "True",
        reason=_text(condition, "reason"),
        message=_text(condition, "message"),
        since=_moment(condition, "lastTransitionTime"),
    )


def _container(status: JsonObject) -> Container:
    name = _text(status, "name")
    state = _object(status, "state")
    waiting = _object(state, "waiting")
    return Container(
        name=name,
        is_own=name == CONTAINER or name.startswith(f"{CONTAINER}-"),
        waiting_reason=_text(waiting, "reason"),
        waiting_message=_text(waiting, "message"),
        is_running=isinstance(state.get("running"), Mapping),
        terminated=_terminated(state),
        image_id=_text(status, "imageID") or None,
    )


def _terminated(state: JsonObject) -> Terminated | None:
    terminated = state.get("terminated")
    if not isinstance(terminated, Mapping):
        return None
    return Terminated(
        exit_code=_integer(terminated, "exitCode"),
        reason=_text(terminated, "reason"),
        message=_text(terminated, "message"),
        started_at=_moment(terminated, "startedAt"),
        finished_at=_moment(terminated, "finishedAt"),
    )


def _scheduler_wrote_at(metadata: JsonObject) -> datetime | None:
    entries = [
        _moment(entry, "time")
        for entry in _objects(metadata, "managedFields")
        if _text(entry, "manager") == "kube-scheduler"
    ]
    return max((moment for moment in entries if moment is not None), default=None)


def _object(mapping: JsonObject, key: str) -> JsonObject:
    value = mapping.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(mapping: JsonObject, key: str) -> Iterator[JsonObject]:
    yield from (each for each in _list(mapping, key) if isinstance(each, Mapping))


def _list(mapping: JsonObject, key: str) -> list[Any]:
    value = mapping.get(key)
    return value if isinstance(value, list) else []


def _text(mapping: JsonObject, key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _integer(mapping: JsonObject, key: str) -> int | None:
    value = mapping.get(key)
    return value if isinstance(value, int) else None


def _seconds(mapping: JsonObject, key: str) -> int | None:
    seconds = _integer(mapping, key)
    return None if seconds is None else min(max(seconds, 0), _LONGEST_SECONDS)


def _moment(mapping: JsonObject, key: str) -> datetime | None:
    try:
        moment = from_timestamp(_text(mapping, key))
    except ValueError:
        return None
    is_possible = moment.tzinfo is not None and _FIRST_MOMENT <= moment <= _LAST_MOMENT
    return moment if is_possible else None
