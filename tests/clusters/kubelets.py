"""Nodes: a kubelet and a containerd each, all on one machine, as good as apart.

A node is named by its loopback address, which the API server can therefore reach without a name
service. Each has its own root folder, control groups, Pod network, logs and accelerators: an
extended resource set on the node's status, since the machine has none.
"""

from __future__ import annotations

import json
from pathlib import Path

from clusters import control_groups
from clusters.access import cluster_entry, user_entry, write_kubeconfig
from clusters.certificates import Certificate
from clusters.containerd import Containerd
from clusters.control_plane import ControlPlane
from clusters.nodes import ACCELERATOR, POOL_LABEL, is_ready
from clusters.ports import free_port
from clusters.removal import name_of
from clusters.waiting import eventually

ACCELERATORS_PER_NODE = 2
READY_SECONDS = 90.0


class Node:
    """One node: `kubelet` and `containerd.component` can be killed and started again."""

    def __init__(self, control_plane: ControlPlane, number: int) -> None:
        self.name = f"127.0.1.{number}"
        self.pool = f"pool-{number}"
        self.access = control_plane.access
        self.folder = control_plane.state / f"node-{number}"
        self.folder.mkdir()
        self._group = f"{name_of(control_plane.state)}/node-{number}"
        network = f"{name_of(control_plane.state)}-node-{number}"
        subnet = _subnet_of(control_plane.state, number)
        self.containerd = Containerd(control_plane, self.folder, network, subnet)
        self.kubelet = control_plane.component(
            f"node-{number}-kubelet", self._command(control_plane)
        )

    def start(self) -> None:
        """Start the container runtime and the kubelet."""
        control_groups.make_root(self._group)
        self.containerd.start()
        self.kubelet.start()

    def await_ready(self) -> None:
        """Wait until the node takes Pods, and give it its label and its accelerators."""
        eventually(self.is_ready, f"readiness of {self.name}", seconds=READY_SECONDS)
        self.access.kubectl.merge("node", self.name, {"metadata": {"labels": self.labels}})
        devices = {ACCELERATOR: str(ACCELERATORS_PER_NODE)}
        resources = {"capacity": devices, "allocatable": devices}
        self.access.kubectl.merge_status("node", self.name, {"status": resources})

    @property
    def labels(self) -> dict[str, str]:
        """What a node of a pool carries."""
        return {POOL_LABEL: self.pool, "nvidia.com/gpu.product": "Test-Accelerator"}

    def is_ready(self) -> bool:
        """Whether its kubelet, since its start, has said that it is.

        A kubelet that starts sets unknown resources to zero before its first word: what is read or
        set earlier than that is an older kubelet's.
        """
        self.kubelet.must_run()
        return is_ready(self.access, self.name, self.kubelet.started_at)

    def delete(self) -> None:
        """Delete the Node object, as a cloud does when the machine is gone for good."""
        self.access.kubectl.run("delete", "node", self.name)

    def _command(self, control_plane: ControlPlane) -> list[str | Path]:
        number = self.folder.name
        authority = control_plane.authority
        client = authority.issue(number, f"/O=system:nodes/CN=system:node:{self.name}")
        serving = authority.issue(f"{number}-serving", f"/CN={self.name}", [f"IP:{self.name}"])
        kubeconfig = self.folder / "kubeconfig"
        cluster = cluster_entry(control_plane.server, authority.own)
        write_kubeconfig(kubeconfig, cluster, user_entry(client))
        configuration = self.folder / "kubelet.json"
        configuration.write_text(
            json.dumps(self._configuration(authority.own.certificate, serving))
        )
        return [
            control_plane.programs / "kubelet",
            f"--config={configuration}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'pki'}",
            f"--hostname-override={self.name}",
        ]

    def _configuration(self, authority: Path, serving: Certificate) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "address": self.name,
            "port": free_port(self.name),
            "readOnlyPort": 0,
            "healthzPort": 0,
            "containerRuntimeEndpoint": f"unix://{self.containerd.socket}",
            "podLogsDir": str(self.folder / "logs"),
            "volumePluginDir": str(self.folder / "plugins"),
            **_CONTROL_GROUPS,
            "cgroupRoot": f"/{self._group}",
            **_PACE,
            **_NO_PRESSURE,
        }


_CONTROL_GROUPS = {
    "cgroupDriver": "cgroupfs",
    "failCgroupV1": False,
    "oomScoreAdj": 0,  # lowering it takes CAP_SYS_RESOURCE
    "failSwapOn": False,
}
_PACE = {
    "nodeStatusUpdateFrequency": "2s",
    "syncFrequency": "1s",
    "registryPullQPS": 0,
    "kubeAPIQPS": 100,
    "kubeAPIBurst": 200,
    "eventRecordQPS": 0,
    "nodeLeaseDurationSeconds": 8,
}
# A full disk or a busy machine is the developer's, not what a test is about. 0 % is no threshold at
# all: a node under pressure takes no Pods, and every test after that fails for a reason of its own.
_NO_PRESSURE = {
    "evictionHard": dict.fromkeys(
        (
            "memory.available",
            "nodefs.available",
            "imagefs.available",
            "nodefs.inodesFree",
            "imagefs.inodesFree",
            "pid.available",
        ),
        "0%",
    ),
    "imageGCHighThresholdPercent": 100,
}


def _subnet_of(state: Path, number: int) -> str:
    """Return a subnet that two clusters on one machine hardly share."""
    block = int(name_of(state)[-4:], 16) % 250
    return f"10.{block}.{87 + number}.0/24"
