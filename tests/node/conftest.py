"""Tests on real kubelets: two nodes, each with its own containerd, in two pools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters.control_plane import ControlPlane
from clusters.diagnosis import ACCESS, pytest_runtest_makereport
from clusters.fixtures import (
    cluster,
    kubectl,
    mark_level,
    namespace,
    need_own_cluster,
    refuse_unlisted_context,
)
from clusters.images import Image, build_image
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster, own_node_cluster
from clusters.requirements import NODES
from node.operating import DETERMINISTIC_TRIAL
from pod_builders import digits_files
from project_images import OPERATOR, TRIAL

__all__ = ["cluster", "kubectl", "namespace", "pytest_runtest_makereport"]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refuse_unlisted_context()
    mark_level(items, Path(__file__).parent, "node")


@pytest.fixture(scope="session")
def node_cluster(request: pytest.FixtureRequest) -> Iterator[NodeCluster]:
    """The run's own control plane and nodes, whose parts a test may end and start again."""
    need_own_cluster(NODES)
    with own_node_cluster() as running:
        request.session.stash[ACCESS] = running.control_plane.access
        yield running


@pytest.fixture(scope="session")
def control_plane(node_cluster: NodeCluster) -> ControlPlane:
    """The control plane of the nodes."""
    return node_cluster.control_plane


@pytest.fixture(scope="session")
def deterministic_image(node_cluster: NodeCluster) -> Image:
    """The deterministic trial program as an image, on every node."""
    image = build_image(DETERMINISTIC_TRIAL)
    node_cluster.import_images([image])
    return image


@pytest.fixture(scope="session")
def operator_image(node_cluster: NodeCluster) -> Image:
    image = build_image(OPERATOR)
    node_cluster.import_images([image])
    return image


@pytest.fixture(scope="session")
def trial_image(node_cluster: NodeCluster) -> Image:
    image = build_image(TRIAL)
    node_cluster.import_images([image])
    return image


@pytest.fixture
def digits(kubectl: Kubectl) -> Kubectl:
    """kubectl in a namespace that holds the models and data of the digits example."""
    for name, files in digits_files().items():
        sources = [f"--from-file={file}" for file in files]
        kubectl.run("create", "configmap", name, *sources)
    return kubectl
