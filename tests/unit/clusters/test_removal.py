"""Removal removes what was made for a cluster, and refuses everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from clusters.programs import ClusterSetUpError
from clusters.removal import mark, remove_cluster


@pytest.fixture
def somebodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with somebody's file in it, which is the current folder too."""
    folder = tmp_path / "somebodys"
    folder.mkdir()
    (folder / "work").write_text("hours of it")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def a_clusters(tmp_path: Path) -> Path:
    """A folder that was made for a cluster."""
    folder = tmp_path / "state"
    folder.mkdir()
    mark(folder)
    return folder


@pytest.mark.parametrize("path", ["", ".", "relative"])
def test_a_relative_path_is_refused_and_nothing_is_touched(somebodys: Path, path: str) -> None:
    with pytest.raises(ClusterSetUpError, match="no absolute path"):
        remove_cluster(Path(path))

    assert (somebodys / "work").exists()


def test_a_folder_that_was_not_made_for_a_cluster_is_refused(somebodys: Path) -> None:
    with pytest.raises(ClusterSetUpError, match="was not made for a cluster"):
        remove_cluster(somebodys)

    assert (somebodys / "work").exists()


def test_a_folder_with_something_in_it_never_becomes_a_clusters(somebodys: Path) -> None:
    with pytest.raises(ClusterSetUpError, match="is not empty"):
        mark(somebodys)


def test_a_mark_that_was_copied_elsewhere_does_not_count(a_clusters: Path, somebodys: Path) -> None:
    for file in a_clusters.iterdir():
        (somebodys / file.name).write_text(file.read_text())

    with pytest.raises(ClusterSetUpError, match="was not made for a cluster"):
        remove_cluster(somebodys)

    assert (somebodys / "work").exists()


def test_a_folder_with_a_repository_in_it_is_refused_marked_or_not(a_clusters: Path) -> None:
    (a_clusters / ".git").mkdir()

    with pytest.raises(ClusterSetUpError, match="holds a repository"):
        remove_cluster(a_clusters)

    assert a_clusters.exists()


def test_a_link_to_a_clusters_folder_is_refused(tmp_path: Path, a_clusters: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(a_clusters)

    with pytest.raises(ClusterSetUpError, match="was not made for a cluster"):
        remove_cluster(link)

    assert a_clusters.exists()


def test_a_clusters_folder_is_removed_with_what_came_into_it(a_clusters: Path) -> None:
    (a_clusters / "log").mkdir()

    remove_cluster(a_clusters)
    remove_cluster(a_clusters)

    assert not a_clusters.exists()
