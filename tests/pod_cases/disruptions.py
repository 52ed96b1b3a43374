"""Pods that others end: users, the scheduler, controllers, kubelets, and nodes that are lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import a_breadcrumb
from clusters.containerd import PAUSE_IMAGE
from clusters.images import BUSYBOX_IMAGE
from clusters.nodes import ACCELERATOR
from clusters.removal import control_groups_of

from deploytune.api.quantities import bytes_of
from deploytune.contract.stages import Stage
from pod_cases.ends import ABSENT_IMAGE, reporting_when_asked_to_end
from pod_cases.scene import (
    OTHER_NAME,
    Json,
    PodCase,
    Scene,
    a_container,
    a_pod,
    container_id_of,
    saying,
    state_of,
)
from pod_cases.waits import NOWHERE

SLEEP = saying(a_breadcrumb(Stage.MEASURE), "exec sleep 1000")
UNREACHABLE = [
    {
        "key": f"node.kubernetes.io/{what}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 3,
    }
    for what in ("unreachable", "not-ready")
]
TWO_DEVICES = {"resources": {"limits": {"cpu": "100m", "memory": "32Mi", ACCELERATOR: "2"}}}
PODGC_SECONDS = 180.0


def _evicted(script: str) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(script))
        scene.until_running()
        scene.evict()
        return scene.until_ended()

    return play


def _tainted(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP))
    scene.until_running()
    scene.kubectl.run("taint", "node", scene.node.name, "example.com/away=:NoExecute")
    try:
        return scene.until_ended()
    finally:
        scene.kubectl.run("taint", "node", scene.node.name, "example.com/away-")


def _preempted(scene: Scene) -> Json:
    scene.kubectl.apply(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "urgent"},
            "value": 1000,
        }
    )
    scene.create(a_pod(SLEEP, container=TWO_DEVICES))
    scene.until_running()
    urgent = a_pod(SLEEP, container=TWO_DEVICES, priorityClassName="urgent")
    scene.create({**urgent, "metadata": {"name": OTHER_NAME}})
    return scene.until_ended()


def _deleted(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP))
    scene.until_running()
    scene.delete()
    return scene.until_ended()


def _being_deleted(scene: Scene) -> Json:
    scene.create(a_pod("trap '' TERM; sleep 1000 & wait", terminationGracePeriodSeconds=30))
    scene.until_running()
    scene.delete()
    return scene.pod()


def _deleted_before_a_node(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP, nodeSelector=NOWHERE))
    scene.delete()
    return scene.pod()


def _deleted_while_the_image_waits(scene: Scene) -> Json:
    scene.create(a_pod(container={"image": ABSENT_IMAGE}))
    scene.until_waiting("ErrImagePull")
    scene.delete()
    return scene.until_ended()


def _deleted_after_its_end(scene: Scene) -> Json:
    scene.create(a_pod("exit 1"))
    ended = state_of(scene.until_ended())["terminated"]["finishedAt"]
    scene.until_later_than(ended)
    scene.delete()
    return scene.pod()


def _lost_with_its_node(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP, tolerations=UNREACHABLE))
    scene.until_running()
    with _kubelet_down(scene):
        return scene.until_disrupted()


def _lost_with_a_deleted_node(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP, tolerations=UNREACHABLE))
    scene.until_running()
    with _kubelet_down(scene):
        scene.node.delete()
        return scene.until_ended(PODGC_SECONDS)


def _deleted_on_a_dead_node(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP))
    scene.until_running()
    with _kubelet_down(scene):
        scene.delete()
        return scene.pod()


@contextmanager
def _kubelet_down(scene: Scene) -> Iterator[None]:
    scene.node.kubelet.kill()
    try:
        yield
    finally:
        scene.node.kubelet.start()
        scene.node.await_ready()


def _refused(**spec: Any) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(nodeName=scene.node.name, **spec))
        return scene.until_ended()

    return play


def _asking_for(resource: str, amount: str) -> list[Json]:
    return [a_container(resources={"limits": {"memory": "32Mi", "cpu": "1", resource: amount}})]


def _node_under_pressure(scene: Scene) -> Json:
    scene.create(a_pod(reporting_when_asked_to_end()))
    scene.until_running()
    configuration = scene.node.folder / "kubelet.json"
    usual = configuration.read_text()
    document = json.loads(usual)
    document["evictionHard"]["memory.available"] = f"{_nearly_all_memory_of(scene) >> 10}Ki"
    with _kubelet_down(scene):
        configuration.write_text(json.dumps(document))
    try:
        return scene.until_ended()
    finally:
        with _kubelet_down(scene):
            configuration.write_text(usual)


def _sandbox_dies(scene: Scene) -> Json:
    """An image that ends at once takes the place of the one that holds a Pod's namespaces."""
    scene.on_containerd("images", "tag", "--force", PAUSE_IMAGE, f"{PAUSE_IMAGE}-kept")
    scene.on_containerd("images", "tag", "--force", BUSYBOX_IMAGE, PAUSE_IMAGE)
    try:
        scene.create(a_pod(SLEEP))
        return scene.until_ended()
    finally:
        scene.on_containerd("images", "tag", "--force", f"{PAUSE_IMAGE}-kept", PAUSE_IMAGE)


