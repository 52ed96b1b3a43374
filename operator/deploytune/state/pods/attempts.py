"""A trial's Pod as an attempt: which it is, where it runs, how it ended or why it waits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from deploytune.api.trial import EndRequest
from deploytune.state.pods import labels
from deploytune.state.pods.endings import ended_at, ending_of
from deploytune.state.pods.readings import JsonObject, PodReading, read_pod, text_of
from deploytune.state.pods.waits import WARNINGS_AFTER, wait_of
from deploytune.state.world import Attempt, Ending, Place, WaitKind

_NUMBER = re.compile(r"[0-9]{1,9}")


def attempt_of(
    pod: JsonObject,
    now: datetime,
    warnings: Sequence[str] = (),
    *,
    end_requested: EndRequest | None = None,
) -> Attempt | None:
    """Return the attempt that a Pod is, None if its labels do not say which.

    `warnings` are what Warning Events say about the Pod, each `Reason: message`, the latest first,
    where it `needs_warnings`; `end_requested` is the request that its TuningTrial has on record.
    """
    index, number = (_number(pod, key) for key in (labels.TRIAL_INDEX, labels.ATTEMPT))
    if index is None or number is None:
        return None
    reading = read_pod(pod)
    is_ours = end_requested is not None and end_requested.attempt == number
    ending = ending_of(reading, now, warnings, end_requested=is_ours)
    return Attempt(
        trial_index=index,
        attempt=number,
        started_at=_started_at(reading, ending, now),
        ending=ending,
        wait=None if ending is not None else wait_of(reading, warnings),
        place=Place(
            pod=reading.name,
            node=reading.node,
            image_id=None if reading.trial is None else reading.trial.image_id,
            template=text_of(pod, "metadata", "annotations", labels.TEMPLATE) or None,
            is_being_deleted=reading.deletion is not None,
        ),
    )


def needs_warnings(pod: JsonObject, now: datetime) -> bool:
    """Tell whether only Events can say why a Pod does not run: it takes long and names no cause."""
    reading = read_pod(pod)
    bound_at = reading.bound_at
    if bound_at is None or now < bound_at + WARNINGS_AFTER:
        return False
    if reading.is_terminal:
        return not any(container.ever_ran for container in reading.own)
    wait = wait_of(reading)
    return wait is not None and wait.kind is WaitKind.STARTING


def _started_at(pod: PodReading, ending: Ending | None, now: datetime) -> datetime:
    """One that ended without a node held nothing: it began when it ended."""
    if pod.bound_at is not None:
        return pod.bound_at
    return pod.created_at if ending is None else ended_at(pod, now)


def _number(pod: JsonObject, label: str) -> int | None:
    text = text_of(pod, "metadata", "labels", label)
    return int(text) if _NUMBER.fullmatch(text) else None
