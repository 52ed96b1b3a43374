"""A control plane with nodes: what the tests of real Pods run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from clusters.control_plane import ControlPlane
from clusters.images import Image, pause_and_busybox
from clusters.kubelets import Node
from clusters.own_clusters import own_control_plane

NODES = 2


@dataclass(frozen=True)
class NodeCluster:
    """A control plane and its nodes, one per pool: pool-1, pool-2."""

    control_plane: ControlPlane
    nodes: Sequence[Node]

    def node_of(self, pool: str) -> Node:
        """Return the node of a pool."""
        [found] = [node for node in self.nodes if node.pool == pool]
        return found

    def import_images(self, images: Sequence[Image]) -> None:
        """Give every node some images, all nodes at once."""

        def give(node: Node) -> None:
            for image in images:
                node.containerd.import_image(image.archive)

        with ThreadPoolExecutor() as at_once:
            list(at_once.map(give, self.nodes))


def start_nodes(control_plane: ControlPlane, count: int) -> NodeCluster:
    """Start nodes, give them the images that every Pod needs, and wait until they are ready."""
    images = pause_and_busybox()
    nodes = [Node(control_plane, number) for number in range(1, count + 1)]
    for node in nodes:
        node.start()
    made = NodeCluster(control_plane, nodes)
    made.import_images(images)
    for node in nodes:
        node.await_ready()
    return made


@contextmanager
def own_node_cluster() -> Iterator[NodeCluster]:
    """Run a control plane with two nodes for as long as the context lasts."""
    with own_control_plane() as control_plane:
        yield start_nodes(control_plane, NODES)
