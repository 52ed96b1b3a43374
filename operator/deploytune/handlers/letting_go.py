"""Carries out what `state/pods/releases.py` plans: finalizers dropped, Pods deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import PodRetention
from deploytune.handlers.sweep import release_pod
from deploytune.runtime.kube.adapter import KubeRuntime
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import ConflictError, NotFoundError
from deploytune.runtime.kube.resources import PODS
from deploytune.state.pods.labels import RESULT_FINALIZER
from deploytune.state.pods.releases import plan_releases
from deploytune.state.world import World

Pod = Mapping[str, Any]

_ENDED = ("Succeeded", "Failed")


async def let_go(
    api: ApiServer,
    pods: Iterable[Pod],
    trials: Iterable[TuningTrial],
    retention: PodRetention,
) -> None:
    """Let go of the Pods whose outcome is on record, or that nobody waits for."""
    releases = plan_releases(pods, trials, retention)
    for pod in releases.finalizers:
        await release_pod(api, pod)
    for pod in releases.deletions:
        await _delete(api, pod)


async def let_go_of_recorded(
    api: ApiServer, runtime: KubeRuntime, retention: PodRetention
) -> World:
    """Look again and let go by what stands on record now; return what there was."""
    world = await runtime.gather()
    await let_go(api, runtime.listed_pods, world.trials, retention)
    return world


async def end_all(api: ApiServer, pods: Iterable[Pod]) -> None:
    """Delete the Pods that still run of a tuning that has ended, and let go of those held."""
    for pod in pods:
        if pod.get("status", {}).get("phase") not in _ENDED:
            await _delete(api, pod)
        if RESULT_FINALIZER in pod["metadata"].get("finalizers", ()):
            await release_pod(api, pod)


async def _delete(api: ApiServer, pod: Pod) -> None:
    metadata = pod["metadata"]
    if "deletionTimestamp" in metadata:
        return
    with suppress(NotFoundError, ConflictError):  # it is gone, or another has its name
        deletion = Deletion(uid=metadata["uid"])
        await api.delete(PODS, metadata["namespace"], metadata["name"], deletion)
