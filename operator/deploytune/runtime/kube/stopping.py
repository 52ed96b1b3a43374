"""Has the search of a tuning in a cluster end, as `kubectl patch` can too: `spec.stop` is true."""

from __future__ import annotations

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import ClusterError
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import ConflictError
from deploytune.runtime.kube.resources import TUNINGS


async def request_stop(api: ApiServer, tuning: DeploymentTuning) -> None:
    """Write into the spec of a tuning that its search is to end.

    Raises:
        ClusterError: another tuning has its name by now, or the CRDs do not know the field.
        RefusedError: a missing right is against it.
    """
    metadata = tuning.metadata
    operations: list[Json] = [
        {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
        {"op": "add", "path": "/spec/stop", "value": True},
    ]
    try:
        answer = await api.json_patch(TUNINGS, metadata.namespace, metadata.name, operations)
    except ConflictError as error:
        raise ClusterError(f"{metadata.name} is another tuning by now; ask again") from error
    if answer["spec"].get("stop") is not True:
        rule = (
            "the CRDs are older than this program and have no spec.stop: apply those of its version"
        )
        raise ClusterError(rule)
