"""A cluster with running Pods leaves no process, mount, control group or file, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clusters.fixtures import need_own_cluster
from clusters.ownership import remove_clusters_of_dead_owners
from clusters.places import TESTS
from clusters.removal import (
    control_groups_of,
    files_outside,
    is_marked,
    mounts_of,
    processes_of,
    remove_cluster,
)
from clusters.requirements import NODES
from clusters.waiting import eventually

# A cluster of one node with a Pod that runs for ever; ends at a line on its standard input.
OWNER = """
import sys
from clusters.images import BUSYBOX_IMAGE
from clusters.namespaces import new_namespace
from clusters.node_clusters import start_nodes
from clusters.own_clusters import own_control_plane

with own_control_plane() as control_plane:
    start_nodes(control_plane, 1)
    with new_namespace(control_plane.access, labels={}) as namespace:
        command = ["run", "endless", f"--image={BUSYBOX_IMAGE}", "--image-pull-policy=IfNotPresent"]
        namespace.kubectl.run(*command, "--command", "--", "/bin/busybox", "sleep", "86400")
        namespace.kubectl.run("wait", "--for=condition=Ready", "pod/endless", "--timeout=60s")
        print(control_plane.state, flush=True)
        sys.stdin.readline()
"""


class Owner:
    """A process that owns a cluster, as a test run does."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        if not said:
            self.process.communicate()
            pytest.fail(f"the owner ended with {self.process.returncode} and made no cluster")
        self.state = Path(said)
        assert is_marked(self.state)

    def keepers(self) -> list[int]:
        """The processes that will remove the cluster when the owner is gone."""
        found = subprocess.run(
            ["pgrep", "--full", f"clusters.ownership {self.state}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in found.stdout.split()]

    def end(self) -> None:
        """End it, whatever the test did to it, and whatever it still owns."""
        self.process.kill()
        self.process.communicate()
        remove_cluster(self.state)


@pytest.fixture
def owner() -> Iterator[Owner]:
    need_own_cluster(NODES)
    owner = Owner()
    try:
        yield owner
    finally:
        owner.end()


def end_in_good_order(owner: Owner) -> None:
    owner.process.communicate("\n")
    assert owner.process.returncode == 0


def kill_the_owner(owner: Owner) -> None:
    owner.process.kill()


def kill_the_owner_and_its_keeper(owner: Owner) -> None:
    [keeper] = owner.keepers()
    os.kill(keeper, signal.SIGKILL)
    owner.process.kill()
    owner.process.wait()
    assert processes_of(owner.state)

    remove_clusters_of_dead_owners()


@pytest.mark.parametrize("end", [end_in_good_order, kill_the_owner, kill_the_owner_and_its_keeper])
def test_nothing_is_left_of_a_cluster(owner: Owner, end: Callable[[Owner], None]) -> None:
    assert len(processes_of(owner.state)) >= 8
    assert mounts_of(owner.state)
    assert control_groups_of(owner.state)
    outside = files_outside(owner.state)
    assert outside

    end(owner)

    eventually(lambda: not owner.keepers(), "the end of the keeper")
    assert [] == processes_of(owner.state)
    assert [] == mounts_of(owner.state)
    assert [] == control_groups_of(owner.state)
    assert [] == [path for path in outside if path.exists()]
    assert not owner.state.exists()
