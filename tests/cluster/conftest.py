"""Tests against a real control plane: etcd, API server, controller manager, scheduler; no nodes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest
from clusters.access import Access
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
from clusters.kwok import pretended_nodes
from clusters.namespaces import Namespace
from clusters.own_clusters import own_control_plane
from clusters.requirements import CONTROL_PLANE
from operator_processes import OperatorProcess, an_operator

__all__ = ["cluster", "kubectl", "namespace", "pytest_runtest_makereport"]


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refuse_unlisted_context()
    mark_level(items, Path(__file__).parent, "cluster")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    yield
    end_with_folder(item, nextitem, Path(__file__).parent, ("cluster", "control_plane"))


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """The run's own control plane, whose parts a test may end and start again."""
    need_own_cluster(CONTROL_PLANE)
    with own_control_plane() as running:
        request.session.stash[ACCESS] = running.access
        yield running


@pytest.fixture(scope="session")
def pretended_pools(control_plane: ControlPlane) -> Iterator[Sequence[str]]:
    """The names of nodes that only pretend, one in each pool; `clusters.stages` is what they do."""
    with pretended_nodes(control_plane) as names:
        yield names


@pytest.fixture
def operator(cluster: Access, namespace: Namespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator on the test's namespace."""
    with an_operator(cluster, tmp_path, namespace.name) as running:
        yield running
