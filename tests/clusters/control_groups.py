"""Control groups for a node: version 1 has one tree per controller, version 2 has one for all.

A kubelet with the `cgroupfs` driver makes the groups of Pods itself, under a root that must exist:
in every tree of version 1, with its cpuset filled in by hand; in version 2 with the controllers
handed down to it, which the kernel refuses while processes stand beside it in an inner group.
"""

from __future__ import annotations

from pathlib import Path

from clusters.removal import CONTROL_GROUPS

NEEDED = frozenset({"cpu", "cpuset", "memory", "pids"})
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def is_version_2() -> bool:
    """Whether the machine has the one tree of version 2."""
    return (CONTROL_GROUPS / "cgroup.controllers").exists()


def lacking_controllers() -> list[str]:
    """Return the controllers that a kubelet needs and does not get here."""
    if is_version_2():
        offered = set((CONTROL_GROUPS / "cgroup.controllers").read_text().split())
    else:
        offered = {path.name for path in CONTROL_GROUPS.glob("*") if path.is_dir()}
    return sorted(NEEDED - offered)


def make_root(group: str) -> None:
    """Make the root of a node's Pods, such as `cluster/node-1`."""
    if is_version_2():
        _make_in_one_tree(Path(group))
    else:
        for tree in _trees():
            (tree / group).mkdir(parents=True, exist_ok=True)
        _fill_cpuset(Path(group))


def _trees() -> list[Path]:
    """The controllers' trees of version 1; a symlink is another name of one of them."""
    named = [path for path in CONTROL_GROUPS.glob("*") if path.is_dir() and not path.is_symlink()]
    return [path for path in named if (path / "cgroup.procs").exists() and path.name != "unified"]


def _fill_cpuset(group: Path) -> None:
    tree = CONTROL_GROUPS / "cpuset"
    for folder in reversed([group, *group.parents][:-1]):
        for name in CPUSET_FILES:
            (tree / folder / name).write_text((tree / name).read_text())


def _make_in_one_tree(group: Path) -> None:
    hand_down = " ".join(f"+{controller}" for controller in sorted(NEEDED))
    for folder in reversed(group.parents):
        (CONTROL_GROUPS / folder).mkdir(exist_ok=True)
        (CONTROL_GROUPS / folder / "cgroup.subtree_control").write_text(hand_down)
    (CONTROL_GROUPS / group).mkdir(exist_ok=True)
