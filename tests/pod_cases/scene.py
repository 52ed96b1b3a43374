"""A cluster on which a case plays: it makes trial Pods of a shell's words and watches them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.images import BUSYBOX_IMAGE
from clusters.kubectl import Kubectl
from clusters.kubelets import Node
from clusters.node_clusters import NodeCluster
from clusters.nodes import POOL_LABEL
from clusters.programs import output_of
from clusters.waiting import eventually

from deploytune.state.pods import labels

Json = dict[str, Any]
PodCase = Callable[["Scene"], Json]

NAME = "tune-0-0"
POOL = "pool-1"
OTHER_NAME = "other"
GRACE_SECONDS = 2
PATIENCE_SECONDS = 90.0

RESTRICTED: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def a_container(script: str = "", **fields: Any) -> Json:
    """A container that runs a script in a shell; `fields` are added, or take another's place."""
    return {
        "name": labels.CONTAINER,
        "image": BUSYBOX_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "resources": {"limits": {"cpu": "100m", "memory": "32Mi"}},
        "securityContext": dict(RESTRICTED_CONTAINER),
        **fields,
    }


def a_pod(script: str = "", *, container: Mapping[str, Any] | None = None, **spec: Any) -> Json:
    """A trial's Pod whose container runs a script; `spec` adds to the Pod's own."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "labels": {
                **labels.TRIAL_PODS,
                labels.TUNING: "tune",
                labels.TRIAL_INDEX: "0",
                labels.ATTEMPT: "0",
                labels.POOL: POOL,
            },
            "annotations": {labels.TEMPLATE: "0123456789abcdef"},
            "finalizers": [labels.RESULT_FINALIZER],
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": dict(RESTRICTED),
            "nodeSelector": {POOL_LABEL: POOL},
            "containers": [a_container(script, **(container or {}))],
            **spec,
        },
    }


def saying(word: bytes, then: str = "") -> str:
    """A script that leaves its last word and goes on."""
    quoted = word.decode().replace("'", "'\\''")
    return f"printf %s '{quoted}' > /dev/termination-log; {then}"


@dataclass(frozen=True)
class Scene:
    """The cluster, and kubectl in the case's namespace."""

    cluster: NodeCluster
    kubectl: Kubectl

    @property
    def node(self) -> Node:
        """The node of the trial's pool."""
        return self.cluster.node_of(POOL)

    def create(self, pod: Mapping[str, Any]) -> None:
        """Create a Pod."""
        self.kubectl.create(pod)

    def pod(self, name: str = NAME) -> Json:
        """Return a Pod as it is now."""
        found: Json = self.kubectl.read("get", "pod", name, "--show-managed-fields")
        return found

    def until(
        self, is_so: Callable[[Json], bool], waited_for: str, seconds: float = PATIENCE_SECONDS
    ) -> Json:
        """Return the trial's Pod once it is so."""
        found: list[Json] = []

        def look() -> bool:
            found[:] = [self.pod()]
            return is_so(found[0])

        eventually(look, waited_for, seconds=seconds)
        return found[0]

    def until_ended(self, seconds: float = PATIENCE_SECONDS) -> Json:
        """Return the trial's Pod once its phase is terminal."""
        return self.until(has_ended, "a terminal phase", seconds)

    def until_running(self) -> Json:
        """Return the trial's Pod once its trial runs."""
        return self.until(lambda pod: "running" in state_of(pod), "a running trial")

    def until_waiting(self, reason: str) -> Json:
        """Return the trial's Pod once its trial waits for this reason."""
        return self.until(
            lambda pod: state_of(pod).get("waiting", {}).get("reason") == reason, reason
        )

    def until_disrupted(self) -> Json:
        """Return the trial's Pod once it is a disruption's target."""
        return self.until(lambda pod: condition(pod, "DisruptionTarget") == "True", "a disruption")

    def until_warned(self, reason: str) -> Json:
        """Return the trial's Pod once a Warning Event gives this reason."""
        eventually(
            lambda: any(one.startswith(f"{reason}:") for one in self.warnings()),
            reason,
            seconds=PATIENCE_SECONDS,
        )
        return self.pod()

    def until_later_than(self, moment: str) -> None:
        """Wait until the API server's clock, which shows on what it creates, is past a second."""
        thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "clock-"}}
        eventually(
            lambda: self.kubectl.create(thing)["metadata"]["creationTimestamp"] > moment,
            f"a second after {moment}",
        )

    def warnings(self) -> list[str]:
        """Return what Warning Events say of the trial's Pod, the latest first."""
        fields = f"--field-selector=involvedObject.name={NAME},type=Warning"
        events = self.kubectl.items("events", fields)
        latest = sorted(events, key=lambda event: event.get("lastTimestamp") or "", reverse=True)
        return [f"{event['reason']}: {event['message']}" for event in latest]

    def delete(self, name: str = NAME) -> None:
        """Delete a Pod, as a user does."""
        self.kubectl.run("delete", "pod", name, "--wait=false")

    def evict(self) -> None:
        """Ask for the trial's eviction, as a drain does."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": NAME, "namespace": self.kubectl.namespace},
        }
        place = f"/api/v1/namespaces/{self.kubectl.namespace}/pods/{NAME}/eviction"
        self.kubectl.run("create", f"--raw={place}", "--filename=-", document=json.dumps(eviction))

    def on_containerd(self, *words: str) -> str:
        """Run a command of the node's container runtime."""
        socket = self.node.containerd.socket
        return output_of(["ctr", "--address", socket, "--namespace", "k8s.io", *words])

    def clear(self, names: Iterable[str] = (NAME, OTHER_NAME)) -> None:
        """Take the case's Pods away."""
        for name in names:
            free = '--patch={"metadata":{"finalizers":null}}'
            self.kubectl.attempt("patch", "pod", name, "--type=merge", free)
            self.kubectl.attempt("delete", "pod", name, "--grace-period=1", "--wait=false")


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Tell whether a Pod's phase is terminal."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def state_of(pod: Mapping[str, Any], name: str = labels.CONTAINER) -> Json:
    """Return the state of a Pod's container, empty while its kubelet says nothing of it."""
    statuses: Sequence[Json] = pod["status"].get("containerStatuses", [])
    return next((one["state"] for one in statuses if one["name"] == name), {})


def container_id_of(pod: Mapping[str, Any]) -> str:
    """Return the container runtime's name of the trial's container."""
    statuses: Sequence[Json] = pod["status"]["containerStatuses"]
    [found] = [one["containerID"] for one in statuses if one["name"] == labels.CONTAINER]
    return str(found).partition("://")[2]


def condition(pod: Mapping[str, Any], kind: str) -> str | None:
    """Return the status of a Pod's condition, None if it is not there."""
    conditions: Sequence[Json] = pod["status"].get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == kind), None)
