"""Workers share the tests out so that a cluster is one worker's, and the longest come first."""

from __future__ import annotations

import pytest
from clusters.places import REPOSITORY
from side_by_side import LONGEST_FIRST, SHARING_A_CLUSTER, rank, worker_unit


def test_what_is_named_is_there() -> None:
    assert [] == [each for each in LONGEST_FIRST if not (REPOSITORY / each).is_dir()]


@pytest.mark.parametrize("folder", SHARING_A_CLUSTER)
def test_the_tests_of_a_cluster_are_one_workers(folder: str) -> None:
    assert folder == worker_unit(f"{folder}test_a.py::test_one")
    assert folder == worker_unit(f"{folder}test_b.py::test_two[of/many::more]")


def test_others_are_shared_out_by_file() -> None:
    assert "tests/clusters/test_a.py" == worker_unit("tests/clusters/test_a.py::test_one")
    assert "tests/unit/test_a.py" == worker_unit("tests/unit/test_a.py::test_two[of::many]")


def test_the_longest_come_first() -> None:
    named = [
        "tests/unit/a.py::a",
        "tests/local/a.py::a",
        "tests/cluster/a.py::a",
        "tests/node/a.py::a",
    ]
    assert named[::-1] == sorted(named, key=rank)
