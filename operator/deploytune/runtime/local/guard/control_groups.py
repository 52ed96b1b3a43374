"""Control groups for one attempt, v1 and v2: made where they may be, limited, emptied, removed.

A group is made below this process's own, so that no limit set on the run is ever left. Version 2
forbids processes beside such a child; there the group stands next to one above, as long as each
group that is stepped out of limits nothing itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")

_PERIOD_MICROSECONDS = 100_000
_FEWEST_MICROSECONDS = 1_000
_REMOVING_SECONDS = 2.0
_PAUSE_SECONDS = 0.01


class ControlGroup(NamedTuple):
    """One group by its folder; every call stands the group's absence."""

    folder: Path

    @property
    def _is_unified(self) -> bool:
        return (self.folder.parent / "cgroup.controllers").exists()

    def create(self) -> None:
        """Make the group."""
        self.folder.mkdir(exist_ok=True)

    def limit_memory(self, limit_bytes: int) -> None:
        """Bound the memory of its processes together, swap included."""
        if self._is_unified:
            self._set("memory.max", limit_bytes)
            self._set_if_there("memory.swap.max", 0)
            self._set_if_there("memory.oom.group", 1)
        else:
            self._set("memory.limit_in_bytes", limit_bytes)
            self._set_if_there("memory.memsw.limit_in_bytes", limit_bytes)

    def limit_cpus(self, cpus: float) -> None:
        """Bound the CPU time of its processes together."""
        quota = max(_FEWEST_MICROSECONDS, round(cpus * _PERIOD_MICROSECONDS))
        if self._is_unified:
            self._set("cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")
        else:
            self._set("cpu.cfs_period_us", _PERIOD_MICROSECONDS)
            self._set("cpu.cfs_quota_us", quota)

    def add_this_process(self) -> None:
        """Move the calling process into the group."""
        self._set("cgroup.procs", os.getpid())

    def processes(self) -> list[int]:
        """Return the processes in the group."""
        return [int(pid) for pid in _read(self.folder / "cgroup.procs").split()]

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel has killed for memory."""
        for name in ("memory.events", "memory.oom_control"):
            for line in _read(self.folder / name).splitlines():
                field, _, count = line.partition(" ")
                if field == "oom_kill":
                    return int(count)
        return 0

    def remove(self) -> str:
        """Remove the group, which must have no live process; return why that failed, or nothing."""
        give_up = time.monotonic() + _REMOVING_SECONDS
        while True:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return ""
            except OSError as error:
                if time.monotonic() > give_up:
                    return f"control group {self.folder} could not be removed: {error.strerror}"
                time.sleep(_PAUSE_SECONDS)  # the kernel still takes its last process apart
            else:
                return ""

    def _set(self, name: str, value: object) -> None:
        (self.folder / name).write_text(str(value))

    def _set_if_there(self, name: str, value: object) -> None:
        if (self.folder / name).exists():
            self._set(name, value)


def place_for(controller: str, mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> Path | None:
    """Return the group below which groups of a controller may be made, None if there is none."""
    paths = _paths_by_controller(membership)
    if controller in paths:
        return _version_1_place(mount / controller, paths[controller])
    if "" in paths:
        return next(_version_2_places(mount, paths[""], controller), None)
    return None


def _version_1_place(root: Path, path: str) -> Path | None:
    # A container sees its own group at the root of the mount, whatever its path is called.
    own = root / path.lstrip("/")
    place = own if own.is_dir() else root
    return place if os.access(place, os.W_OK) else None


def _version_2_places(root: Path, path: str, controller: str) -> Iterator[Path]:
    own = root / path.lstrip("/")
    place = own if own.is_dir() else root
    while True:
        if os.access(place, os.W_OK) and _offers(place, controller):
            yield place
        if place == root or _is_limited(place):
            return
        place = place.parent


def _offers(place: Path, controller: str) -> bool:
    """Tell whether children of a version 2 group have a controller."""
    return controller in _read(place / "cgroup.subtree_control").split()


def _is_limited(place: Path) -> bool:
    limits = (_read(place / name).split() for name in ("memory.max", "memory.high", "cpu.max"))
    return any(limit and limit[0] != "max" for limit in limits)


def _paths_by_controller(membership: Path) -> dict[str, str]:
    """Read lines such as `4:memory:/a` (version 1) and `0::/a` (version 2, the empty name)."""
    paths: dict[str, str] = {}
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
