"""A pool is held against its nodes before a trial is sent there."""

from __future__ import annotations

from typing import Any

import pytest
from preflight_builders import GPU, GPU_TAINT, a_node, a_tuning_on_pools, the_facts

from deploytune.state.preflight.facts import Node, Taint, Unread
from deploytune.state.preflight.pools import pool_findings, tolerates

POOL = "spec.nodePools[0]"
SHARED = {"nvidia.com/gpu.sharing-strategy": "time-slicing"}


def found(*nodes: Node, facts: Any = None, **edits: Any) -> list[str]:
    tuning = a_tuning_on_pools(**edits)
    return [str(one) for one in pool_findings(tuning, the_facts(tuning, nodes, **(facts or {})))]


def test_nothing_is_said_of_a_pool_whose_node_fits() -> None:
    assert [] == found(a_node(taints=(GPU_TAINT,)))


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ((), "fails: {}.nodeSelector: no node has example.com/gpu-pool=a100"),
        (
            (a_node(taints=(Taint("sku", "gpu", "NoSchedule"),)),),
            (
                "fails: {}.tolerations: each of its nodes (1) has a taint not tolerated: "
                "sku=gpu:NoSchedule"
            ),
        ),
        (
            (a_node(taints=(Taint("node.kubernetes.io/not-ready", "", "NoExecute"),)),),
            (
                "fails: {}.tolerations: each of its nodes (1) has a taint not tolerated: "
                "node.kubernetes.io/not-ready:NoExecute"
            ),
        ),
        (
            (a_node(labels=SHARED), a_node("n-3", labels=SHARED)),
            (
                "fails: {}.allowSharedDevices: each of its nodes (2) shares its devices: "
                "nvidia.com/gpu.sharing-strategy=time-slicing; refused unless "
                "allowSharedDevices is true"
            ),
        ),
        (
            (a_node(allocatable={GPU: "0"}), a_node("n-3", allocatable={GPU: "0"})),
            "fails: {}.resources: no node has nvidia.com/gpu 1 for a Pod: the most is 0, on n-1",
        ),
        (
            (a_node(allocatable={"cpu": "1920m"}), a_node("n-3", allocatable={"cpu": "940m"})),
            "fails: {}.resources: no node has cpu 2 for a Pod: the most is 1920m, on n-1",
        ),
        (
            (a_node(allocatable={"cpu": "1"}), a_node("n-3", allocatable={"memory": "1Gi"})),
            (
                "fails: {}.resources: no node has cpu 2, memory 2Gi, ephemeral-storage 10Gi, "
                "nvidia.com/gpu 1 for a Pod at the same time"
            ),
        ),
    ],
    ids=[
        "no node with its labels",
        "a taint that it does not tolerate",
        "a node that is not ready",
        "nodes that share their devices",
        "no devices",
        "too few cores",
        "each node lacks something else",
    ],
)
def test_a_pool_that_no_node_fits_fails(nodes: tuple[Node, ...], expected: str) -> None:
    assert [expected.format(POOL)] == found(*nodes)


def test_a_pool_that_an_autoscaler_may_serve_does_not_fail() -> None:
    why = "no node has example.com/gpu-pool=a100; Karpenter may add one"
    assert [f"warning: {POOL}.nodeSelector: {why}"] == found(facts={"adds_nodes": "Karpenter"})


def test_a_pool_without_labels_fails_where_there_is_no_node_at_all() -> None:
    edits: dict[str, Any] = {f"{POOL}.nodeSelector": {}}
    assert [f"fails: {POOL}.nodeSelector: there is no node"] == found(**edits)


def test_a_node_that_only_prefers_others_may_be_used() -> None:
    assert [] == found(a_node(taints=(Taint("sku", "gpu", "PreferNoSchedule"),)))


def test_a_pool_that_tolerates_the_taint_has_the_node() -> None:
    tolerated = {f"{POOL}.tolerations": [{"key": "sku", "value": "gpu"}]}
    assert [] == found(a_node(taints=(Taint("sku", "gpu", "NoSchedule"),)), **tolerated)


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "sku", "operator": "Exists"}, True),
        ({"key": "sku", "operator": "Equal", "value": "gpu"}, True),
        ({"key": "sku", "value": "cpu"}, False),
        ({"key": "sku"}, False),
        ({"key": "sku", "operator": "Exists", "effect": "NoSchedule"}, False),
        ({"key": "sku", "operator": "Exists", "effect": "NoExecute"}, True),
        ({"key": "sku", "operator": "Exists", "tolerationSeconds": 300}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
    ids=str,
)
def test_a_taint_is_tolerated_as_the_scheduler_does(
    toleration: dict[str, Any],
    expected: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert expected is tolerates(toleration, Taint("sku", "gpu", "NoExecute"))


def test_nodes_that_share_their_devices_are_flagged_beside_others() -> None:
    assert [
        (
            f"warning: {POOL}.allowSharedDevices: 1 of its 2 nodes share devices: "
            "nvidia.com/gpu.product=Tesla-T4-SHARED; no trial runs there"
        )
    ] == found(a_node(), a_node("n-3", labels={f"{GPU}.product": "Tesla-T4-SHARED"}))


def test_shared_devices_that_are_allowed_are_flagged() -> None:
    said = found(a_node(labels=SHARED), **{f"{POOL}.allowSharedDevices": True})
    assert said[0].endswith("latencies measured there mean little")


def test_slices_are_flagged() -> None:
    labels = {f"{GPU}.product": "A100-SXM4-40GB-MIG-1g.5gb"}
    assert [
        (
            f"warning: {POOL}.resources.accelerators: trials run on slices of devices (MIG "
            "1g.5gb): what they measure holds for such a slice alone"
        )
    ] == found(a_node(labels=labels))


def test_a_pool_of_different_devices_is_flagged() -> None:
    products = [{f"{GPU}.product": name} for name in ("NVIDIA-L4", "Tesla-T4")]
    nodes = [a_node(f"n-{number}", labels=labels) for number, labels in enumerate(products)]
    assert [
        (
            f"warning: {POOL}.nodeSelector: its nodes have different devices (NVIDIA-L4, "
            "Tesla-T4): make a pool for each"
        )
    ] == found(*nodes)


@pytest.mark.parametrize(
    ("placement", "room", "expected"),
    [
        ("OnePerNode", {GPU: "4"}, "2 of 8"),
        ("Packed", {GPU: "2"}, "4 of 8"),
        ("Packed", {GPU: "4"}, "6 of 8"),
        ("Packed", {GPU: "4", "pods": "1"}, "2 of 8"),
    ],
    ids=["one a node", "by devices", "by cores", "by Pods"],
)
def test_fewer_places_than_parallel_trials_are_told(
    placement: str, room: dict[str, str], expected: str
) -> None:
    nodes = [a_node(f"n-{number}", allocatable=room) for number in (1, 3)]
    edits = {f"{POOL}.placement": placement, "spec.parallelTrials": 8}
    edits["spec.nodePools[1].maxParallelTrials"] = 1
    assert [f"warning: {POOL}.resources: {expected} parallel trials fit on its 2 nodes"] == found(
        *nodes, **edits
    )


def test_a_pool_whose_nodes_may_not_be_read_is_unknown() -> None:
    tuning = a_tuning_on_pools()
    (finding,) = pool_findings(tuning, the_facts(tuning, Unread("nodes is forbidden")))
    assert f"unknown: {POOL}: whether a node fits cannot be known: nodes is forbidden" == str(
        finding
    )
    assert "a100" == finding.pool
