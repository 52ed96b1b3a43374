"""Ties a cluster to the process that asked for it: it goes when its owner does, however it does.

A second process, the keeper, waits for the end of a pipe that only the owner holds open, and then
removes the cluster. An orderly end closes that pipe too: there is no other way for a cluster to
end, so a crash leaves what an orderly end leaves. If the keeper is killed as well, the next test
run finds the folder of an owner who is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from clusters.places import TESTS, clusters_of_test_runs
from clusters.programs import ClusterSetUpError
from clusters.removal import is_marked, mark, remove_cluster

PATIENCE_SECONDS = 600.0  # a busy disk takes minutes over the layers of images


class Keeper:
    """The process that removes a cluster once its owner has closed, or dropped, the pipe."""

    def __init__(self, state: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clusters.ownership", str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            start_new_session=True,
            text=True,
        )

    def remove(self) -> None:
        """Let the cluster be removed, and wait for it.

        Raises:
            ClusterSetUpError: Something of it stayed.
        """
        _, errors = self._process.communicate(timeout=PATIENCE_SECONDS)
        if self._process.returncode != 0:
            raise ClusterSetUpError(f"the cluster was not removed: {errors.strip()}")


def new_state_folder() -> Path:
    """Make the state folder of a cluster that this process owns, which its name tells."""
    prefix = f"{_identity(os.getpid())}-"
    state = Path(tempfile.mkdtemp(prefix=prefix, dir=clusters_of_test_runs())).resolve()
    mark(state)
    return state


def remove_clusters_of_dead_owners() -> None:
    """Remove what test runs left that were killed together with their keepers."""
    for state in clusters_of_test_runs().resolve().iterdir():
        owner = state.name.rpartition("-")[0]
        pid = owner.partition("-")[0]
        if is_marked(state) and pid.isdigit() and owner != _identity(int(pid)):
            remove_cluster(state)


def _identity(pid: int) -> str:
    """Return a process id with the moment of its start: a reused id is not its owner."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "nobody"
    return f"{pid}-{after_name[19]}"


if __name__ == "__main__":
    sys.stdin.read()
    remove_cluster(Path(sys.argv[1]))
