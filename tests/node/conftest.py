"""Tests on real kubelets: two nodes, each with its own containerd, in two pools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters.control_plane import ControlPlane
from clusters.fixtures import (
    cluster,
    kubectl,
    mark_level,
    namespace,
    need_own_cluster,
    refuse_unlisted_context,
)
from clusters.node_clusters import NodeCluster, own_node_cluster
from clusters.requirements import NODES

__all__ = ["cluster", "kubectl", "namespace"]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refuse_unlisted_context()
    mark_level(items, Path(__file__).parent, "node")


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[NodeCluster]:
    """The run's own control plane and nodes, whose parts a test may end and start again."""
    need_own_cluster(NODES)
    with own_node_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def control_plane(node_cluster: NodeCluster) -> ControlPlane:
    """The control plane of the nodes."""
    return node_cluster.control_plane
