"""Gathers what a preflight decides on: nodes by pool, named objects, quotas, rehearsed Pods.

Nothing is written. What the account may not read is `Unread`; an API server that gives no answer is
an error, since then nothing is known of anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from deploytune.api.tuning import DeploymentTuning, NodePoolSpec
from deploytune.contract.errors import ClusterError
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import NotFoundError, RefusedError
from deploytune.runtime.kube.resources import (
    CLAIMS,
    CONFIG_MAPS,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    QUOTAS,
    RUNTIME_CLASSES,
    SECRETS,
    STORAGE_CLASSES,
    Resource,
)
from deploytune.state.pods.labels import selector
from deploytune.state.preflight.facts import (
    ClusterFacts,
    Kind,
    Node,
    ObjectKey,
    Presence,
    Quota,
    Refused,
    Taint,
    Unread,
)
from deploytune.state.preflight.findings import Finding
from deploytune.state.preflight.forecasts import forecast
from deploytune.state.preflight.named_objects import Named, claims_named, objects_named
from deploytune.state.preflight.rehearsals import rehearsed_pod

_RESOURCES = {
    Kind.CONFIG_MAP: CONFIG_MAPS,
    Kind.SECRET: SECRETS,
    Kind.CLAIM: CLAIMS,
    Kind.STORAGE_CLASS: STORAGE_CLASSES,
    Kind.PRIORITY_CLASS: PRIORITY_CLASSES,
    Kind.RUNTIME_CLASS: RUNTIME_CLASSES,
}
_OF_THE_CLUSTER = (Kind.STORAGE_CLASS, Kind.PRIORITY_CLASS, Kind.RUNTIME_CLASS)
_KUEUE, _KARPENTER = "kueue.x-k8s.io", "karpenter.sh"
_AUTOSCALER_STATUS = ("kube-system", "cluster-autoscaler-status")
_FORBIDDEN = 403
_NO_DRY_RUN = "dry run"

_Answer = TypeVar("_Answer")


async def gather_facts(
    api: ApiServer, tuning: DeploymentTuning, namespace: str, default_image: str | None
) -> ClusterFacts:
    """Return everything that a preflight looks at.

    Raises:
        ClusterError: the API server gives no answer.
    """
    image = tuning.spec.trial.image or default_image
    nodes, adds_nodes, objects, admissions, quotas = await asyncio.gather(
        nodes_of_pools(api, tuning.spec.node_pools),
        _what_adds_nodes(api),
        presence_of(api, namespace, objects_named(tuning.spec)),
        _admissions(api, tuning, namespace, image),
        _quotas(api, namespace),
    )
    return ClusterFacts(nodes, adds_nodes, objects, admissions, quotas, image)


async def foresee(api: ApiServer, tuning: DeploymentTuning) -> tuple[Finding, ...]:
    """Return what will keep Pods of a tuning waiting: a list for its pools, a look at each claim.

    A pass does not fail for what it can do without: where the API server says nothing, nothing is
    foreseen.
    """
    namespace = tuning.metadata.namespace
    assert namespace is not None, "it was read from the API server"
    try:
        nodes = await nodes_of_pools(api, tuning.spec.node_pools)
        claims = await presence_of(api, namespace, claims_named(tuning.spec))
    except ClusterError:
        return ()
    return forecast(tuning, ClusterFacts(nodes, objects=claims))


async def nodes_of_pools(
    api: ApiServer, pools: Iterable[NodePoolSpec]
) -> dict[str, tuple[Node, ...] | Unread]:
    """Return the nodes that carry the labels of each pool; equal selectors are asked for once."""
    selectors = {pool.name: selector(pool.node_selector) for pool in pools}
    asked = sorted(set(selectors.values()))
    answers = await asyncio.gather(*(_nodes(api, labels) for labels in asked))
    by_selector = dict(zip(asked, answers, strict=True))
    return {pool: by_selector[labels] for pool, labels in selectors.items()}


async def presence_of(
    api: ApiServer, namespace: str, named: Iterable[Named]
) -> dict[ObjectKey, Presence | Unread]:
    """Return whether each object is there."""
    keys = sorted({one.key for one in named})
    answers = await asyncio.gather(*(_presence(api, namespace, key) for key in keys))
    return dict(zip(keys, answers, strict=True))


async def _nodes(api: ApiServer, labels: str) -> tuple[Node, ...] | Unread:
    found = await _if_allowed(api.list_all(NODES, labels=labels))
    return found if isinstance(found, Unread) else tuple(map(read_node, found))


def read_node(document: Mapping[str, Any]) -> Node:
    """Return what is needed of a Node."""
    spec, status = document.get("spec", {}), document.get("status", {})
    return Node(
        name=document["metadata"]["name"],
        labels=document["metadata"].get("labels") or {},
        taints=tuple(
            Taint(one["key"], one.get("value", ""), one["effect"])
            for one in spec.get("taints") or ()
        ),
        allocatable=status.get("allocatable") or {},
        images=frozenset(
            name for image in status.get("images") or () for name in image.get("names") or ()
        ),
    )


async def _presence(api: ApiServer, namespace: str, key: ObjectKey) -> Presence | Unread:
    resource: Resource | Unread | None = _RESOURCES.get(key.kind)
    if resource is None:
        resource = await _local_queues(api)
    if resource is None:
        return Presence.NOT_SERVED
    if isinstance(resource, Unread):
        return resource
    place = None if key.kind in _OF_THE_CLUSTER else namespace
    try:
        found = await _if_allowed(api.metadata(resource, place, key.name))
    except NotFoundError:
        return Presence.MISSING
    return found if isinstance(found, Unread) else Presence.THERE


async def _local_queues(api: ApiServer) -> Resource | Unread | None:
    """Return Kueue's queues in the version that the API server prefers, None without Kueue."""
    group = await _group(api, _KUEUE)
    if group is None or isinstance(group, Unread):
        return group
    return Resource(group["preferredVersion"]["groupVersion"], "localqueues", "LocalQueue")


