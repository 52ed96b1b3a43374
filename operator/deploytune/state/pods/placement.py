"""On which nodes a trial Pod may run: labels, taints, devices of its own, no other trial beside it.

A node that shares its devices in time or by MPS says so in labels of NVIDIA's feature discovery,
whose names begin with the resource's, or of GKE. A label that is not there says nothing against a
node. The product's suffix `-SHARED`, which no expression can ask for, comes with these labels; what
they miss is seen when the trial is there (`state/pods/nodes.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from deploytune.api.pod_template import Toleration
from deploytune.api.tuning import NodePoolSpec, Placement
from deploytune.state.pods.labels import TRIAL_PODS

_NVIDIA = "nvidia.com/"
_GPU = "nvidia.com/gpu"
_SHARED_NAME = ".shared"
_SHARING_STRATEGIES = ("time-slicing", "mps")
_NOT_REPLICATED = ("0", "1")
_HOST = "kubernetes.io/hostname"
_LOST_NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_LOST_NODE_SECONDS = 45

_Expression = dict[str, Any]

_IS_NOT_SHARED_BY_GKE: _Expression = {
    "key": "cloud.google.com/gke-gpu-sharing-strategy",
    "operator": "DoesNotExist",
}


def placement_of(pool: NodePoolSpec, faulty_nodes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part of a Pod's spec that says where it may run.

    Those of `faulty_nodes` are taken last: a device of theirs has failed this trial before.
    """
    affinity = {**_node_affinity(pool, faulty_nodes), **_pod_affinity(pool)}
    return {
        "tolerations": [*_lost_node_tolerations(pool), *_tolerations(pool)],
        **({"nodeSelector": dict(pool.node_selector)} if pool.node_selector else {}),
        **({"affinity": affinity} if affinity else {}),
        **({"runtimeClassName": pool.runtime_class_name} if pool.runtime_class_name else {}),
    }


def _tolerations(pool: NodePoolSpec) -> list[dict[str, Any]]:
    return [
        toleration.model_dump(mode="json", by_alias=True, exclude_none=True)
        for toleration in _wanted_tolerations(pool)
    ]


def _wanted_tolerations(pool: NodePoolSpec) -> Sequence[Toleration]:
    """Return the pool's own, or those of the taints by which clusters keep others off devices.

    Such a taint has the resource's name for its key; every slice and share of a device of NVIDIA
    stands behind the one of the whole.
    """
    if pool.tolerations is not None:
        return pool.tolerations
    keys = (_GPU if name.startswith(_NVIDIA) else name for name in pool.resources.accelerators)
    return [Toleration(key=key, operator="Exists") for key in dict.fromkeys(keys)]


def _lost_node_tolerations(pool: NodePoolSpec) -> Iterator[dict[str, Any]]:
    """Yield what keeps a Pod for less than Kubernetes' own five minutes on a node that is lost.

    Of several that match a taint the first counts: a pool that tolerates everything would keep its
    Pods on a lost node for ever. One that names the taint has its way.
    """
    named = {toleration.key for toleration in _wanted_tolerations(pool)}
    for taint in (taint for taint in _LOST_NODE_TAINTS if taint not in named):
        yield {
            "key": taint,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": _LOST_NODE_SECONDS,
        }


def _pod_affinity(pool: NodePoolSpec) -> dict[str, Any]:
    """Keep away from every other trial, of any tuning in any namespace; they keep away too."""
    if pool.placement is not Placement.ONE_PER_NODE:
        return {}
    term = {
        "labelSelector": {"matchLabels": dict(TRIAL_PODS)},
        "namespaceSelector": {},
        "topologyKey": _HOST,
    }
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _node_affinity(pool: NodePoolSpec, faulty_nodes: Sequence[str]) -> dict[str, Any]:
    affinity: dict[str, Any] = {}
    terms = _terms_of_unshared_nodes(pool)
    if terms:
        required = {"nodeSelectorTerms": terms}
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = required
    if faulty_nodes:
        others = [
            {"key": "metadata.name", "operator": "NotIn", "values": [node]} for node in faulty_nodes
        ]
        preferred = {"weight": 100, "preference": {"matchFields": others}}
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = [preferred]
    return {"nodeAffinity": affinity} if affinity else {}


def _terms_of_unshared_nodes(pool: NodePoolSpec) -> list[dict[str, Any]]:
    resources = _nvidia_resources(pool)
    if pool.allow_shared_devices or not resources:
        return []
    unshared = [*map(_is_not_shared, resources), _IS_NOT_SHARED_BY_GKE]
    return [
        {"matchExpressions": [*unshared, *unreplicated]}
        for unreplicated in product(*map(_is_not_replicated, resources))
    ]


def _nvidia_resources(pool: NodePoolSpec) -> Sequence[str]:
    """Return the beginnings of the labels that speak of a pool's devices."""
    names = (name.removesuffix(_SHARED_NAME) for name in pool.resources.accelerators)
    return tuple(dict.fromkeys(name for name in names if name.startswith(_NVIDIA)))


def _is_not_shared(resource: str) -> _Expression:
    """Return an expression that holds where the label is not there, too."""
    return {
        "key": f"{resource}.sharing-strategy",
        "operator": "NotIn",
        "values": list(_SHARING_STRATEGIES),
    }


def _is_not_replicated(resource: str) -> Sequence[_Expression]:
    """Return two expressions of which one must hold: no expression says absent or one of these."""
    key = f"{resource}.replicas"
    return (
        {"key": key, "operator": "DoesNotExist"},
        {"key": key, "operator": "In", "values": list(_NOT_REPLICATED)},
    )
