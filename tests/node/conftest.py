"""Tests on real kubelets: two nodes, each with its own containerd, in two pools."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clusters.control_plane import ControlPlane
from clusters.diagnosis import ACCESS, pytest_runtest_makereport
from clusters.fixtures import (
    cluster,
    end_with_folder,
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
from project_images import FOREIGN_TRIAL, GPU_TRIAL, OPERATOR, TRIAL

__all__ = ["cluster", "kubectl", "namespace", "pytest_runtest_makereport"]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refuse_unlisted_context()
    mark_level(items, Path(__file__).parent, "node")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    yield
    end_with_folder(item, nextitem, Path(__file__).parent, ("cluster", "node_cluster"))


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


IMAGES = {
    "deterministic_image": DETERMINISTIC_TRIAL,
    "operator_image": OPERATOR,
    "trial_image": TRIAL,
    "gpu_image": GPU_TRIAL,
    "foreign_image": FOREIGN_TRIAL,
}


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest) -> Mapping[str, Image]:
    """The images that the tests of this run ask for, by fixture: made at once, not in turn."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    recipes = {name: recipe for name, recipe in IMAGES.items() if name in asked}
    with ThreadPoolExecutor() as at_once:
        return dict(zip(recipes, at_once.map(build_image, recipes.values()), strict=True))


def _on_every_node(name: str) -> Callable[..., Image]:
    @pytest.fixture(scope="session", name=name)
    def give(node_cluster: NodeCluster, built: Mapping[str, Image]) -> Image:
        node_cluster.import_images([built[name]])
        return built[name]

    return give


deterministic_image, operator_image, trial_image, foreign_image = map(
    _on_every_node, (name for name in IMAGES if name != "gpu_image")
)


@pytest.fixture(scope="session")
def gpu_image(node_cluster: NodeCluster, built: Mapping[str, Image]) -> Image:
    """On the first node alone, where all its Pods run: it is a gigabyte."""
    node_cluster.nodes[0].containerd.import_image(built["gpu_image"].archive)
    return built["gpu_image"]


@pytest.fixture
def digits(kubectl: Kubectl) -> Kubectl:
    """kubectl in a namespace that holds the models and data of the digits example."""
    for name, files in digits_files().items():
        sources = [f"--from-file={file}" for file in files]
        kubectl.run("create", "configmap", name, *sources)
    return kubectl
