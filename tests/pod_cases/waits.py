"""Pods that wait, and those that just run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clusters.nodes import POOL_LABEL

from pod_cases.ends import ABSENT_CONFIG, ABSENT_IMAGE, DATA
from pod_cases.scene import NAME, Json, PodCase, Scene, a_pod, condition

GATES = [{"name": "kueue.x-k8s.io/admission"}]
NOWHERE = {POOL_LABEL: "absent"}


def _image(image: str, policy: str, reason: str) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(container={"image": image, "imagePullPolicy": policy}))
        return scene.until_waiting(reason)

    return play


def _secret(scene: Scene) -> Json:
    source = {"secretKeyRef": {"name": "absent", "key": "token"}}
    scene.create(a_pod(container={"env": [{"name": "TOKEN", "valueFrom": source}]}))
    return scene.until_waiting("CreateContainerConfigError")


def _volume(scene: Scene) -> Json:
    scene.create(a_pod(container=DATA, volumes=ABSENT_CONFIG))
    return scene.until_warned("FailedMount")


def _runtime(scene: Scene) -> Json:
    runtime = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "absent"},
        "handler": "absent",
    }
    scene.kubectl.apply(runtime)
    scene.create(a_pod(runtimeClassName="absent"))
    return scene.until_warned("FailedCreatePodSandBox")


def _unschedulable(scene: Scene) -> Json:
    scene.create(a_pod(nodeSelector=NOWHERE))
    return scene.until(lambda pod: condition(pod, "PodScheduled") == "False", "the scheduler")


def _gated(scene: Scene) -> Json:
    scene.create(a_pod(schedulingGates=GATES))
    return scene.until(lambda pod: condition(pod, "PodScheduled") == "False", "the gate")


def _gate_lifted(scene: Scene) -> Json:
    pod = a_pod(schedulingGates=GATES, nodeSelector=NOWHERE)
    pod["metadata"]["labels"] |= {"kueue.x-k8s.io/queue-name": "gpus"}
    scene.create(pod)
    scene.until_later_than(scene.pod()["metadata"]["creationTimestamp"])
    lift = [{"op": "remove", "path": "/spec/schedulingGates"}]
    scene.kubectl.run("patch", "pod", NAME, "--type=json", f"--patch={json.dumps(lift)}")
    return scene.until(lambda pod: "Unschedulable" in str(pod["status"]), "the scheduler")


def _starting(scene: Scene) -> Json:
    scene.create(a_pod("sleep 1000"))
    return scene.until(lambda pod: "ContainerCreating" in str(pod["status"]), "the kubelet")


def _running(scene: Scene) -> Json:
    scene.create(a_pod("sleep 1000"))
    return scene.until_running()


WAITS: Mapping[str, PodCase] = {
    "running": _running,
    "starting": _starting,
    "image-missing": _image(ABSENT_IMAGE, "IfNotPresent", "ErrImagePull"),
    "image-missing-for-long": _image(ABSENT_IMAGE, "IfNotPresent", "ImagePullBackOff"),
    "image-never-pulled": _image(ABSENT_IMAGE, "Never", "ErrImageNeverPull"),
    "image-name-invalid": _image("Not:::A Name", "IfNotPresent", "InvalidImageName"),
    "secret-missing": _secret,
    "volume-missing": _volume,
    "runtime-missing": _runtime,
    "unschedulable": _unschedulable,
    "gated": _gated,
    "gate-lifted": _gate_lifted,
}
