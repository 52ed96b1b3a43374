"""Where control groups may be made, on systems of both versions, in a copy of their folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploytune.runtime.local.guard.control_groups import ControlGroup, place_for


def _membership(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "membership"
    path.write_text(text)
    return path


def _unified(folder: Path, *, offers: str = "cpu memory", memory_max: str = "max") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text("cpu memory")
    (folder / "cgroup.subtree_control").write_text(offers)
    (folder / "memory.max").write_text(memory_max)
    return folder


def test_version_1_groups_stand_below_our_own(tmp_path: Path) -> None:
    own = tmp_path / "mount/memory/job"
    own.mkdir(parents=True)
    membership = _membership(tmp_path, "4:memory:/job\n1:cpu,cpuacct:/\n0::/\n")
    assert own == place_for("memory", tmp_path / "mount", membership)


def test_a_container_sees_its_version_1_group_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "mount/memory").mkdir(parents=True)
    membership = _membership(tmp_path, "4:memory:/docker/abc\n")
    assert tmp_path / "mount/memory" == place_for("memory", tmp_path / "mount", membership)


def test_version_2_groups_stand_below_our_own_where_that_may_have_children(tmp_path: Path) -> None:
    _unified(tmp_path / "mount")
    own = _unified(tmp_path / "mount/job")
    membership = _membership(tmp_path, "0::/job\n")
    assert own == place_for("memory", tmp_path / "mount", membership)


def test_version_2_groups_stand_beside_our_own_where_it_limits_nothing(tmp_path: Path) -> None:
    above = _unified(tmp_path / "mount/slice")
    _unified(above / "scope", offers="")
    membership = _membership(tmp_path, "0::/slice/scope\n")
    assert above == place_for("memory", tmp_path / "mount", membership)


def test_a_limit_set_on_us_is_never_left(tmp_path: Path) -> None:
    above = _unified(tmp_path / "mount/slice")
    _unified(above / "scope", offers="", memory_max="1000000")
    membership = _membership(tmp_path, "0::/slice/scope\n")
    assert None is place_for("memory", tmp_path / "mount", membership)


@pytest.mark.parametrize("text", ["", "3:devices:/\n"], ids=["none", "no memory"])
def test_where_there_are_no_groups_none_is_made(tmp_path: Path, text: str) -> None:
    assert None is place_for("memory", tmp_path / "mount", _membership(tmp_path, text))


def test_a_version_2_group_is_limited_and_counts_its_kills(tmp_path: Path) -> None:
    group = ControlGroup(_unified(tmp_path / "mount") / "deploytune-x")
    group.create()
    for name in ("memory.swap.max", "memory.oom.group"):
        (group.folder / name).touch()
    group.limit_memory(1_000_000)
    group.limit_cpus(0.5)
    found = {path.name: path.read_text() for path in group.folder.iterdir()}
    expected = {
        "memory.max": "1000000",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "50000 100000",
    }
    assert expected == found
    (group.folder / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 0\n")
    assert 2 == group.oom_kills()


def test_a_version_1_group_is_limited(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path / "deploytune-x")
    group.create()
    (group.folder / "memory.memsw.limit_in_bytes").touch()
    group.limit_memory(1_000_000)
    group.limit_cpus(2)
    found = {path.name: path.read_text() for path in group.folder.iterdir()}
    expected = {
        "memory.limit_in_bytes": "1000000",
        "memory.memsw.limit_in_bytes": "1000000",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "200000",
    }
    assert expected == found


def test_a_group_that_is_gone_is_empty_and_may_be_removed_again(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path / "gone")
    assert ([], 0, "") == (group.processes(), group.oom_kills(), group.remove())


def test_a_group_that_will_not_go_is_named(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path / "full")
    (group.folder / "child").mkdir(parents=True)
    assert "full could not be removed" in group.remove()
