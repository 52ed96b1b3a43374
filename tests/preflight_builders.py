"""Clusters as a preflight knows them, and tunings for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api_builders import Document, a_cluster_document, edited, parsed, without

from deploytune.api.tuning import DeploymentTuning
from deploytune.state.preflight.facts import (
    ClusterFacts,
    Node,
    Presence,
    Taint,
    Unread,
)
from deploytune.state.preflight.named_objects import objects_named

GPU = "nvidia.com/gpu"
IMAGE = "registry.example.com/trial:1"
GPU_TAINT = Taint(GPU, "present", "NoSchedule")
ROOM = {
    "cpu": "7910m",
    "memory": "32986188Ki",
    "ephemeral-storage": "94Gi",
    GPU: "1",
    "pods": "110",
}


def a_node(name: str = "n-1", *, pool: str = "a100", **fields: Any) -> Node:
    """A node of a pool with a device and room for three trials, were it not for the device."""
    labels = {"example.com/gpu-pool": pool, **fields.pop("labels", {})}
    allocatable = {**ROOM, **fields.pop("allocatable", {})}
    return Node(name, labels=labels, allocatable=allocatable, **fields)


def a_tuning_on_pools(path: str = "", value: Any = None, **paths: Any) -> DeploymentTuning:
    """A tuning on the pools a100, one trial a node, and l4; some of it edited."""
    document: Document = without("spec.trial", a_cluster_document())
    changes: Mapping[str, Any] = {**({path: value} if path else {}), **paths}
    for where, what in changes.items():
        document = edited(where, what, document)
    return parsed(document)


def the_facts(
    tuning: DeploymentTuning, a100: tuple[Node, ...] | Unread | None = None, **fields: Any
) -> ClusterFacts:
    """A cluster in which nothing is wrong, but for what is given."""
    image = frozenset((IMAGE,))
    first = (a_node("n-1", images=image),) if a100 is None else a100
    nodes = {"a100": first, "l4": (a_node("n-2", pool="l4", images=image),)}
    there = {named.key: Presence.THERE for named in objects_named(tuning.spec)}
    known: dict[str, Any] = {"objects": there, "image": IMAGE, "admissions": {}, **fields}
    return ClusterFacts(nodes={**nodes, **known.pop("nodes", {})}, **known)
