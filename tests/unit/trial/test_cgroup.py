from __future__ import annotations

from pathlib import Path

import pytest

from deploytune_trial.cgroup import ControlGroup, Scheduling


def a_group(folder: Path, membership: str, files: dict[str, str]) -> ControlGroup:
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "membership").write_text(membership)
    return ControlGroup(folder / "mount", folder / "membership")


def test_version_2_counts_memory_kills_in_memory_events(tmp_path: Path) -> None:
    files = {"pod/memory.events": "low 0\nhigh 3\noom 2\noom_kill 2\n"}

    assert a_group(tmp_path, "0::/pod\n", files).oom_kills() == 2


def test_version_1_counts_memory_kills_in_oom_control(tmp_path: Path) -> None:
    files = {"memory/pod/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"}

    assert a_group(tmp_path, "4:memory:/pod\n0::/\n", files).oom_kills() == 1


def test_a_container_sees_its_group_at_the_root_of_the_mount(tmp_path: Path) -> None:
    files = {"memory/memory.oom_control": "oom_kill 5\n"}

    assert a_group(tmp_path, "4:memory:/kubepods/pod7\n", files).oom_kills() == 5


def test_the_kills_of_groups_above_are_not_ours(tmp_path: Path) -> None:
    files = {"memory.events": "oom_kill 9\n", "pod/memory.events": "oom_kill 0\n"}

    assert a_group(tmp_path, "0::/pod\n", files).oom_kills() == 0


def test_without_a_memory_controller_nothing_was_killed(tmp_path: Path) -> None:
    assert a_group(tmp_path, "0::/\n", {}).oom_kills() == 0


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/pod\n", {"pod/cpu.max": "50000 100000\n"}),
        (
            "2:cpu,cpuacct:/pod\n",
            {"cpu/pod/cpu.cfs_quota_us": "50000\n", "cpu/pod/cpu.cfs_period_us": "100000\n"},
        ),
        ("0::/pod/inner\n", {"pod/inner/cpu.max": "max 100000\n", "pod/cpu.max": "50000 100000"}),
    ],
    ids=["version 2", "version 1", "quota of the group above"],
)
def test_the_quota_bounds_the_cpus(tmp_path: Path, membership: str, files: dict[str, str]) -> None:
    assert a_group(tmp_path, membership, files).cpus() == 0.5


def test_without_a_quota_the_affinity_bounds_the_cpus(tmp_path: Path) -> None:
    assert a_group(tmp_path, "0::/pod\n", {"pod/cpu.max": "max 100000"}).cpus() >= 1


def test_throttling_is_read_where_the_quota_is(tmp_path: Path) -> None:
    files = {"pod/cpu.max": "50000 100000", "pod/cpu.stat": "nr_periods 30\nnr_throttled 12\n"}

    assert a_group(tmp_path, "0::/pod\n", files).scheduling() == Scheduling(30, 12)


def test_without_a_quota_nothing_is_throttled(tmp_path: Path) -> None:
    files = {"pod/cpu.max": "max 100000", "pod/cpu.stat": "nr_periods 30\nnr_throttled 12\n"}

    assert a_group(tmp_path, "0::/pod\n", files).scheduling() == Scheduling()


def test_the_throttled_share_is_of_the_periods_between() -> None:
    assert Scheduling(30, 12).throttled_share_since(Scheduling(10, 2)) == 0.5
    assert Scheduling(10, 2).throttled_share_since(Scheduling(10, 2)) == 0.0


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        (
            "0::/pod/inner\n",
            {
                "pod/inner/memory.max": "max\n",
                "pod/inner/memory.current": "70\n",
                "pod/memory.max": "100\n",
                "pod/memory.current": "80\n",
                "pod/memory.stat": "anon 50\ninactive_file 10\n",
            },
        ),
        (
            "4:memory:/pod\n",
            {
                "memory/pod/memory.limit_in_bytes": "100\n",
                "memory/pod/memory.usage_in_bytes": "80\n",
                "memory/pod/memory.stat": "inactive_file 1\ntotal_inactive_file 10\n",
            },
        ),
    ],
    ids=["version 2, limit of the group above", "version 1"],
)
def test_idle_files_do_not_count_as_memory_in_use(
    tmp_path: Path, membership: str, files: dict[str, str]
) -> None:
    assert a_group(tmp_path, membership, files).memory_left_bytes() == 30


def test_without_a_limit_of_memory_nobody_knows_what_is_left(tmp_path: Path) -> None:
    assert a_group(tmp_path, "0::/pod\n", {"pod/memory.max": "max"}).memory_left_bytes() is None
