"""How the tests are shared out among workers that run side by side: a test file is one worker's.

So is a whole folder whose tests share a running cluster. What takes longest begins first, so that
no worker is left alone with it at the end.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

SHARING_A_CLUSTER = ("tests/node/", "tests/cluster/")
LONGEST_FIRST = (
    *SHARING_A_CLUSTER,
    *("tests/pytorch/", "tests/triton/", "tests/models/", "tests/local/"),
)


class ByFileOrCluster(LoadFileScheduling):  # type: ignore[misc]  # xdist carries no types
    """Gives a worker a file, or all the tests that share a cluster."""

    def _split_scope(self, nodeid: str) -> str:
        return worker_unit(nodeid)


def worker_unit(nodeid: str) -> str:
    """Return what a test is given out with: the folder of its cluster, or its file."""
    cluster = next((each for each in SHARING_A_CLUSTER if nodeid.startswith(each)), None)
    return cluster or nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """Return the place of a test's folder: the longest come first."""
    ranks = [at for at, folder in enumerate(LONGEST_FIRST) if nodeid.startswith(folder)]
    return ranks[0] if ranks else len(LONGEST_FIRST)
