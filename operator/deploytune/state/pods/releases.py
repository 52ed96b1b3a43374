"""Which trial Pods are let go of: whose finalizer may go, and which are deleted.

A Pod is held by our finalizer until its outcome is in its TuningTrial's status, or nobody will ever
put it there: that TuningTrial, by its UID, is absent, being deleted, or finished without it. Of the
Pods whose outcome is on record `podRetention` deletes those whose logs nobody wants:

    Never        all
    OnFailure    those of feasible and infeasible attempts, and of misconfigured ones but the latest
    Always       none

A Pod that runs on after its trial has ended is deleted whatever is said: it holds its node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.api.tuning import PodRetention
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.pods import labels
from deploytune.state.pods.readings import JsonObject, owner_uids, read_pod, text_of, texts_of

_UNREMARKABLE = (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)


@dataclass(frozen=True)
class Releases:
    """The Pods, as they were read, to take the finalizer off and to delete."""

    finalizers: tuple[JsonObject, ...] = ()
    deletions: tuple[JsonObject, ...] = ()


def plan_releases(
    pods: Iterable[JsonObject], trials: Iterable[TuningTrial], retention: PodRetention
) -> Releases:
    """Return what is to be let go of, given the trials as they stand on record."""
    by_uid = {trial.metadata.uid: trial for trial in trials if trial.metadata.uid is not None}
    finalizers: list[JsonObject] = []
    deletions: list[JsonObject] = []
    for pod in pods:
        trial = _living_owner(pod, by_uid)
        record = None if trial is None else _record_of(pod, trial)
        if trial is not None and record is None and not trial.is_finished:
            continue
        if _is_held(pod):
            finalizers.append(pod)
        if trial is not None and _is_unwanted(pod, trial, record, retention):
            deletions.append(pod)
    return Releases(tuple(finalizers), tuple(deletions))


def _living_owner(pod: JsonObject, by_uid: Mapping[str, TuningTrial]) -> TuningTrial | None:
    owners = (by_uid[uid] for uid in owner_uids(pod) if uid in by_uid)
    return next((one for one in owners if one.metadata.deletion_timestamp is None), None)


def _record_of(pod: JsonObject, trial: TuningTrial) -> AttemptRecord | None:
    number = text_of(pod, "metadata", "labels", labels.ATTEMPT)
    return trial.record_of(int(number)) if number.isdecimal() else None


def _is_held(pod: JsonObject) -> bool:
    return labels.RESULT_FINALIZER in texts_of(pod, "metadata", "finalizers")


def _is_unwanted(
    pod: JsonObject, trial: TuningTrial, record: AttemptRecord | None, retention: PodRetention
) -> bool:
    reading = read_pod(pod)
    if reading.deletion is not None:
        return False
    if not reading.is_terminal:
        return True
    match retention:
        case PodRetention.NEVER:
            return True
        case PodRetention.ON_FAILURE:
            return (
                record is None or record.outcome in _UNREMARKABLE or _is_tried_again(record, trial)
            )
        case PodRetention.ALWAYS:
            return False


def _is_tried_again(record: AttemptRecord, trial: TuningTrial) -> bool:
    """Tell whether a misconfigured attempt, of which there may be many, is not the latest."""
    is_latest = record == trial.status.attempts[-1]
    return record.outcome is OutcomeKind.MISCONFIGURED and not is_latest
