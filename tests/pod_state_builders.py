"""Builders of Pods as the API server shows them, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builders import NAME, at

from deploytune.state.pods import labels
from deploytune.state.timestamps import to_timestamp

Json = dict[str, Any]
NODE = "node-1"
BOUND, STARTED, FINISHED = 2.0, 5.0, 65.0


def moment(seconds: float) -> str:
    """A time as Kubernetes writes it, so many seconds after the tests' time began."""
    return to_timestamp(at(seconds))


def a_pod(
    phase: str = "Running",
    *containers: Json,
    node: str | None = NODE,
    conditions: Sequence[Json] = (),
    deletion: tuple[float, int] | None = None,
    index: str = "0",
    attempt: str = "0",
    deadline: int | None = None,
    owner: str | None = None,
    finalizers: Sequence[str] = (labels.RESULT_FINALIZER,),
    **status: Any,
) -> Json:
    """A trial's Pod; `deletion` is when it was asked for, and its grace in seconds."""
    scheduled = [] if node is None else [a_condition("PodScheduled", since=BOUND)]
    metadata: Json = {
        "name": f"{NAME}-{index}-{attempt}",
        "creationTimestamp": moment(0),
        "labels": {labels.TRIAL_INDEX: index, labels.ATTEMPT: attempt},
        "annotations": {labels.TEMPLATE: "0123456789abcdef"},
        "finalizers": list(finalizers),
    }
    if owner is not None:
        metadata["ownerReferences"] = [{"kind": "TuningTrial", "uid": owner}]
    if deletion is not None:
        asked_at, grace = deletion
        metadata["deletionTimestamp"] = moment(asked_at + grace)
        metadata["deletionGracePeriodSeconds"] = grace
    return {
        "metadata": metadata,
        "spec": {"nodeName": node, "activeDeadlineSeconds": deadline},
        "status": {
            "phase": phase,
            "startTime": moment(STARTED - 1),
            "conditions": [*scheduled, *conditions],
            "containerStatuses": list(containers),
            **status,
        },
    }


def a_condition(
    kind: str, status: str = "True", *, since: float | None, reason: str = "", message: str = ""
) -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": None if since is None else moment(since),
    }


def ended(
    exit_code: int,
    reason: str = "Error",
    *,
    message: str = "",
    name: str = labels.CONTAINER,
    finished: float = FINISHED,
) -> Json:
    """The status of a container that ran and ended."""
    return a_container_status(
        name,
        terminated={
            "exitCode": exit_code,
            "reason": reason,
            "message": message,
            "startedAt": moment(STARTED),
            "finishedAt": moment(finished),
        },
    )


def not_started(message: str) -> Json:
    """The status of a container that its runtime could not start."""
    terminated = {"exitCode": 128, "reason": "StartError", "message": message}
    return a_container_status(labels.CONTAINER, terminated=terminated)


def running(name: str = labels.CONTAINER) -> Json:
    return a_container_status(name, running={"startedAt": moment(STARTED)})


def waiting(reason: str, message: str = "", name: str = labels.CONTAINER) -> Json:
    return a_container_status(name, waiting={"reason": reason, "message": message})


def a_container_status(name: str, **state: Json) -> Json:
    return {"name": name, "state": state, "imageID": "sha256:0123"}