async def _group(api: ApiServer, name: str) -> Json | Unread | None:
    try:
        return await _if_allowed(api.get(Resource(f"{name}/", "", "APIGroup"), None, ""))
    except NotFoundError:
        return None


async def _what_adds_nodes(api: ApiServer) -> str | None:
    """Return what may add a node to a pool that has none, as far as it shows itself."""
    if isinstance(await _group(api, _KARPENTER), dict):
        return "Karpenter"
    try:
        status = await _if_allowed(api.metadata(CONFIG_MAPS, *_AUTOSCALER_STATUS))
    except NotFoundError:
        return None
    return None if isinstance(status, Unread) else "the cluster autoscaler"


async def _admissions(
    api: ApiServer, tuning: DeploymentTuning, namespace: str, image: str | None
) -> dict[str, Refused | Unread | None]:
    """Return what the API server says of a Pod of each pool; an image it does not look at."""
    in_place = tuning.model_copy(
        update={"metadata": tuning.metadata.model_copy(update={"namespace": namespace})}
    )
    pools = tuning.spec.node_pools
    pods = (rehearsed_pod(in_place, pool, image or "image") for pool in pools)
    answers = await asyncio.gather(*(_rehearsed(api, namespace, pod) for pod in pods))
    return {pool.name: said for pool, said in zip(pools, answers, strict=True)}


async def _rehearsed(api: ApiServer, namespace: str, pod: Json) -> Refused | Unread | None:
    try:
        await api.rehearse(PODS, namespace, pod)
    except NotFoundError as error:  # the namespace is not there
        return Refused(str(error))
    except RefusedError as error:
        if _is_missing_right(error) or _NO_DRY_RUN in str(error).lower():
            return Unread(str(error))
        return Refused(str(error))
    return None


def _is_missing_right(error: RefusedError) -> bool:
    """Tell whether the account may not create Pods; a quota answers 403 as well."""
    return error.code == _FORBIDDEN and "cannot create resource" in str(error)


async def _quotas(api: ApiServer, namespace: str) -> tuple[Quota, ...] | Unread:
    found = await _if_allowed(api.list_all(QUOTAS, namespace))
    if isinstance(found, Unread):
        return found
    return tuple(
        Quota(
            each["metadata"]["name"],
            each["spec"].get("hard") or {},
            each.get("status", {}).get("used") or {},
        )
        for each in found
        if not each["spec"].get("scopes") and not each["spec"].get("scopeSelector")
    )


async def _if_allowed(call: Awaitable[_Answer]) -> _Answer | Unread:
    """Return an answer, or that it was refused.

    Raises:
        NotFoundError: what was asked for is not there.
        ClusterError: the API server gives no answer.
    """
    try:
        return await call
    except RefusedError as error:
        return Unread(str(error))
