"""Trial Pods that wait for nobody: their finalizer is dropped, so that they can go.

A Pod waits for its result to be put on record in its TuningTrial. When that is absent, by its UID,
or going itself, there is nothing to wait for. The controller asks so for a tuning that is gone; the
sweep asks for all, at the start and now and then, in case nothing else has told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from deploytune.contract.errors import ClusterError
from deploytune.observability.logs import about
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import ConflictError, NotFoundError
from deploytune.runtime.kube.resources import PODS, TRIALS
from deploytune.state.pods.labels import RESULT_FINALIZER, TRIAL_PODS, TUNING, selector

SWEEP_SECONDS = 300.0
EVERYWHERE: Sequence[str | None] = (None,)

_LOOKS = 5
"""How often a Pod that changes meanwhile is read again."""

_log = logging.getLogger(__name__)


async def sweep_for_ever(api: ApiServer, namespaces: Sequence[str | None]) -> None:
    """Release orphans now and every five minutes."""
    while True:
        for namespace in namespaces:
            try:
                await release_orphans(api, namespace)
            except ClusterError as error:
                _log.warning("the sweep is put off: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


async def release_orphans(api: ApiServer, namespace: str | None, tuning: str | None = None) -> None:
    """Drop the finalizers of Pods whose TuningTrial is absent or going, of one tuning or of all."""
    for pod in await _held_pods(api, namespace, tuning):
        if await _is_orphan(api, pod):
            await release_pod(api, pod)


async def release_all(api: ApiServer, namespaces: Sequence[str | None]) -> int:
    """Drop the finalizers of all trial Pods: for an uninstallation; return how many there were."""
    held = [pod for namespace in namespaces for pod in await _held_pods(api, namespace)]
    for pod in held:
        await release_pod(api, pod)
    return len(held)


async def release_pod(api: ApiServer, pod: Mapping[str, Any]) -> None:
    """Drop our finalizer of a Pod; it may be gone, or changed meanwhile: then it is read again."""
    metadata = pod["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    with suppress(NotFoundError):
        for _ in range(_LOOKS):
            if RESULT_FINALIZER not in metadata.get("finalizers", ()):
                break
            try:
                await api.json_patch(PODS, namespace, name, _without_finalizer(metadata))
            except ConflictError:
                found = (await api.get(PODS, namespace, name))["metadata"]
                metadata = found if found["uid"] == metadata["uid"] else {}
            else:
                break
    tuning = metadata.get("labels", {}).get(TUNING, "")
    _log.debug("Pod %s released", name, extra=about(namespace, tuning))


def _without_finalizer(metadata: Mapping[str, Any]) -> list[Json]:
    """Return the patch that drops our finalizer of this very Pod, and of nothing else."""
    place = f"/metadata/finalizers/{metadata['finalizers'].index(RESULT_FINALIZER)}"
    return [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "test", "path": place, "value": RESULT_FINALIZER},
        {"op": "remove", "path": place},
    ]


async def _held_pods(
    api: ApiServer, namespace: str | None, tuning: str | None = None
) -> list[dict[str, Any]]:
    labels = dict(TRIAL_PODS) if tuning is None else {**TRIAL_PODS, TUNING: tuning}
    pods = await api.list_all(PODS, namespace, labels=selector(labels))
    return [pod for pod in pods if RESULT_FINALIZER in pod["metadata"].get("finalizers", ())]


async def _is_orphan(api: ApiServer, pod: Json) -> bool:
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences", ()):
        if owner["kind"] != TRIALS.kind:
            continue
        trial = await api.find(TRIALS, metadata["namespace"], owner["name"])
        if trial is not None and trial["metadata"]["uid"] == owner["uid"]:
            return "deletionTimestamp" in trial["metadata"]
    return True
