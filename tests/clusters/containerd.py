"""A containerd of a node's own: its images, its containers, its Pod network, all in one folder.

Everything it would put under /run or /var goes into the node's folder, where removal finds it.
"""

from __future__ import annotations

import json
from pathlib import Path

from clusters.control_plane import ControlPlane
from clusters.programs import ClusterSetUpError, output_of
from clusters.waiting import eventually

PAUSE_IMAGE = "localhost/deploytune-tests/pause:latest"
CNI_PLUGINS = "/usr/lib/cni"
CONFIGURATION = """version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  # Without it no sandbox starts where root lacks CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  sandbox_image = "{pause}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{folder}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
"""


class Containerd:
    """The container runtime of one node."""

    def __init__(
        self, control_plane: ControlPlane, folder: Path, network: str, subnet: str
    ) -> None:
        self.folder = folder
        self.socket = folder / "containerd.sock"
        self._write_network(network, subnet)
        configuration = folder / "containerd.toml"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                socket=self.socket,
                pause=PAUSE_IMAGE,
                snapshotter=_snapshotter_for(folder),
                plugins=CNI_PLUGINS,
            )
        )
        command = ("containerd", "--config", configuration)
        self.component = control_plane.component(f"{folder.name}-containerd", command)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.component.start()
        eventually(self._answers, f"an answer of {self.component.name}")

    def import_image(self, archive: Path) -> None:
        """Give the node an image; there is no registry to pull it from."""
        output_of([*self._client(), "--namespace", "k8s.io", "images", "import", archive])

    def remove_image(self, reference: str) -> None:
        """Take an image away from the node."""
        output_of([*self._client(), "--namespace", "k8s.io", "images", "remove", reference])

    def _client(self) -> list[str]:
        return ["ctr", "--address", str(self.socket)]

    def _answers(self) -> bool:
        self.component.must_run()
        try:
            output_of([*self._client(), "version"], timeout_seconds=10)
        except ClusterSetUpError:
            return False
        return True

    def _write_network(self, network: str, subnet: str) -> None:
        """Pods reach the node and nothing else: one plugin, no address translation."""
        addresses = {
            "type": "host-local",
            "subnet": subnet,
            "dataDir": str(self.folder / "addresses"),
        }
        plugins = [{"type": "ptp", "ipam": addresses}]
        document = {"cniVersion": "0.4.0", "name": network, "plugins": plugins}
        (self.folder / "cni").mkdir()
        (self.folder / "cni" / "10-pods.conflist").write_text(json.dumps(document))


def _snapshotter_for(folder: Path) -> str:
    """Overlays do not stand on overlays: in a container, layers are copied instead."""
    kind = output_of(["stat", "--file-system", "--format=%T", folder]).strip()
    return "native" if kind.startswith("overlay") else "overlayfs"