def _nearly_all_memory_of(scene: Scene) -> int:
    """More than is free on a machine in use, and less than it has, which a kubelet insists on."""
    [capacity] = [
        node["status"]["capacity"]["memory"]
        for node in scene.kubectl.items("nodes")
        if node["metadata"]["name"] == scene.node.name
    ]
    return bytes_of(capacity) - (256 << 20)


def _container_lost_by_its_runtime(scene: Scene) -> Json:
    """What a reboot leaves: the runtime knows the container, and nothing of it lives."""
    scene.create(a_pod(SLEEP))
    container = container_id_of(scene.until_running())
    scene.node.kubelet.kill()
    scene.node.containerd.component.kill()
    for pid in _processes_of(scene, container):
        os.kill(_parent_of(pid), signal.SIGKILL)  # its shim, which would remember how it ended
        os.kill(pid, signal.SIGKILL)
    scene.node.containerd.start()
    scene.node.kubelet.start()
    return scene.until_ended()


def _container_forgotten_by_its_runtime(scene: Scene) -> Json:
    scene.create(a_pod(SLEEP))
    container = container_id_of(scene.until_running())
    scene.node.kubelet.kill()
    scene.on_containerd("tasks", "delete", "--force", container)
    scene.on_containerd("containers", "delete", container)
    scene.node.containerd.component.kill()
    scene.node.containerd.start()
    scene.node.kubelet.start()
    return scene.until_ended()


def _processes_of(scene: Scene, container: str) -> set[int]:
    """Return the processes in the control groups of a container of this cluster."""
    groups = control_groups_of(scene.cluster.control_plane.state)
    lists = [group / "cgroup.procs" for group in groups if group.name == container]
    return {int(pid) for each in lists for pid in each.read_text().split()}


def _parent_of(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[1])


DISRUPTIONS: Mapping[str, PodCase] = {
    "evicted": _evicted(SLEEP),
    "evicted-with-report-of-interruption": _evicted(reporting_when_asked_to_end()),
    "tainted-away": _tainted,
    "preempted": _preempted,
    "deleted": _deleted,
    "being-deleted": _being_deleted,
    "deleted-before-a-node": _deleted_before_a_node,
    "deleted-while-image-missing": _deleted_while_the_image_waits,
    "deleted-after-its-end": _deleted_after_its_end,
    "node-lost": _lost_with_its_node,
    "node-lost-and-deleted": _lost_with_a_deleted_node,
    "deleted-on-a-dead-node": _deleted_on_a_dead_node,
    "refused-for-its-label": _refused(nodeSelector=NOWHERE),
    "refused-for-cpu": _refused(containers=_asking_for("cpu", "999")),
    "refused-for-accelerators": _refused(containers=_asking_for(ACCELERATOR, "9")),
    "node-under-pressure": _node_under_pressure,
    "sandbox-died": _sandbox_dies,
    "container-lost": _container_lost_by_its_runtime,
    "container-forgotten": _container_forgotten_by_its_runtime,
}
