"""The fixtures that both levels of cluster tests share; their conftests take them from here.

`cluster` is the access to whatever cluster there is, the test run's own or the user's. A test that
takes `control_plane`, or `node_cluster`, ends and restarts parts of it: on a user's cluster it is
skipped, by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from clusters.access import Access
from clusters.diagnosis import ACCESS
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.requirements import Requirement, why_not
from clusters.user_cluster import NotAllowedError, is_named, reach, users_cluster

REQUIRE = "DEPLOYTUNE_REQUIRE_CLUSTER"
TEST_TIMEOUT_SECONDS = 120


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Access:
    """The access to the cluster: the user's own if one is named, else one made for this run."""
    if is_named(os.environ):
        access = reach(os.environ)
        access.apply_crds()
        request.session.stash[ACCESS] = access
        return access
    own: Access = request.getfixturevalue("control_plane").access
    return own


@pytest.fixture
def namespace(cluster: Access) -> Iterator[Namespace]:
    """A namespace of the test's own; its Pods must be `restricted`."""
    with new_namespace(cluster) as made:
        yield made


@pytest.fixture
def kubectl(namespace: Namespace) -> Kubectl:
    """kubectl in the test's namespace, as the administrator."""
    return namespace.kubectl


def need_own_cluster(requirements: Sequence[Requirement]) -> None:
    """Skip, or fail where the cluster is required, if none can be made here."""
    if is_named(os.environ):
        pytest.skip("ends parts of the cluster: runs on the tests' own clusters only")
    need(requirements, "test cluster")


def need(requirements: Sequence[Requirement], what: str) -> None:
    """Skip, or fail where clusters are required, if something is lacking."""
    if reason := why_not(requirements):
        (pytest.fail if os.environ.get(REQUIRE) else pytest.skip)(f"no {what}: {reason}")


def mark_level(items: Sequence[pytest.Item], folder: Path, marker: str) -> None:
    """Mark the tests of a level; the time that a cluster takes to come up is not a test's own."""
    for item in items:
        if folder in item.path.parents:
            item.add_marker(marker)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_SECONDS, func_only=True))


def end_with_folder(
    item: pytest.Item, nextitem: pytest.Item | None, folder: Path, shared: Sequence[str]
) -> None:
    """End fixtures of the whole run after the last test of their folder: they cost while they run.

    Should a test of the folder come later, it gets them anew.
    """
    if nextitem is not None and folder not in nextitem.path.parents:
        for name in shared:
            for definition in item.session._fixturemanager.getfixturedefs(name, item) or ():
                definition.finish(item._request)  # type: ignore[attr-defined]


def refuse_unlisted_context() -> None:
    """End the run in one line if the environment names a cluster that is not allowed."""
    if is_named(os.environ):
        try:
            users_cluster(os.environ)
        except NotAllowedError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
