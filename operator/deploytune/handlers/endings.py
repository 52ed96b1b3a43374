"""What is done for a tuning that has ended: nothing of it is held, and in the end it goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.tuning import DeploymentTuning
from deploytune.handlers.letting_go import end_all, let_go_of_recorded
from deploytune.observability.logs import about
from deploytune.runtime.kube.adapter import KubeRuntime
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.objects import owner_uid
from deploytune.runtime.kube.resources import TUNINGS
from deploytune.state.expiry import expires_at

_log = logging.getLogger(__name__)


def is_finished(found: Json) -> bool:
    """Tell whether a tuning's condition Finished is True."""
    conditions = found.get("status", {}).get("conditions", ())
    return any(
        one["type"] == ConditionType.FINISHED and one["status"] == ConditionStatus.TRUE
        for one in conditions
    )


async def leave_nothing(api: ApiServer, runtime: KubeRuntime, tuning: DeploymentTuning) -> None:
    """Let go of the Pods of a tuning that has ended; one that runs all the same is ended."""
    world = await let_go_of_recorded(api, runtime, tuning.spec.trial.pod_retention)
    open_trials = {trial.metadata.uid for trial in world.trials if not trial.is_finished}
    await end_all(api, (pod for pod in runtime.listed_pods if owner_uid(pod) in open_trials))


async def expire(
    api: ApiServer, tuning: DeploymentTuning, clock: Callable[[], datetime]
) -> float | None:
    """Delete a tuning whose time to live is over, or return the seconds until then."""
    metadata, expiry = tuning.metadata, expires_at(tuning)
    if expiry is None or metadata.deletion_timestamp is not None:
        return None
    seconds = (expiry - clock()).total_seconds()
    if seconds > 0:
        return seconds
    with suppress(NotFoundError):
        await api.delete(TUNINGS, metadata.namespace, metadata.name, Deletion(uid=metadata.uid))
    place = about(metadata.namespace or "", metadata.name)
    _log.info("deleted: its time to live is over", extra=place)
    return None
