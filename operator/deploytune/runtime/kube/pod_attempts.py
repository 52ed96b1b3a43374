"""The Pods of a tuning as attempts of its trials; Events are asked for where Pods do not say why.

A Pod counts only if one of the trials, by its UID, owns it: labels can be put on by anybody. One
that has ended and whose trial is finished says nothing new, and is kept for its logs alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from deploytune.api.trial import TuningTrial
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.objects import owner_uid
from deploytune.runtime.kube.resources import EVENTS
from deploytune.state.pods.attempts import attempt_of, needs_warnings
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import Attempt

_STALE_AFTER = timedelta(minutes=5)
"""A kubelet repeats what still fails every two minutes or so."""

_ENDED_PHASES = ("Succeeded", "Failed")


async def read_attempts(
    api: ApiServer,
    namespace: str,
    pods: Iterable[Json],
    trials: Iterable[TuningTrial],
    now: datetime,
) -> list[tuple[Attempt, Json]]:
    """Return the attempts of these trials, each with its Pod."""
    by_uid = {trial.metadata.uid: trial for trial in trials}
    owned = [(pod, by_uid[uid]) for pod in pods if (uid := owner_uid(pod)) in by_uid]
    owned = [(pod, trial) for pod, trial in owned if not (trial.is_finished and has_ended(pod))]
    warnings = await asyncio.gather(*(_warnings(api, namespace, pod, now) for pod, _ in owned))
    attempts = (
        (attempt_of(pod, now, said, end_requested=trial.status.end_requested), trial, pod)
        for (pod, trial), said in zip(owned, warnings, strict=True)
    )
    return [
        (attempt, pod)
        for attempt, trial, pod in attempts
        if attempt is not None and attempt.trial_index == trial.spec.index
    ]


def has_ended(pod: Json) -> bool:
    """Tell whether a Pod is in a terminal phase."""
    return pod["status"].get("phase") in _ENDED_PHASES


async def _warnings(api: ApiServer, namespace: str, pod: Json, now: datetime) -> tuple[str, ...]:
    """Return what the Warning Events of a Pod say, the latest first, where it matters."""
    if not needs_warnings(pod, now):
        return ()
    fields = f"involvedObject.uid={pod['metadata']['uid']},type=Warning"
    events = await api.list_all(EVENTS, namespace, fields=fields)
    since = to_timestamp(now - _STALE_AFTER)
    latest_first = sorted((e for e in events if _last_seen(e) >= since), key=_last_seen)[::-1]
    return tuple(f"{event.get('reason')}: {event.get('message')}" for event in latest_first)


def _last_seen(event: Json) -> str:
    series = event.get("series") or {}
    seen = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return seen or ""
