"""The nodes that the other tests stand on: Pods run where their pool is, and end as on any node."""

from __future__ import annotations

from typing import Any

import pytest
from clusters.images import BUSYBOX_IMAGE
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster
from clusters.nodes import ACCELERATOR, POOL_LABEL, POOLS, is_ready
from clusters.waiting import eventually

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_pod(script: str, pool: str = "pool-1", **spec: Any) -> dict[str, Any]:
    """A Pod of one shell script on the nodes of a pool."""
    container = {
        "name": "main",
        "image": BUSYBOX_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "securityContext": RESTRICTED,
        "resources": {"limits": {"cpu": "200m", "memory": "32Mi", ACCELERATOR: "1"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "asking"},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "nodeSelector": {POOL_LABEL: pool},
            "containers": [container],
            **spec,
        },
    }


def ended(kubectl: Kubectl) -> dict[str, Any]:
    """Wait for the Pod's end and return its status."""

    def status() -> dict[str, Any] | None:
        found: dict[str, Any] = (kubectl.get("pod", "asking") or {}).get("status", {})
        return found if found.get("phase") in {"Succeeded", "Failed"} else None

    return eventually(status, "the Pod's end")


def terminated(status: dict[str, Any]) -> dict[str, Any]:
    [container] = status["containerStatuses"]
    found: dict[str, Any] = container["state"]["terminated"]
    return found


@pytest.mark.parametrize("pool", POOLS)
def test_a_pod_runs_on_a_node_of_its_pool(kubectl: Kubectl, pool: str) -> None:
    kubectl.create(a_pod("echo '{\"v\":1}' >/dev/termination-log; echo said", pool))

    status = ended(kubectl)

    node = kubectl.read("get", "pod", "asking")["spec"]["nodeName"]
    labels = kubectl.read("get", "node", node)["metadata"]["labels"]
    assert (labels[POOL_LABEL], status["phase"]) == (pool, "Succeeded")
    assert terminated(status)["message"] == '{"v":1}\n'
    assert kubectl.run("logs", "asking") == "said\n"


def test_a_container_over_its_memory_is_killed_and_its_last_words_are_kept(
    kubectl: Kubectl,
) -> None:
    hungry = "echo building >/dev/termination-log; exec /bin/busybox tail /dev/zero"
    kubectl.create(a_pod(hungry))

    status = ended(kubectl)

    said = terminated(status)
    assert (status["phase"], said["reason"], said["exitCode"]) == ("Failed", "OOMKilled", 137)
    assert said["message"] == "building\n"


def test_a_pod_past_its_deadline_is_ended(kubectl: Kubectl) -> None:
    kubectl.create(a_pod("exec /bin/busybox sleep 600", activeDeadlineSeconds=2))

    status = ended(kubectl)

    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_pod_that_asks_for_more_accelerators_than_there_are_waits(kubectl: Kubectl) -> None:
    pod = a_pod("exit 0")
    pod["spec"]["containers"][0]["resources"]["limits"][ACCELERATOR] = "9"
    kubectl.create(pod)

    def refusal() -> str:
        conditions = kubectl.read("get", "pod", "asking")["status"].get("conditions", [])
        return next((c["message"] for c in conditions if c["type"] == "PodScheduled"), "")

    assert f"Insufficient {ACCELERATOR}" in eventually(refusal, "the scheduler's word")


@pytest.mark.timeout(180)
def test_a_node_whose_kubelet_was_killed_is_lost_and_comes_back(node_cluster: NodeCluster) -> None:
    node = node_cluster.node_of("pool-2")
    node.kubelet.kill()
    try:
        eventually(lambda: not is_ready(node.access, node.name), "the loss of the node", seconds=90)
    finally:
        node.kubelet.start()
    node.await_ready()
