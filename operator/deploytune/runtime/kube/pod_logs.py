"""The log of an attempt that ran as a Pod, for as long as the Pod is there."""

from __future__ import annotations

from deploytune.api.trial import TuningTrial
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.objects import owner_uid
from deploytune.runtime.kube.resources import PODS
from deploytune.state.pods.labels import CONTAINER


async def end_of_log(
    api: ApiServer, namespace: str, trial: TuningTrial, pod: str, lines: int
) -> str:
    """Return the last lines that the trial's container has written.

    Raises:
        NotFoundError: the Pod is gone; one of another tuning may have its name.
        ClusterError: the API server refuses it, or cannot get at the log.
    """
    found = await api.get(PODS, namespace, pod)
    if owner_uid(found) != trial.metadata.uid:
        raise NotFoundError(f"the Pod {pod} is another trial's")
    return await api.logs(namespace, pod, CONTAINER, lines)
