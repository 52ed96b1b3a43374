"""What the cluster does to a trial: it runs again, and the search hears nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clusters.images import Image
from clusters.kwok import pretended_nodes
from clusters.node_clusters import NodeCluster
from clusters.nodes import ACCELERATOR, POOLS
from node.operating import (
    Operated,
    a_pool,
    an_operated_cluster,
    evict,
    status_of,
    until_attempts,
    until_busy,
    until_finished,
)
from pod_cases.scene import RESTRICTED, a_container

DEVICES = 1
PRIORITY_CLASS = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "urgent"},
    "value": 1000,
}
GONE, LOST = "node-deleted", "node-lost"
NODE_LOSS_SECONDS = 150.0


@pytest.fixture(scope="module")
def operated(
    node_cluster: NodeCluster, deterministic_image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operated]:
    with an_operated_cluster(
        node_cluster, deterministic_image, tmp_path_factory.mktemp("disruptions")
    ) as made:
        yield made


def start(operated: Operated, name: str, pool: str = "pool-1") -> str:
    """Apply a tuning whose trial waits for its disruption, and return its Pod once it runs."""
    pools = [a_pool(pool, DEVICES)]
    operated.kubectl.apply(operated.tuning(name, "hang-at-first", pools=pools))
    until_busy(operated.kubectl, f"{name}-0-0")
    return f"{name}-0-0"


@contextmanager
def evicted(operated: Operated, pod: str) -> Iterator[None]:
    evict(operated.kubectl, pod)
    yield


@contextmanager
def deleted(operated: Operated, pod: str) -> Iterator[None]:
    operated.kubectl.run("delete", "pod", pod, "--wait=false")
    yield


@contextmanager
def tainted_away(operated: Operated, _pod: str) -> Iterator[None]:
    node = operated.nodes.node_of("pool-1").name
    operated.kubectl.run("taint", "node", node, "example.com/away=:NoExecute")
    try:
        yield
    finally:
        operated.kubectl.run("taint", "node", node, "example.com/away-")


@contextmanager
def preempted(operated: Operated, _pod: str) -> Iterator[None]:
    """A Pod of a higher priority takes all devices of the node."""
    operated.kubectl.apply(PRIORITY_CLASS)
    limits = {"cpu": "100m", "memory": "32Mi", ACCELERATOR: "2"}
    urgent = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "urgent"},
        "spec": {
            "priorityClassName": "urgent",
            "nodeSelector": operated.nodes.node_of("pool-1").labels,
            "terminationGracePeriodSeconds": 1,
            "securityContext": dict(RESTRICTED),
            "containers": [a_container("sleep 1000", resources={"limits": limits})],
        },
    }
    operated.kubectl.create(urgent)
    try:
        yield
    finally:
        operated.kubectl.run("delete", "pod", "urgent", "--wait=false")


@pytest.mark.parametrize(
    ("disturbed", "says"),
    [
        (evicted, "EvictionByEvictionAPI"),
        (deleted, "deleted by somebody else"),
        (tainted_away, "DeletionByTaintManager"),
        (preempted, "PreemptionByScheduler"),
    ],
)
def test_a_trial_that_the_cluster_ends_is_run_again_and_not_charged(
    operated: Operated, disturbed: Callable[[Operated, str], Any], says: str
) -> None:
    name = disturbed.__name__.replace("_", "-")
    pod = start(operated, name)

    with disturbed(operated, pod):
        until_attempts(operated.kubectl, f"{name}-0", 1)

    assert_run_again(operated, name, says)


@pytest.mark.timeout(420)
def test_trials_lost_with_their_nodes_are_run_again_whether_or_not_the_nodes_are_deleted(
    operated: Operated,
) -> None:
    """Both at once, beside a node that only pretends: without any Kubernetes evicts nothing."""
    kubectl, (deleted_pool, lost_pool) = operated.kubectl, POOLS
    start(operated, GONE, deleted_pool)
    lost = start(operated, LOST, lost_pool)

    control_plane = operated.nodes.control_plane
    with pretended_nodes(control_plane, ["elsewhere"]), kubelets_down(operated):
        operated.nodes.node_of(deleted_pool).delete()
        until_attempts(kubectl, f"{LOST}-0", 1, seconds=NODE_LOSS_SECONDS)
        until_attempts(kubectl, f"{GONE}-0", 1, seconds=NODE_LOSS_SECONDS)
        assert "Running" == kubectl.read("get", "pod", lost)["status"]["phase"]

    assert_run_again(operated, LOST, "DeletionByTaintManager")
    assert_run_again(operated, GONE, "DeletionByPodGC")


def test_a_trial_whose_retries_are_spent_is_not_proposed_again_and_the_tuning_goes_on(
    operated: Operated,
) -> None:
    """Of two configurations and two trials, one is spoiled: only one trial is charged."""
    name = "spoiled"
    kubectl = operated.kubectl
    kubectl.apply(operated.tuning(name, "hang", "measure", max_trials=2, infra_retries=1))
    for attempt in range(2):
        until_busy(kubectl, f"{name}-0-{attempt}")
        evict(kubectl, f"{name}-0-{attempt}")

    status = until_finished(kubectl, name)

    spoiled = status_of(kubectl, "tuningtrial", f"{name}-0")
    next_one = kubectl.read("get", "tuningtrial", f"{name}-1")
    assert ("Infrastructure", "Disrupted") == (spoiled["outcome"], spoiled["cause"])
    assert 2 == len(spoiled["attempts"])
    assert {"kind": "measure"} == next_one["spec"]["parameters"]
    assert [] == next_one["spec"]["proposal"].get("knew", [])
    assert {"Infrastructure": 1, "Feasible": 1} == status["outcomes"]
    assert "SpaceExhausted" == reason_of(status)


@contextmanager
def kubelets_down(operated: Operated) -> Iterator[None]:
    """Kill the kubelets of all nodes, and have them back in the end."""
    for node in operated.nodes.nodes:
        node.kubelet.kill()
    try:
        yield
    finally:
        for node in operated.nodes.nodes:
            node.kubelet.start()
        for node in operated.nodes.nodes:
            node.await_ready()


def assert_run_again(operated: Operated, name: str, says: str) -> None:
    """Hold a tuning of one trial against what a disruption may do to it: nothing but seconds."""
    status = until_finished(operated.kubectl, name)
    trial = operated.kubectl.read("get", "tuningtrial", f"{name}-0")
    first, second = trial["status"]["attempts"]
    assert ("Infrastructure", "Disrupted") == (first["outcome"], first["cause"])
    assert says in first["message"]
    assert "Feasible" == second["outcome"]
    assert [f"{name}-0-0", f"{name}-0-1"] == [first["pod"], second["pod"]]
    assert (1, {"Feasible": 1}) == (status["trials"], status["outcomes"])
    assert [{"cause": "Infrastructure/Disrupted", "seconds": first["seconds"]}] == status["wasted"]
    assert first["acceleratorSeconds"] == pytest.approx(first["seconds"] * DEVICES)
    assert first["acceleratorSeconds"] > 0
    total = first["acceleratorSeconds"] + second["acceleratorSeconds"]
    assert status["acceleratorSeconds"] == pytest.approx(total)


def reason_of(status: dict[str, Any]) -> str:
    [finished] = [each for each in status["conditions"] if each["type"] == "Finished"]
    return str(finished["reason"])
