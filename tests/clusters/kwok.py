"""Nodes that only pretend: Pods are scheduled to them, run and end as `stages` says, by hundreds.

The pools are named as on real nodes, and their nodes have accelerators to spare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from clusters.components import Component
from clusters.control_plane import ControlPlane
from clusters.nodes import ACCELERATOR, POOL_LABEL, POOLS, is_ready
from clusters.stages import DETERMINISTIC_REPORT, pod_stages
from clusters.waiting import eventually

PRETENDED = "test.deploytune.dev/pretended-node"
LEASE_SECONDS = 40
ROOM = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": "2000"}
ACCELERATORS_PER_NODE = "1000"
PODS_AT_ONCE = 16


@contextmanager
def pretended_nodes(
    control_plane: ControlPlane,
    pools: Sequence[str] = POOLS,
    report: str = DETERMINISTIC_REPORT,
) -> Iterator[Sequence[str]]:
    """Run kwok with one node per pool, whose names it yields, for as long as the context lasts."""
    kwok, names = start_pretended_nodes(control_plane, pools, report)
    try:
        yield names
    finally:
        kubectl = control_plane.access.kubectl
        kubectl.attempt("delete", "nodes", *names, "--ignore-not-found", "--wait=false")
        kwok.stop()


def start_pretended_nodes(
    control_plane: ControlPlane,
    pools: Sequence[str] = POOLS,
    report: str = DETERMINISTIC_REPORT,
) -> tuple[Component, Sequence[str]]:
    """Start kwok with one node per pool, and return its process and the nodes' names."""
    access = control_plane.access
    kwok = _kwok(control_plane, report)
    kwok.start()
    names = [f"pretended-{pool}" for pool in pools]
    access.kubectl.apply(*map(_a_node, names, pools))
    eventually(
        lambda: all(is_ready(access, name) for name in names), "readiness of pretended nodes"
    )
    return kwok, names


def _kwok(control_plane: ControlPlane, report: str) -> Component:
    configuration = control_plane.state / "kwok.json"
    configuration.write_text("\n---\n".join(json.dumps(part) for part in _configuration(report)))
    options = (
        f"--kubeconfig={control_plane.access.kubeconfig}",
        f"--config={configuration}",
        f"--manage-nodes-with-label-selector={PRETENDED}=true",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
    )
    kwok = control_plane.controller("kwok", (control_plane.programs / "kwok", *options))
    kwok.variables = {"KWOK_WORKDIR": str(control_plane.state / "kwok")}
    return kwok


def _configuration(report: str) -> list[dict[str, Any]]:
    options = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {"podPlayStageParallelism": PODS_AT_ONCE},
    }
    return [options, *pod_stages(report)]


def _a_node(name: str, pool: str) -> dict[str, Any]:
    labels = {PRETENDED: "true", POOL_LABEL: pool, "kubernetes.io/hostname": name}
    resources = {**ROOM, ACCELERATOR: ACCELERATORS_PER_NODE}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": resources, "allocatable": resources},
    }
