"""The one way a cluster ends: nothing of it is asked, everything of it is found and removed.

What belongs to a cluster names its state folder: servers and container shims on their command
lines, mounts by their place, control groups by a name made of it. So a cluster whose test run was
killed is removed as well as one that ended in good order, by whoever finds its folder.

Only a folder that `mark` has marked, when it was new and empty, is ever removed: a path that came
out wrong (empty, the current folder, somebody's home) is an error, and nothing is touched. Nor is a
folder with a repository in it, marked or not, and no removal goes through a mount.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from clusters.places import REPOSITORY
from clusters.programs import ClusterSetUpError

CONTROL_GROUPS = Path("/sys/fs/cgroup")
CNI_RESULTS = Path("/var/lib/cni/results")
MARK = ".deploytune-test-cluster"
PATIENCE_SECONDS = 30.0
PROGRAMS = frozenset(
    {
        *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"),
        *("kwok", "containerd", "containerd-shim-runc-v2"),
    }
)


def mark(state: Path) -> None:
    """Declare a new, empty folder a cluster's, to be removed with everything in it.

    Raises:
        ClusterSetUpError: There is something in it.
    """
    if any(state.iterdir()):
        raise ClusterSetUpError(f"{state} is not empty: it will not become a cluster's")
    (state / MARK).write_text(name_of(state))


def is_marked(state: Path) -> bool:
    """Whether a folder was made for a cluster, at this very place."""
    return state.is_absolute() and _text(state / MARK) == name_of(state)


def remove_cluster(state: Path) -> None:
    """End all that runs of a cluster and remove all that it left; nothing if it is gone already.

    Raises:
        ClusterSetUpError: The folder is no cluster's, or something stayed; the message names it.
    """
    if not state.is_absolute():
        raise ClusterSetUpError(f"{str(state)!r} is no absolute path: nothing is removed")
    if not os.path.lexists(state):
        return
    _refuse_what_is_not_a_clusters(state)
    _until_none(lambda: processes_of(state), _kill, "processes")
    for path in files_outside(state):
        path.unlink(missing_ok=True)
    _until_none(lambda: mounts_of(state), _unmount, "mounts")
    _until_none(lambda: control_groups_of(state), _remove_groups, "control groups")
    _remove_folder(state)


def name_of(state: Path) -> str:
    """Return the name that a cluster's control groups and Pod networks begin with."""
    return f"deploytune-{hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]}"


def processes_of(state: Path) -> list[int]:
    """Return the servers, shims and containers of a cluster that live."""
    servers = [pid for pid, words in _command_lines() if _is_server_of(state, words)]
    lists = [path for group in control_groups_of(state) for path in group.glob("cgroup.procs")]
    contained = [int(pid) for path in lists for pid in _text(path).split()]
    return sorted({*servers, *contained})


def mounts_of(state: Path) -> list[str]:
    """Return the mount points inside a state folder, the innermost first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1] for line in lines]
    return sorted((point for point in points if point.startswith(f"{state}/")), reverse=True)


def control_groups_of(state: Path) -> list[Path]:
    """Return the control groups of a cluster, the innermost first."""
    name = name_of(state)
    roots = [CONTROL_GROUPS / name, *CONTROL_GROUPS.glob(f"*/{name}")]
    return [
        Path(folder)
        for root in roots
        if root.is_dir() and not root.is_symlink()
        for folder, _, _ in os.walk(root, topdown=False)
    ]


def files_outside(state: Path) -> list[Path]:
    """Return what is not in the state folder: shims' sockets, noted there, and network results."""
    notes = state.glob("*/containerd-state/io.containerd.runtime.v2.task/k8s.io/*/address")
    noted = [_text(note).strip().removeprefix("unix://") for note in notes]
    sockets = [Path(path) for path in noted if path.startswith("/run/containerd/s/")]
    return [*sockets, *CNI_RESULTS.glob(f"{name_of(state)}-*")]


def _refuse_what_is_not_a_clusters(state: Path) -> None:
    if state != state.resolve() or not is_marked(state):
        raise ClusterSetUpError(f"{state} was not made for a cluster: nothing is removed")
    if (state / ".git").exists() or REPOSITORY.resolve().is_relative_to(state):
        raise ClusterSetUpError(f"{state} holds a repository: nothing is removed")


def _remove_folder(state: Path) -> None:
    if mounted := mounts_of(state):
        raise ClusterSetUpError(f"{state} is not removed: {mounted[0]} is mounted in it")
    shutil.rmtree(state, ignore_errors=True)
    if state.exists():
        raise ClusterSetUpError(f"{state} could not be removed")


def _until_none(
    left: Callable[[], list[int] | list[str] | list[Path]],
    remove: Callable[[Iterable[object]], None],
    what: str,
) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while found := left():
        if time.monotonic() > until:
            raise ClusterSetUpError(f"{what} that stayed: {', '.join(map(str, found))}")
        remove(found)
        time.sleep(0.02)


def _kill(pids: Iterable[object]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(str(pid)), signal.SIGKILL)


def _unmount(points: Iterable[object]) -> None:
    for point in points:
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)


def _remove_groups(groups: Iterable[object]) -> None:
    for group in groups:
        with suppress(OSError):  # busy for as long as the kernel clears a killed process away
            Path(str(group)).rmdir()


def _is_server_of(state: Path, words: list[str]) -> bool:
    return Path(words[0]).name in PROGRAMS and any(
        word == str(state) or f"{state}/" in word for word in words
    )


def _command_lines() -> Iterable[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = _text(path).rstrip("\0").split("\0")
        if words[0]:
            yield int(path.parent.name), words


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended since
        return ""
